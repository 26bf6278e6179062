/** Bans and rates: they fall on who earned them, on nobody in whose name datagrams were forged, and cannot be walked around. */
import { afterEach, describe, expect, test } from "bun:test";
import { Peer } from "../support/peer.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

afterEach(stopSites);

const yaml = (more: string) => `
domains: [example.com]
accounts: [{ user: alice, password: wonderland }]
ban: { failures: 5, never: [] }
limits: { requests_per_source: 20 }
routes: [{ to: "*@example.com", location: true }]
${more}`;
const open = () => openSite(yaml(""));
const bans = (site: Site) => site.server.control.bans().map(({ source }) => source);

/** A peer with a wrong password; `nonce`: of somebody else's challenge. */
function guess(peer: Peer, nonce: string, user = "alice"): void {
  const credentials = `Digest username="${user}", realm="example.com", nonce="${nonce}", uri="sip:example.com", response="${"0".repeat(32)}", algorithm=MD5, qop=auth, nc=00000001, cnonce="abc"`;
  peer.send(peer.compose("REGISTER", { to: "<sip:alice@example.com>", headers: [["Authorization", credentials]] }));
}

async function nonceFor(peer: Peer): Promise<string> {
  const challenge = await peer.ask("REGISTER", { to: "<sip:alice@example.com>" });
  return /nonce="([^"]*)"/.exec(challenge.header("www-authenticate") ?? "")?.[1] ?? "";
}

describe("datagrams in somebody's name get him not banned", () => {
  test.each([
    ["with a nonce of nobody's", async () => "none"],
    ["with a nonce that was sent to the attacker", async (_: Peer, attacker: Peer) => nonceFor(attacker)],
    ["without a nonce", async () => ""],
  ])("%s", async (_, nonce) => {
    const site = await open();
    const innocent = await Peer.open(site.port.udp, "udp", { host: "127.0.0.31" });
    const attacker = await Peer.open(site.port.udp, "udp", { host: "127.0.0.32" });
    const used = await nonce(innocent, attacker);
    // The test may write the innocent's address: another socket of the same host.
    const forged = await Peer.open(site.port.udp, "udp", { host: "127.0.0.31", user: "alice" });
    for (let i = 0; i < 12; i++) guess(forged, used);
    await forged.settled();
    expect(bans(site)).toEqual([]);
    expect((await innocent.ask("OPTIONS", { maxForwards: 0 })).status).toBe(200);
  });

  test("calls to nobody", async () => {
    const site = await open();
    const forged = await Peer.open(site.port.udp, "udp", { host: "127.0.0.31" });
    for (let i = 0; i < 12; i++) await forged.ask("MESSAGE", { uri: `sip:${1000 + i}@example.com` });
    expect(bans(site)).toEqual([]);
  });

  test("the name of a scanner", async () => {
    const site = await open();
    const forged = await Peer.open(site.port.udp, "udp", { host: "127.0.0.31" });
    for (let i = 0; i < 12; i++)
      forged.send(forged.compose("OPTIONS", { headers: [["User-Agent", "friendly-scanner"]] }));
    await forged.settled();
    expect(bans(site)).toEqual([]);
    expect(forged.responses).toHaveLength(1);
  });
});

