/** The least server that asks for passwords: transports, transactions, an authorizer, and a 200 for who gets through. */
import { Account, AccountTable } from "../../src/accounts/index.ts";
import { hash } from "../../src/hash.ts";
import { createLog } from "../../src/log.ts";
import { type AuthorizerOptions, authorizer } from "../../src/routing/authorize.ts";
import { Arrival, type Incoming } from "../../src/routing/chain.ts";
import { parseCredentials } from "../../src/sip/auth-params.ts";
import { Nonces } from "../../src/sip/digest-nonce.ts";
import { buildResponse } from "../../src/sip/message.ts";
import { secureRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { TransportLayer } from "../../src/transport/index.ts";
import { SystemClock } from "../../src/transport/system-clock.ts";
import { freePort } from "./peers/ports.ts";

export interface AuthServer {
  readonly port: number;
  /** What became of each request, such as `REGISTER challenged`, `REGISTER accepted alice MD5`. */
  readonly story: string[];
  /** Resolves when the story says this. */
  said(line: string): Promise<void>;
  close(): Promise<void>;
}

/** Serves alice (wonderland) and bob (builder) of example.com on `host`, by UDP and TCP. */
export async function authServer(host: string, options: Partial<AuthorizerOptions> = {}): Promise<AuthServer> {
  const clock = new SystemClock();
  const log = createLog({ level: "error", format: "pretty" });
  const port = await freePort();
  const story: string[] = [];
  const waiting = new Map<string, () => void>();
  let asked: Incoming | undefined;
  const receive = authorizer({
    accounts: new AccountTable([
      new Account({ user: "alice", password: "wonderland" }),
      new Account({ user: "bob", password: "builder", domain: "example.com" }),
    ]),
    realm: () => "example.com",
    nonces: new Nonces({ clock, hash, secret: crypto.getRandomValues(new Uint8Array(32)) }),
    tell: ({ user, outcome }) => {
      const found = asked && (asked.request.header("authorization") ?? asked.request.header("proxy-authorization"));
      const { algorithm = "" } = (found === undefined ? undefined : parseCredentials(found)) ?? {};
      const line = [asked?.request.method, outcome, user, algorithm].filter(Boolean).join(" ");
      story.push(line);
      waiting.get(line)?.();
    },
    ...options,
  });
  const transactions = new TransactionLayer({
    clock,
    random: secureRandom,
    user: {
      request(tx, request) {
        const incoming = new Arrival(tx);
        asked = incoming;
        if (receive(incoming)) return;
        const contact = request.contact?.uriText;
        const expires = request.header("expires") ?? "3600";
        tx.respond(
          buildResponse(request, 200, {
            toTag: secureRandom.token(4),
            source: tx.flow.remote,
            headers: contact === undefined ? [] : [["Contact", `<${contact}>;expires=${expires}`]],
          }),
        );
      },
      ack: () => {},
      cancel: () => {},
      strayResponse: () => {},
    },
  });
  const transport = await TransportLayer.open({
    listen: [
      { transport: "udp", host, port },
      { transport: "tcp", host, port },
    ],
    clock,
    log,
    events: { message: (message, flow) => transactions.receive(message, flow), failure: () => {}, closed: () => {} },
  });
  return {
    port,
    story,
    async said(line) {
      if (!story.includes(line)) await new Promise<void>((resolve) => waiting.set(line, resolve));
    },
    close: () => transport.close(),
  };
}
