/** Nobody can make the server send to others what its routes do not send there: it is no open relay, whatever the Route. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Response } from "../../src/sip/message.ts";
import { fresh, Peer, type RequestOptions } from "../support/peer.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

let site: Site;
/** Who is to get nothing. */
let victim: Peer;
/** Where the routes lead. */
let target: Peer;
let stranger: Peer;
let alice: Peer;

beforeAll(async () => {
  victim = await Peer.open(9, "udp", { host: "127.0.0.3", user: "victim" });
  target = await Peer.open(9, "udp", { host: "127.0.0.4", user: "target" });
  const to = `sip:target@127.0.0.4:${target.port}`;
  site = await openSite(`
domains: [example.com]
accounts: [{ user: alice, password: wonderland }, { user: bob, password: builder }]
routes:
  - { to: "stateless@*", proxy: "${to}", mode: stateless }
  - { to: "stateful@*", proxy: "${to}" }
  - { to: "rewritten@*", proxy: "${to}", mode: stateless, rewrite_contact: force }
  - { to: "next@*", proxy: "sip:127.0.0.4:${target.port}" }
  - { to: "here@*", location: true, mode: redirect }
  - { to: "*@example.com", location: true, mode: stateless, from: "*@stateless.example" }
  - { to: "*@example.com", location: true }
`);
  target.close();
  target = await Peer.open(site.port.udp, "udp", { host: "127.0.0.4", user: "target", port: target.port });
  victim.close();
  victim = await Peer.open(site.port.udp, "udp", { host: "127.0.0.3", user: "victim", port: victim.port });
  target.onRequest = (request) => {
    if (request.method !== "ACK") target.reply(request, 200);
  };
  stranger = await Peer.open(site.port.udp, "udp", {
    host: "127.0.0.5",
    user: "stranger",
    domain: "elsewhere.example",
  });
  alice = await Peer.open(site.port.udp, "udp", { host: "127.0.0.6", user: "alice", password: "wonderland" });
  expect((await alice.register()).status).toBe(200);
  alice.onRequest = (request) => {
    if (request.method !== "ACK") alice.reply(request, 200);
  };
});
afterAll(stopSites);

const own = () => `127.0.0.1:${site.port.udp}`;
const evil = () => `<sip:victim@127.0.0.3:${victim.port};lr>`;
const route = (...values: string[]): RequestOptions => ({ headers: [["Route", values.join(", ")]] });

/** A call of the stranger's through a route, answered: what its dialog looks like from there. */
async function call(user: string): Promise<Response> {
  const response = await stranger.ask("INVITE", { uri: `sip:${user}@example.com` });
  expect(response.status).toBe(200);
  return response;
}

/** In the dialog of a response, as its caller says it. */
function inDialog(ok: Response, changes: RequestOptions = {}): RequestOptions {
  const { lines } = ok;
  return {
    uri: ok.contact?.uriText ?? "",
    callId: ok.callId,
    from: lines.value(lines.find("from")),
    to: lines.value(lines.find("to")),
    sequence: ok.cseq.number + 1,
    ...changes,
  };
}

const passOf = (ok: Response) => ok.values("record-route")[0] ?? "";

async function attack(method: string, options: RequestOptions): Promise<number | undefined> {
  const before = victim.came.length;
  const request = stranger.compose(method, options);
  stranger.send(request);
  await stranger.settled();
  await victim.settled();
  // Its own probe has been answered.
  expect(
    victim.came
      .slice(before)
      .filter((each) => each.cseq.method !== "OPTIONS")
      .map((each) => each.cseq.method),
  ).toEqual([]);
  return stranger.responses.find(
    (each) => each.callId === request.callId && each.cseq.number === request.cseq.number && each.status > 100,
  )?.status;
}

