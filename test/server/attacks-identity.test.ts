/** Nobody is taken for somebody else: registrations of others, credentials used again, names that look alike; and no answer tells who exists. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Response } from "../../src/sip/message.ts";
import { fresh, Peer, type RequestOptions } from "../support/peer.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

let site: Site;
let mallory: Peer;
let bob: Peer;

beforeAll(async () => {
  site = await openSite(`
domains: [example.com, example.org]
accounts:
  - { user: alice, password: wonderland, domain: example.com }
  - { user: alice, password: another, domain: example.org }
  - { user: bob, password: builder }
  - { user: mallory, password: malice }
  - { user: "jürgen", password: "grün" }
  - { user: "Ã¼", password: "mojibake" }
routes:
  - { to: "*@example.com", from: "*@redirect.example", location: true, mode: redirect }
  - { to: "*@example.com", from: "*@stateless.example", location: true, mode: stateless }
  - { to: "*@example.com", from: "*@open.example", location: true }
  - { to: "*@example.com", location: true, auth: true }
`);
  const open = (user: string, password: string) =>
    Peer.open(site.port.udp, "udp", { host: "127.0.0.7", user, password });
  mallory = await open("mallory", "malice");
  bob = await open("bob", "builder");
  expect((await bob.register()).status).toBe(200);
  bob.onRequest = (request) => {
    if (request.method !== "ACK") bob.reply(request, 200);
  };
});
afterAll(stopSites);

const bindings = (aor: string) => site.server.services.location.lookup(aor).map(({ contact }) => contact);

describe("nobody registers somebody else", () => {
  const cases: readonly [name: string, options: RequestOptions][] = [
    ["by To", { to: "<sip:alice@example.com>" }],
    ["by To and From", { to: "<sip:alice@example.com>", from: "<sip:alice@example.com>;tag=1" }],
    ["with escapes", { to: "<sip:%61lice@example.com>" }],
    ["in upper case", { to: "<sip:ALICE@example.com>" }],
    ["with a password in the URI", { to: "<sip:alice:mallory@example.com>" }],
    ["by the display name", { to: '"mallory" <sip:alice@example.com>' }],
    ["without a user", { to: "<sip:example.com>" }],
    ["with NUL", { to: "<sip:mallory%00@example.com>" }],
    ["in another domain of ours", { to: "<sip:mallory@example.org>" }],
    ["in a domain of others", { to: "<sip:mallory@elsewhere.example>" }],
    ["as a telephone number", { to: "<tel:+15551234>" }],
    ["with parameters in the user", { to: "<sip:alice;x=mallory@example.com>" }],
    ["with an at in the user", { to: "<sip:alice%40example.com@example.com>" }],
  ];
  test.each(cases)("%s", async (_, options) => {
    const before = site.server.services.location.size;
    const response = await mallory.asMyself("REGISTER", { uri: "sip:example.com", ...options });
    expect([401, 403, 404, 400]).toContain(response.status);
    expect(site.server.services.location.size).toBe(before);
  });

  test("one of the same name in another domain is somebody else", async () => {
    const other = await Peer.open(site.port.udp, "udp", { user: "alice", password: "another", domain: "example.org" });
    expect((await other.asMyself("REGISTER", { uri: "sip:example.com", to: "<sip:alice@example.com>" })).status).toBe(
      401,
    );
    expect((await other.register()).status).toBe(200);
    expect(bindings("alice@example.com")).toEqual([]);
    expect(bindings("alice@example.org")).toHaveLength(1);
  });

  test("names that only look alike in another encoding are not the same", async () => {
    const peer = await Peer.open(site.port.udp, "udp", { user: "Ã¼", password: "mojibake" });
    const octets = Buffer.from("ü").toString("latin1");
    const response = await peer.asMyself("REGISTER", {
      to: `<sip:${octets}@example.com>`,
      from: "<sip:x@example.com>;tag=1",
    });
    expect(response.status).toBe(403);
  });
});

describe("credentials are good once, for what they were made for", () => {
  /** The credentials of a registration of Bob's, seen by somebody on the way. */
  const overhear = async (): Promise<string> => {
    const phone = await Peer.open(site.port.udp, "udp", { host: "127.0.0.7", user: "bob", password: "builder" });
    let seen = "";
    const compose = phone.compose.bind(phone);
    phone.compose = (...parts) => {
      const request = compose(...parts);
      seen = request.header("authorization") ?? seen;
      return request;
    };
    expect((await phone.register(bob.contact)).status).toBe(200);
    return seen;
  };

  interface Replay {
    host?: string;
    transport?: "tcp";
    method?: string;
    uri?: string;
    to?: string;
    change?: (credentials: string) => string;
  }
  const replays: readonly [name: string, replay: Replay][] = [
    ["for another contact", {}],
    ["from another source", { host: "127.0.0.8" }],
    ["over TCP", { transport: "tcp" }],
    ["for another method", { method: "MESSAGE", uri: "sip:bob@example.com" }],
    ["for another realm", { uri: "sip:example.org", to: "<sip:bob@example.org>" }],
    ["with a count of its own", { change: (text) => text.replace(/nc=0*1/, "nc=00000002") }],
    ["with a cnonce of its own", { change: (text) => text.replace(/cnonce="[^"]*"/, 'cnonce="x"') }],
    ["with another user", { change: (text) => text.replace('"bob"', '"alice"'), to: "<sip:alice@example.com>" }],
    ["without qop", { change: (text) => text.replace(/, (?:qop|nc|cnonce)=[^,]*/g, "") }],
    ["twice in one request", { change: (text) => `${text}\r\nAuthorization: ${text}` }],
  ];
  test.each(replays)("not %s", async (_, replay: Replay) => {
    const { host = "127.0.0.7", transport = "udp", method = "REGISTER", ...other } = replay;
    const { uri = "sip:example.com", to = "<sip:bob@example.com>", change = (text: string) => text } = other;
    const credentials = change(await overhear());
    const thief = await Peer.open(site.port[transport], transport, { host, user: "thief" });
    const request = thief.compose(method, { uri, to, headers: [["X-Here", "1"]] });
    const lines = `Authorization: ${credentials}\r\nProxy-Authorization: ${credentials}`;
    thief.send(Buffer.from(request.bytes()).toString("latin1").replace("X-Here: 1", lines));
    expect([401, 407]).toContain((await thief.answer(request)).status);
    expect(bindings("bob@example.com")).toEqual([bob.contact.slice(1, -1)]);
    expect(bindings("alice@example.com")).toEqual([]);
  });
});

