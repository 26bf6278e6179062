/** R7: a datagram in somebody's name has us send him at most three octets for each of its own, on every kind of route. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fresh, Peer } from "../support/peer.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

let site: Site;
let open: Site;
let alice: Peer;
const long = (n: number) => `<sip:alice${n}@127.0.0.61:9;x=${"y".repeat(900)}>`;
const contacts = Array.from({ length: 10 }, (_, n) => long(n)).join(", ");
const longAndElsewhere: readonly (readonly [string, string])[] = [["Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKx"]];

beforeAll(async () => {
  const routes = `
  - { to: "blocked@*", reply: 403 }
  - { to: "elsewhere@*", redirect: "sip:somebody@elsewhere.example" }
  - { to: "servers@*", proxy: ["sip:192.0.2.1:5070", "sip:192.0.2.2:5070", "sip:192.0.2.3:5070"], mode: redirect }
  - { to: "asked@*", location: true, auth: any }
  - { to: "*", from: "*@redirect.example", location: true, mode: redirect }
  - { to: "*", from: "*@stateless.example", location: true, mode: stateless }
  - { to: "unknown@*", proxy: "sip:nobody.invalid", mode: stateless }
  - { to: "*@example.com", location: true }`;
  site = await openSite(`
domains: [example.com]
accounts: [{ user: alice, password: wonderland }, { user: bob, password: builder }]
auth: { algorithms: [SHA-512-256, SHA-256, MD5], realm: "${"a realm of many words ".repeat(5)}" }
registrar: { max_contacts: 10 }
routes:${routes}`);
  open = await openSite(`
domains: [example.com]
registrar: { open: true }
routes:${routes.replace(/.*auth: any.*\n/, "")}`);
  alice = await Peer.open(site.port.udp, "udp", { host: "127.0.0.61", user: "alice", password: "wonderland" });
  expect((await alice.register(contacts, longAndElsewhere)).status).toBe(200);
  const somebody = await Peer.open(open.port.udp, "udp", { host: "127.0.0.61", user: "alice" });
  expect((await somebody.register(contacts, longAndElsewhere)).status).toBe(200);
});
afterAll(stopSites);

/** The least that a request can be. */
function least(method: string, uri: string, from = "sip:a@b", lines: readonly string[] = []): string {
  const head = [
    `${method} ${uri} SIP/2.0`,
    "v:SIP/2.0/UDP h;rport",
    `f:${from};tag=1`,
    `t:${uri}`,
    `i:${fresh("")}`,
    `CSeq:1 ${method}`,
    ...(method === "INVITE" || method === "SUBSCRIBE" ? ["m:<sip:a>"] : []),
  ];
  return [...head, ...lines, "", ""].join("\r\n");
}

const methods = ["INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "BYE", "CANCEL", "ACK", "REFER", "PUBLISH", "X"];
const froms = ["sip:a@b", "sip:x@redirect.example", "sip:x@stateless.example", "sip:a@example.com"];
const users = ["blocked", "elsewhere", "servers", "asked", "alice", "bob", "nobody", "unknown"];
const bad =
  'Digest username="alice",realm="example.com",nonce="x",uri="sip:example.com",response="0",qop=auth,nc=00000001,cnonce="c"';

const cases: readonly [name: string, messages: () => string[]][] = [
  ...users.map((user): [string, () => string[]] => [
    `to ${user}`,
    () => methods.flatMap((method) => froms.map((from) => least(method, `sip:${user}@example.com`, from))),
  ]),
  ["to strangers", () => methods.map((method) => least(method, "sip:x@elsewhere.example"))],
  ["to the domain", () => methods.map((method) => least(method, "sip:example.com"))],
  ["to another scheme", () => methods.map((method) => least(method, "tel:+15551234"))],
  [
    "REGISTER",
    () => [least("REGISTER", "sip:example.com"), least("REGISTER", "sip:example.com", "sip:alice@example.com")],
  ],
  [
    "REGISTER for who has many contacts",
    () => [least("REGISTER", "sip:example.com").replace(/t:.*/, "t:sip:alice@example.com")],
  ],
  [
    "REGISTER with wrong credentials",
    () => [least("REGISTER", "sip:example.com", "sip:a@b", [`Authorization:${bad}`])],
  ],
  ["REGISTER with something required", () => [least("REGISTER", "sip:example.com", "sip:a@b", ["Require:a,b,c,d,e"])]],
  [
    "INVITE with credentials for a proxy",
    () => [least("INVITE", "sip:asked@example.com", "sip:a@b", [`Proxy-Authorization:${bad}`])],
  ],
  [
    "something required of proxies",
    () => [least("INVITE", "sip:alice@example.com", "sip:a@b", ["Proxy-Require:a,b,c"])],
  ],
  [
    "no hops left",
    () => [
      least("INVITE", "sip:alice@example.com", "sip:a@b", ["Max-Forwards:0"]),
      least("OPTIONS", "sip:example.com", "sip:a@b", ["Max-Forwards:0"]),
    ],
  ],
  ["a Route of ours", () => [least("BYE", "sip:a@b", "sip:a@b", [`Route:<sip:127.0.0.1:${site.port.udp};lr>`])]],
];

describe.each([
  ["with accounts", () => site],
  ["open to anybody", () => open],
])("a server %s", (_, of) => {
  test.each(cases)("%s", async (_name, messages) => {
    const probe = await Peer.open(of().port.udp, "udp", { host: "127.0.0.63" });
    for (const message of messages()) {
      const victim = await Peer.open(of().port.udp, "udp", { host: "127.0.0.62" });
      victim.send(message);
      await probe.settled();
      const [line] = message.split("\r\n");
      const ratio = victim.octets / message.length;
      expect({
        line,
        ratio: ratio <= 3 ? "at most 3" : ratio,
        answers: victim.responses.map(({ status }) => status),
      }).toMatchObject({ line, ratio: "at most 3" });
      victim.close();
    }
    probe.close();
    expect(of().faults).toEqual([]);
  });
});

test("floods get 503, which are small, too", async () => {
  const limited = await openSite("domains: [example.com]\nban: { never: [] }\nlimits: { requests_per_source: 5 }");
  const victim = await Peer.open(limited.port.udp, "udp", { host: "127.0.0.62" });
  let sent = 0;
  for (let n = 0; n < 100; n++) {
    const message = least("OPTIONS", "sip:example.com");
    sent += message.length;
    victim.send(message);
  }
  await (await Peer.open(limited.port.udp, "udp", { host: "127.0.0.63" })).settled();
  expect(victim.responses.filter(({ status }) => status === 503).length).toBeGreaterThan(80);
  expect(victim.octets / sent).toBeLessThanOrEqual(3);
});
