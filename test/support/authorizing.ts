/** A server with an authorizer in virtual time: requests go in as octets, what is answered comes out, and what got through. */
import { Account, type AccountFields, AccountTable } from "../../src/accounts/index.ts";
import { hash } from "../../src/hash.ts";
import { type AuthorizerOptions, authorizer } from "../../src/routing/authorize.ts";
import { Arrival, type Incoming } from "../../src/routing/chain.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import type { Hash } from "../../src/sip/digest.ts";
import { DigestClient } from "../../src/sip/digest-client.ts";
import { Nonces } from "../../src/sip/digest-nonce.ts";
import { buildResponse, type Request, Response } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, parsed, type RequestParts, requestFrom } from "./fake-flow.ts";

export const people: readonly AccountFields[] = [
  { user: "alice", password: "wonderland", name: "Alice" },
  { user: "bob", domain: "example.com", password: "biloxi" },
  { user: "carol", password: "hidden", disabled: true },
  {
    user: "dave",
    ha1: {
      MD5: hash("MD5", "dave:example.com:stored"),
      "SHA-256": hash("SHA-256", "dave:example.com:stored"),
      "SHA-512-256": hash("SHA-512-256", "dave:example.com:stored"),
    },
  },
  { user: "jäs øn", password: "pässword" },
];

let requests = 0;

export class AuthorizingBench {
  readonly clock = new VirtualClock();
  readonly flow: FakeFlow;
  readonly table: AccountTable;
  readonly nonces: Nonces;
  /** What the authorizer let through. */
  readonly passed: Incoming[] = [];
  readonly told: { source: string; user: string | undefined; outcome: string; proved: boolean }[] = [];
  /** Hash operations since it was last set to 0. */
  hashes = 0;
  readonly #layer: TransactionLayer;

  constructor(options: Partial<AuthorizerOptions> & { transport?: "udp" | "tcp"; memory?: number } = {}) {
    this.clock.advance(1_000_000);
    this.flow = new FakeFlow(options.transport ?? "udp");
    const counting: Hash = (algorithm, octets) => {
      this.hashes++;
      return hash(algorithm, octets);
    };
    this.table = new AccountTable(people.map((fields) => new Account(fields)));
    const { memory } = options;
    const secret = new Uint8Array(32).fill(7);
    this.nonces = new Nonces({ clock: this.clock, hash: counting, secret, ...(memory !== undefined && { memory }) });
    const receive = authorizer({
      accounts: this.table,
      realm: () => "example.com",
      nonces: this.nonces,
      hash: counting,
      algorithms: ["SHA-256", "MD5"],
      tell: (event) => this.told.push(event),
      ...options,
    });
    this.#layer = new TransactionLayer({
      clock: this.clock,
      random: seededRandom(1),
      user: {
        request: (tx, request) => {
          const incoming = new Arrival(tx);
          if (receive(incoming)) return;
          this.passed.push(incoming);
          tx.respond(buildResponse(request, 200, { toTag: "t" }));
        },
        ack: () => {},
        cancel: () => {},
        strayResponse: () => {},
      },
    });
  }

  /** The one answer to a message. */
  ask(message: Request | string): Response {
    const request = typeof message === "string" ? parsed(message) : message;
    this.#layer.receive(request, this.flow);
    const [response, more] = this.flow.takeMessages();
    if (!(response instanceof Response) || more !== undefined) throw new TypeError("one response was expected");
    return response;
  }

  /** The nonce of a new challenge. */
  challenge(): string {
    return /nonce="([^"]*)"/.exec(this.ask(request()).header("www-authenticate") ?? "")?.[1] ?? "";
  }

  client(user: string, password: string): DigestClient {
    return new DigestClient({ hash, random: seededRandom(requests), identities: [{ user, password }] });
  }

  /** Sends a request, and again with credentials as long as it is challenged; the statuses of all answers. */
  exchange(user: string, password: string, parts: RequestParts = {}, client = this.client(user, password)): number[] {
    const attempt = client.attempt();
    const statuses: number[] = [];
    for (;;) {
      const method = parts.method ?? "REGISTER";
      const uri = parts.uri ?? "sip:example.com";
      const lines = attempt.headers(method, uri).map(([name, value]) => `${name}: ${value}`);
      const response = this.ask(request({ ...parts, headers: [...(parts.headers ?? []), ...lines] }));
      statuses.push(response.status);
      if (response.status !== 401 && response.status !== 407) return statuses;
      if (attempt.challenged(response) !== undefined) return statuses;
    }
  }
}

/** A REGISTER of Alice's, or what `parts` make of it; another transaction each time. */
export function request(parts: RequestParts = {}): Request {
  requests++;
  return requestFrom({
    method: "REGISTER",
    uri: "sip:example.com",
    branch: `z9hG4bK${requests}`,
    from: "Alice <sip:alice@example.com>;tag=a1",
    to: "<sip:alice@example.com>",
    sequence: requests,
    ...parts,
    headers: ["User-Agent: a phone of about the size that phones have", ...(parts.headers ?? [])],
  });
}
