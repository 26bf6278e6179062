/** Registrations that nobody makes, for the reason that rehearsal.ts gives: REGISTER, 401, REGISTER with a digest, 200. */
import { Account, AccountTable } from "../accounts/index.ts";
import { hash } from "../hash.ts";
import type { Clock } from "../sip/clock.ts";
import { DigestClient } from "../sip/digest-client.ts";
import { Nonces } from "../sip/digest-nonce.ts";
import type { Flow } from "../sip/flow.ts";
import { checkRequest, parseMessage, type Response } from "../sip/message.ts";
import { secureRandom } from "../sip/random.ts";
import { TransactionLayer } from "../sip/transaction/index.ts";
import { authorizer } from "./authorize.ts";
import { Arrival, chain } from "./chain.ts";
import { Location, registrar, servedDomains } from "./registrar/index.ts";

/** Addresses that are for documentation (RFC 5737). */
const we = { host: "192.0.2.1", port: 5060 };
const phone = { host: "198.51.100.1", port: 5060 };
const domain = "example.com";

/** Plays one registration with each step until `registrations` are through; gives how many succeeded. */
export function* registrationRehearsal(registrations: number): Generator<void, number, void> {
  const password = secureRandom.token(8);
  const clock: Clock = { now: () => 1_000_000, after: () => ({ cancel() {} }) };
  const location = new Location({ clock });
  const receive = chain(
    authorizer({
      accounts: new AccountTable([new Account({ user: "rehearsal", password })]),
      realm: () => domain,
      nonces: new Nonces({ clock, hash, secret: crypto.getRandomValues(new Uint8Array(32)) }),
      algorithms: ["MD5"],
      kind: "www",
    }),
    registrar({
      location,
      limits: { minExpires: 60, defaultExpires: 3600, maxExpires: 7200, maxContacts: 10 },
      domainOf: servedDomains([domain]),
    }),
  );
  let sent: Uint8Array | undefined;
  const flow: Flow = {
    transport: "udp",
    reliable: false,
    local: we,
    remote: phone,
    id: "rehearsal",
    send(bytes) {
      sent = bytes;
    },
  };
  const transactions = new TransactionLayer({
    clock,
    random: secureRandom,
    user: { request: (tx) => void receive(new Arrival(tx)), ack() {}, cancel() {}, strayResponse() {} },
  });
  /** The response to a REGISTER. */
  const ask = (id: string, sequence: number, credentials: string): Response | undefined => {
    const octets =
      `REGISTER sip:${domain} SIP/2.0\r\nVia: SIP/2.0/UDP ${phone.host}:5060;rport;branch=z9hG4bK${id}${sequence}\r\n` +
      `Max-Forwards: 70\r\nFrom: <sip:rehearsal@${domain}>;tag=${id}\r\nTo: <sip:rehearsal@${domain}>\r\n` +
      `Call-ID: ${id}@${phone.host}\r\nCSeq: ${sequence} REGISTER\r\nContact: <sip:rehearsal@${phone.host}:5060>\r\n` +
      `Expires: 3600\r\n${credentials}Content-Length: 0\r\n\r\n`;
    sent = undefined;
    const request = parseMessage(Buffer.from(octets, "latin1"), "datagram");
    if (request.type === "request" && checkRequest(request) === undefined) transactions.receive(request, flow);
    const response = sent === undefined ? undefined : parseMessage(sent, "datagram");
    return response?.type === "response" ? response : undefined;
  };
  let succeeded = 0;
  for (let i = 0; i < registrations; i++) {
    const id = secureRandom.token(6);
    const attempt = new DigestClient({
      hash,
      random: secureRandom,
      identities: [{ user: "rehearsal", password }],
    }).attempt();
    const challenge = ask(id, 1, "");
    if (challenge?.status === 401 && attempt.challenged(challenge) === undefined) {
      const lines = attempt
        .headers("REGISTER", `sip:${domain}`, undefined)
        .map(([name, value]) => `${name}: ${value}\r\n`);
      if (ask(id, 2, lines.join(""))?.status === 200) succeeded++;
    }
    yield;
  }
  location.close();
  return succeeded;
}