describe("a stranger reaches nobody by", () => {
  const spellings: readonly [name: string, value: () => string][] = [
    ["a Route elsewhere", evil],
    ["a Route of ours without a pass, and one elsewhere", () => `<sip:${own()};lr>, ${evil()}`],
    ["ours with a user", () => `<sip:me@${own()};lr>, ${evil()}`],
    ["ours as a domain", () => `<sip:example.com;lr>, ${evil()}`],
    ["ours in upper case", () => `<SIP:EXAMPLE.COM;LR>, ${evil()}`],
    ["ours with a trailing dot", () => `<sip:example.com.;lr>, ${evil()}`],
    ["ours as IPv6", () => `<sip:[::ffff:127.0.0.1]:${site.port.udp};lr>, ${evil()}`],
    ["ours with another loopback address", () => `<sip:127.0.0.1.:${site.port.udp};lr>, ${evil()}`],
    ["ours with a maddr", () => `<sip:${own()};maddr=127.0.0.3;lr>, ${evil()}`],
    ["ours twice", () => `<sip:${own()};lr>, <sip:${own()};lr>, ${evil()}`],
    ["a strict router elsewhere", () => `<sip:victim@127.0.0.3:${victim.port}>`],
    ["port 0 and then elsewhere", () => `<sip:127.0.0.1:0;lr>, ${evil()}`],
    ["a pass that is forged", () => `<sip:f.0123456789abcdef@${own()};lr>, ${evil()}`],
    ["a Path that is forged", () => `<sip:pf.uMTI3LjAuMC4x.0123456789abcdef@${own()};lr>, ${evil()}`],
  ];
  const users = ["stateless", "stateful", "rewritten", "alice", "here", "nobody"];
  for (const [name, value] of spellings)
    for (const user of users)
      test(`${name}, to ${user}`, async () => {
        for (const method of ["INVITE", "MESSAGE", "ACK", "CANCEL", "BYE"])
          await attack(method, { uri: `sip:${user}@example.com`, ...route(value()) });
        const fromStateless = `<sip:x@stateless.example>;tag=${fresh("t")}`;
        await attack("INVITE", { uri: `sip:${user}@example.com`, from: fromStateless, ...route(value()) });
      });
});

describe("a stranger reaches nobody by a Request-URI", () => {
  const uris: readonly [name: string, uri: () => string, status: number | undefined][] = [
    ["elsewhere", () => `sip:victim@127.0.0.3:${victim.port}`, 403],
    ["elsewhere by a name", () => `sip:victim@localhost:${victim.port}`, 403],
    ["of ours with a maddr", () => `sip:nobody@example.com:${victim.port};maddr=127.0.0.3`, 480],
    ["of ours with an alias and no pass", () => `sip:nobody@example.com;alias=127.0.0.3~${victim.port}~1`, 480],
    ["with a Contact of ours that is forged", () => `sip:c-AAAAAAAAAAAAAAAAAAAAAAAA@${own()}`, 404],
    [
      "with a Route in its headers",
      () => `sip:stateless@example.com?Route=%3Csip:127.0.0.3:${victim.port}%3E`,
      undefined,
    ],
    ["of ours with a port of his", () => `sip:nobody@127.0.0.1:${victim.port}`, undefined],
  ];
  test.each(uris)("%s", async (_, uri, status) => {
    const got = await attack("INVITE", { uri: uri() });
    if (status !== undefined) expect(got).toBe(status);
    for (const method of ["MESSAGE", "ACK", "CANCEL", "BYE"]) await attack(method, { uri: uri() });
  });
});

describe("a pass is good", () => {
  for (const user of ["stateless", "stateful", "rewritten"]) {
    test(`within its dialog (${user})`, async () => {
      const ok = await call(user);
      const before = target.came.length;
      expect((await stranger.ask("BYE", inDialog(ok, route(passOf(ok))))).status).toBe(200);
      expect(target.came.slice(before).map((each) => each.cseq.method)).toEqual(["BYE"]);
    });
    test(`for no other Call-ID (${user})`, async () => {
      const ok = await call(user);
      expect(await attack("BYE", inDialog(ok, { callId: fresh("other"), ...route(passOf(ok), evil()) }))).toBe(403);
    });
    test(`for no new dialog (${user})`, async () => {
      const ok = await call(user);
      const uri = `sip:victim@127.0.0.3:${victim.port}`;
      for (const method of ["INVITE", "MESSAGE", "OPTIONS"]) {
        expect(await attack(method, inDialog(ok, { uri, to: `<${uri}>`, sequence: 7, ...route(passOf(ok)) }))).toBe(
          403,
        );
        expect(await attack(method, inDialog(ok, { to: `<${uri}>`, sequence: 9, ...route(passOf(ok), evil()) }))).toBe(
          403,
        );
      }
    });
  }
});

test("a Contact that was rewritten leads to that Contact, and not where a Route says", async () => {
  let seen: string | undefined;
  target.onRequest = (request) => {
    seen ??= request.contact?.uriText;
    if (request.method !== "ACK") target.reply(request, 200);
  };
  const ok = await call("rewritten");
  const hidden = [ok.contact?.uriText ?? "", seen ?? ""];
  for (const uri of hidden) {
    expect(uri).toContain(":c-");
    await attack("MESSAGE", { uri, ...route(evil()) });
    await attack("MESSAGE", { uri, ...route(`<sip:${own()};lr>`, evil()) });
  }
});

test("nothing was a fault of ours", () => {
  expect(site.faults).toEqual([]);
});