describe("with auth, From says who was authenticated", () => {
  beforeAll(async () => expect((await bob.register()).status).toBe(200));

  test.each([
    ["the own address", "<sip:mallory@example.com>;tag=1", 200],
    ["with escapes", "<sip:m%61llory@example.com>;tag=1", 200],
    ["with a telling display name", '"Alice" <sip:mallory@example.com>;tag=1', 200],
    ["somebody else", "<sip:alice@example.com>;tag=1", 403],
    ["as sips", "<sips:alice@example.com>;tag=1", 403],
    ["a telephone number", "<tel:+15551234>;tag=1", 403],
    ["the own name as the display name alone", '"mallory" <sip:alice@example.com>;tag=1', 403],
    ["the own name as a password", "<sip:alice:mallory@example.com>;tag=1", 403],
    ["the own name as a parameter", "<sip:alice@example.com;mallory>;tag=1", 403],
    ["the own name as a parameter of the user", "<sip:alice;mallory@example.com>;tag=1", 403],
    ["an empty name", "<sip:@example.com>;tag=1", 400],
    ["no name", "<sip:example.com>;tag=1", 403],
    ["in upper case", "<sip:MALLORY@example.com>;tag=1", 403],
    ["with a trailing NUL", "<sip:mallory%00@example.com>;tag=1", 403],
    ["with a space", "<sip:mallory%20@example.com>;tag=1", 403],
    ["two of them", "<sip:mallory@example.com>;tag=1\r\nFrom: <sip:alice@example.com>;tag=1", 400],
  ])("%s", async (_, from, status) => {
    const uri = "sip:bob@example.com";
    const attempt = mallory.asMyself("MESSAGE", { uri, from: from.split("\r\n")[0] ?? "" });
    if (from.includes("\r\n")) {
      await attempt;
      const request = mallory.compose("MESSAGE", { uri });
      const text = Buffer.from(request.bytes()).toString("latin1");
      mallory.send(text.replace(/\r\nFrom: [^\r]*/, `\r\nFrom: ${from}`));
      expect((await mallory.answer(request)).status).toBe(status);
    } else expect((await attempt).status).toBe(status);
  });
});

