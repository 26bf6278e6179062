/** What somebody with an account can do to others by what he registers: little, and nothing without end. */
import { afterEach, describe, expect, test } from "bun:test";
import { Peer, type RequestOptions } from "../support/peer.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

afterEach(stopSites);

const yaml = `
domains: [example.com]
accounts:
  - { user: mallory, password: malice }
  - { user: alice, password: wonderland }
routes:
  - { to: "*@example.com", from: "*@stateless.example", location: true, mode: stateless }
  - { to: "*@example.com", location: true }
`;

async function cast(): Promise<{ site: Site; mallory: Peer; caller: Peer; victim: Peer; own: string }> {
  const site = await openSite(yaml);
  const mallory = await Peer.open(site.port.udp, "udp", { host: "127.0.0.21", user: "mallory", password: "malice" });
  const caller = await Peer.open(site.port.udp, "udp", { host: "127.0.0.22", user: "caller" });
  const victim = await Peer.open(site.port.udp, "udp", { host: "127.0.0.23", user: "victim" });
  return { site, mallory, caller, victim, own: `127.0.0.1:${site.port.udp}` };
}

const froms = ["<sip:x@stateful.example>;tag=1", "<sip:x@stateless.example>;tag=1"];

describe("contacts that lead back to us", () => {
  const contacts: readonly [name: string, contacts: (own: string) => string[]][] = [
    ["as itself", (own) => [`<sip:mallory@${own}>`]],
    ["as itself, ten times", (own) => Array.from({ length: 10 }, (_, n) => `<sip:mallory@${own};n=${n}>`)],
    [
      "as itself, ten times, in order",
      (own) => Array.from({ length: 10 }, (_, n) => `<sip:mallory@${own};n=${n}>;q=0.${n}`),
    ],
    ["over TCP", (own) => [`<sip:mallory@${own};transport=tcp>`, `<sip:mallory@${own};n=1>`]],
    ["as the domain", () => ["<sip:mallory@example.com;n=1>", "<sip:mallory@example.com:5060;n=2>"]],
    ["in another spelling", (own) => [`<sip:%6dallory@${own}>`, `<sip:mallory@${own};maddr=127.0.0.1>`]],
  ];
  for (const [name, list] of contacts)
    test(`${name}: a call to them ends, soon`, async () => {
      const { site, mallory, caller, own } = await cast();
      const { stateful } = site.server.services;
      let most = 0;
      const { forward } = stateful;
      stateful.forward = (...parts) => {
        forward.apply(stateful, parts);
        most = Math.max(most, stateful.size);
      };
      // A second Via makes it no client of ours, whose own address would be all that counts.
      const via: RequestOptions["headers"] = [["Via", "SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKx"]];
      const registered = await mallory.register(list(own).join(", "), via);
      expect([200, 403]).toContain(registered.status);
      for (const from of froms) {
        const response = await caller.ask("INVITE", { uri: "sip:mallory@example.com", from });
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect((await caller.ask("MESSAGE", { uri: "sip:mallory@example.com", from })).status).toBeGreaterThanOrEqual(
          400,
        );
      }
      // RFC 5393: not ten times ten times ten.
      expect(most).toBeLessThanOrEqual(62);
      expect(stateful.size).toBe(0);
      expect(site.faults).toEqual([]);
    });
});

describe("contacts that lead to others", () => {
  test("of a client's own registration lead to the client, whatever address they name", async () => {
    const { mallory, caller, victim } = await cast();
    const { status } = await mallory.register(`<sip:victim@127.0.0.23:${victim.port}>`);
    expect(status).toBe(200);
    for (const from of froms) caller.send(caller.compose("INVITE", { uri: "sip:mallory@example.com", from }));
    await caller.settled();
    await victim.settled();
    expect(victim.requests).toEqual([]);
    expect(mallory.requests.map(({ method }) => method)).toEqual(["INVITE", "INVITE"]);
  });

  test("are tried ten at a time at most, and each once", async () => {
    const { site, mallory, caller, victim } = await cast();
    const via: RequestOptions["headers"] = [["Via", "SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKx"]];
    const contact = (n: number) => `<sip:victim${n}@127.0.0.23:${victim.port}>`;
    const all = (count: number) => Array.from({ length: count }, (_, n) => contact(n)).join(", ");
    expect((await mallory.register(all(11), via)).status).toBe(403);
    expect((await mallory.register(all(10), via)).status).toBe(200);
    victim.onRequest = (request) => victim.reply(request, request.method === "ACK" ? 100 : 486);
    expect((await caller.ask("INVITE", { uri: "sip:mallory@example.com", from: froms[0] ?? "" })).status).toBe(486);
    expect(victim.requests.filter(({ method }) => method === "INVITE")).toHaveLength(10);
    expect(site.faults).toEqual([]);
  });
});

describe("a Path that a client puts into its registration", () => {
  test.each([
    ["leads to a third party", (_own: string, port: number) => `<sip:127.0.0.23:${port};lr>`],
    [
      "leads to us and then to a third party",
      (own: string, port: number) => `<sip:${own};lr>, <sip:127.0.0.23:${port};lr>`,
    ],
    ["is a forged one of ours", (own: string) => `<sip:pf.udA.0123456789abcdef@${own};lr>`],
    ["is strict", (_own: string, port: number) => `<sip:127.0.0.23:${port}>`],
  ])("%s: no new call of a stranger goes there more than once", async (_, path) => {
    const { site, mallory, caller, victim, own } = await cast();
    const headers: RequestOptions["headers"] = [
      ["Path", path(own, victim.port)],
      ["Supported", "path"],
    ];
    const { status } = await mallory.register(mallory.contact, headers);
    expect([200, 403, 400]).toContain(status);
    victim.onRequest = (request) => {
      if (request.method !== "ACK") victim.reply(request, 486);
    };
    for (const from of froms) {
      caller.send(caller.compose("INVITE", { uri: "sip:mallory@example.com", from }));
      await caller.settled();
    }
    await victim.settled();
    expect(victim.requests.filter(({ method }) => method === "INVITE").length).toBeLessThanOrEqual(froms.length);
    expect(site.faults).toEqual([]);
  });
});

test("what a registration holds is bounded, and what is too long is refused", async () => {
  const { mallory, site } = await cast();
  const long = "x".repeat(1200);
  const cases: readonly [contact: string, headers: RequestOptions["headers"], status: number][] = [
    [`<sip:${long}@127.0.0.21>`, [], 400],
    [`<sip:a@127.0.0.21>;x=${long}`, [], 400],
    ["<sip:a@127.0.0.21>", [["Path", Array.from({ length: 150 }, (_, n) => `<sip:p${n}.example;lr>`).join(", ")]], 400],
    [Array.from({ length: 100 }, (_, n) => `<sip:a${n}@127.0.0.21>`).join(", "), [], 403],
    ["<sip:a@127.0.0.21>", [["User-Agent", long]], 200],
  ];
  for (const [contact, headers, status] of cases)
    expect((await mallory.register(contact, headers)).status).toBe(status);
  expect(site.server.services.location.size).toBe(1);
  expect(site.faults).toEqual([]);
});