test("a right password with a nonce of nobody's is no more than a wrong one over UDP, where guesses count for nobody", async () => {
  const site = await open();
  const guesser = await Peer.open(site.port.udp, "udp", { host: "127.0.0.42", user: "alice" });
  const hash = (text: string) => new Bun.CryptoHasher("md5").update(text).digest("hex");
  const answers = [];
  for (const password of ["wonderland", "wrong"]) {
    const ha2 = hash("REGISTER:sip:example.com");
    const response = hash(`${hash(`alice:example.com:${password}`)}:none:00000001:abc:auth:${ha2}`);
    const credentials = `Digest username="alice", realm="example.com", nonce="none", uri="sip:example.com", response="${response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="abc"`;
    const answer = await guesser.ask("REGISTER", {
      to: "<sip:alice@example.com>",
      headers: [["Authorization", credentials]],
    });
    answers.push([answer.status, answer.header("www-authenticate")?.replace(/nonce="[^"]*"/, "")]);
  }
  expect(answers[0]).toEqual(answers[1]);
});

describe("a ban falls on", () => {
  test("who answers our challenges wrongly", async () => {
    const site = await open();
    const attacker = await Peer.open(site.port.udp, "udp", { host: "127.0.0.33", user: "alice" });
    const nonce = await nonceFor(attacker);
    for (let i = 0; i < 6; i++) guess(attacker, nonce);
    const other = await Peer.open(site.port.udp, "udp", { host: "127.0.0.34" });
    await other.settled();
    expect(bans(site)).toEqual(["127.0.0.33"]);
    // By no transport any more.
    const before = attacker.came.length;
    attacker.send(attacker.compose("OPTIONS"));
    await other.settled();
    expect(attacker.came.length).toBe(before);
    const connected = await Peer.open(site.port.tcp, "tcp", { host: "127.0.0.33" }).catch(() => undefined);
    connected?.send(connected.compose("OPTIONS"));
    await other.settled();
    expect(connected?.came ?? []).toEqual([]);
  });

  test("connections that guess, all of one source together, and ends those that are open", async () => {
    const site = await open();
    const idle = await Peer.open(site.port.tcp, "tcp", { host: "127.0.0.33" });
    for (let i = 0; i < 5; i++) {
      const attacker = await Peer.open(site.port.tcp, "tcp", { host: "127.0.0.33", user: "alice" });
      guess(attacker, "none");
      if (i < 4) await attacker.settled();
    }
    await idle.closed;
    expect(bans(site)).toEqual(["127.0.0.33"]);
  });

  test("no proxy for what it hands on: scanners, and numbers that nobody has", async () => {
    const site = await open();
    const proxy = await Peer.open(site.port.tcp, "tcp", { host: "127.0.0.37" });
    const via = ["Via", "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx"] as const;
    proxy.send(proxy.compose("OPTIONS", { headers: [via, ["User-Agent", "friendly-scanner"]] }));
    for (let i = 0; i < 12; i++) await proxy.ask("MESSAGE", { uri: `sip:${1000 + i}@example.com`, headers: [via] });
    expect(bans(site)).toEqual([]);
  });

  test("nobody who has shown a password for numbers that nobody has", async () => {
    const site = await openSite(yaml("").replace("location: true", "location: true, auth: true"));
    const alice = await Peer.open(site.port.tcp, "tcp", { host: "127.0.0.38", user: "alice", password: "wonderland" });
    for (let i = 0; i < 12; i++) {
      const { status } = await alice.asMyself("MESSAGE", { uri: `sip:${1000 + i}@example.com` });
      expect(status).toBe(404);
    }
    expect(bans(site)).toEqual([]);
  });

  test.each([
    ["scanners", (peer: Peer) => peer.send(peer.compose("OPTIONS", { headers: [["User-Agent", "friendly-scanner"]] }))],
    [
      "who tries numbers that nobody has",
      (peer: Peer) => {
        for (let i = 0; i < 6; i++) peer.send(peer.compose("MESSAGE", { uri: `sip:${1000 + i}@example.com` }));
      },
    ],
  ])("%s", async (_, attack) => {
    const site = await open();
    const attacker = await Peer.open(site.port.tcp, "tcp", { host: "127.0.0.39" });
    attack(attacker);
    await attacker.closed;
    expect(bans(site)).toEqual(["127.0.0.39"]);
  });
});

test("an IPv6 listener takes no IPv4 address in disguise", async () => {
  const site = await openSite(yaml(""), { host: "::" });
  for (const host of ["127.0.0.1", "::ffff:127.0.0.1"]) {
    const socket = Bun.connect({ hostname: host, port: site.port.tcp, socket: { data() {} } });
    expect(
      await socket.then(
        () => "connected",
        () => "refused",
      ),
    ).toBe("refused");
  }
});

test("who floods gets 503 with Retry-After, and his neighbours do not", async () => {
  const site = await open();
  const flooder = await Peer.open(site.port.udp, "udp", { host: "127.0.0.35" });
  const neighbour = await Peer.open(site.port.udp, "udp", { host: "127.0.0.36" });
  for (let i = 0; i < 100; i++) flooder.send(flooder.compose("OPTIONS"));
  expect((await neighbour.ask("OPTIONS", { maxForwards: 0 })).status).toBe(200);
  const refused = await flooder.find("503", (each) =>
    each.type === "response" && each.status === 503 ? each : undefined,
  );
  expect(Number(refused.header("retry-after"))).toBeGreaterThan(0);
  expect(site.server.control.status().abuse.limited).toBeGreaterThan(20);
});

test("who guesses by the thousand does not fill the log", async () => {
  const site = await open();
  const attacker = await Peer.open(site.port.udp, "udp", { host: "127.0.0.40" });
  const told = () => site.log.filter((line) => line.includes("wrong password"));
  const probe = await Peer.open(site.port.udp, "udp", { host: "127.0.0.41", user: "alice" });
  const nonce = await nonceFor(probe);
  for (let i = 0; i < 200; i++) guess(attacker, nonce, i === 0 ? "x".repeat(5000) : "alice");
  await probe.settled();
  expect(told().length).toBeWithin(1, 21);
  expect(Math.max(...told().map((line) => line.length))).toBeLessThan(300);
});