describe("R9: who exists and who does not get the same", () => {
  /** What is different each time, taken out. */
  const plain = (response: Response, user: string) =>
    Buffer.from(response.bytes())
      .toString("latin1")
      .replaceAll(user, "USER")
      .replace(/branch=[^;\r]*/g, "branch")
      .replace(/;tag=[^;\r]*/g, ";tag")
      .replace(/Call-ID: [^\r]*/, "Call-ID")
      .replace(/nonce="[^"]*"/g, "nonce");
  const known = "alice";
  const unknown = "nolan";
  const wrong = async (user: string): Promise<Response> => {
    const peer = await Peer.open(site.port.udp, "udp", { host: "127.0.0.7", user, password: "guess" });
    return await peer.register();
  };
  const caller = async (method: string, user: string, domain: string): Promise<Response> => {
    const peer = await Peer.open(site.port.udp, "udp", { host: "127.0.0.7", user: "caller", domain });
    const response = await peer.ask(method, { uri: `sip:${user}@example.com`, contact: "<sip:caller@127.0.0.7>" });
    peer.close();
    return response;
  };
  const asks: readonly [name: string, status: number, ask: (user: string) => Promise<Response>][] = [
    [
      "REGISTER without credentials",
      401,
      async (user) => (await Peer.open(site.port.udp, "udp", { host: "127.0.0.7", user })).register("<sip:x@y>"),
    ],
    ["REGISTER with a wrong password", 401, wrong],
    ["INVITE where a password is asked for", 407, (user) => caller("INVITE", user, "elsewhere.example")],
    ["INVITE from somebody of ours", 407, (user) => caller("INVITE", user, "example.com")],
    ["INVITE where none is, stateful", 480, (user) => caller("INVITE", user, "open.example")],
    ["INVITE where none is, stateless", 480, (user) => caller("INVITE", user, "stateless.example")],
    ["INVITE where none is, redirected", 480, (user) => caller("INVITE", user, "redirect.example")],
    ["MESSAGE where none is", 480, (user) => caller("MESSAGE", user, "open.example")],
    ["OPTIONS where none is", 480, (user) => caller("OPTIONS", user, "open.example")],
    ["OPTIONS, redirected", 480, (user) => caller("OPTIONS", user, "redirect.example")],
    ["SUBSCRIBE where none is", 480, (user) => caller("SUBSCRIBE", user, "open.example")],
  ];
  const portless = (text: string) => text.replace(/127\.0\.0\.7:\d+/g, "SOURCE").replace(/rport=\d+/g, "rport");
  test.each(asks)("%s", async (_, status, ask) => {
    const one = await ask(known);
    const other = await ask(unknown);
    expect([one.status, other.status]).toEqual([status, status]);
    expect(portless(plain(one, known))).toBe(portless(plain(other, unknown)));
  });

  test("in time: medians of shuffled wrong passwords", async () => {
    const times: Record<string, number[]> = { [known]: [], [unknown]: [] };
    const peer = await Peer.open(site.port.udp, "udp", { host: "127.0.0.7", user: "timer" });
    const challenge = await peer.ask("REGISTER", { to: `<sip:${known}@example.com>` });
    const nonce = /nonce="([^"]*)"/.exec(challenge.header("www-authenticate") ?? "")?.[1] ?? "";
    for (let round = 0; round < 1000; round++) {
      const users = round % 2 === 0 ? [known, unknown] : [unknown, known];
      for (const user of users) {
        const request = peer.compose("REGISTER", {
          to: `<sip:${user}@example.com>`,
          from: `<sip:${user}@example.com>;tag=${fresh("t")}`,
          headers: [
            [
              "Authorization",
              `Digest username="${user}", realm="example.com", nonce="${nonce}", uri="sip:example.com", response="${"0".repeat(32)}", algorithm=MD5, qop=auth, nc=${(round + 1).toString(16).padStart(8, "0")}, cnonce="abcdefgh"`,
            ],
          ],
        });
        const began = performance.now();
        peer.came.length = 0;
        peer.send(request);
        expect((await peer.answer(request)).status).toBe(401);
        times[user]?.push(performance.now() - began);
      }
    }
    const median = (list: number[] = []) => list.sort((a, b) => a - b)[list.length >> 1] ?? 0;
    const [there, absent] = [median(times[known]), median(times[unknown])];
    // The samples of one machine under load scatter far more than the branches of a lookup.
    expect(Math.abs(there - absent)).toBeLessThan(0.25 * Math.max(there, absent));
  }, 30_000);
});

test("nothing was a fault of ours", () => {
  expect(site.faults).toEqual([]);
});
