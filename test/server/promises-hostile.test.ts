/** R1: no message, however large and however often, stops the server for more than a moment, leaves something behind, or is a fault of ours. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Transport } from "../../src/transport/index.ts";
import { Authority } from "../support/certificates.ts";
import { LoopMeter } from "../support/loop-meter.ts";
import { fresh, Peer } from "../support/peer.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

const transports: readonly Transport[] = ["udp", "tcp", "tls", "ws", "wss"];
const authority = new Authority();
let site: Site;
let target: Peer;
let probe: Peer;
const peers = new Map<Transport, Peer>();

beforeAll(async () => {
  const { cert, key } = authority.make({ san: "DNS:example.com" });
  target = await Peer.open(9, "udp", { host: "127.0.0.41", user: "target" });
  site = await openSite(
    `
domains: [example.com]
tls: { cert: ${cert}, key: ${key} }
accounts: [{ user: alice, password: wonderland }]
routes:
  - { to: "stateless@*", proxy: "sip:127.0.0.41:${target.port}", mode: stateless }
  - { to: "rewritten@*", proxy: "sip:127.0.0.41:${target.port}", mode: stateless, rewrite_contact: force }
  - { to: "stateful@*", proxy: "sip:127.0.0.41:${target.port}" }
  - { to: "relayed@*", proxy: "sip:127.0.0.41:${target.port}", nat: relay }
  - { to: "auth@*", proxy: "sip:127.0.0.41:${target.port}", auth: true }
  - { to: "*@example.com", location: true }
`,
    { listen: transports },
  );
  probe = await Peer.open(site.port.udp, "udp", { host: "127.0.0.42" });
});
afterAll(async () => {
  await stopSites();
  authority.close();
});

const times = (count: number, text: (n: number) => string, between = "") =>
  Array.from({ length: count }, (_, n) => text(n)).join(between);

/** Octets of what a datagram, and a head on a stream, can hold at most. */
const room = (transport: Transport) => (transport === "udp" ? 62_000 : 15_500);
/** As often as it fits. */
const filled = (transport: Transport, text: (n: number) => string, between = "") => {
  const each = (text(9999) + between).length;
  return times(Math.floor((room(transport) - 500) / each), text, between);
};

type Extra = (transport: Transport) => string;
/** What is put before the Content-Length of each request. */
const extras: readonly [name: string, lines: Extra][] = [
  ["contacts", (t) => `Contact: ${filled(t, (n) => `<sip:a${n}@h>`, ",")}`],
  ["lines of contacts", (t) => filled(t, (n) => `Contact: <sip:a${n}@h>`, "\r\n")],
  ["contacts that are all alike", (t) => `Contact: ${filled(t, () => "<sip:a@h>", ",")}`],
  ["Vias", (t) => filled(t, (n) => `Via: SIP/2.0/UDP h;branch=z9hG4bK${n}`, "\r\n")],
  ["Vias on a line", (t) => `v: ${filled(t, (n) => `SIP/2.0/UDP h;branch=z9hG4bK${n}`, ",")}`],
  ["Routes", (t) => filled(t, (n) => `Route: <sip:p${n};lr>`, "\r\n")],
  [
    "Routes on a line, the first one ours",
    (t) => `Route: <sip:127.0.0.1:${site.port.udp};lr>,${filled(t, (n) => `<sip:${n};lr>`, ",")}`,
  ],
  ["Record-Routes", (t) => filled(t, (n) => `Record-Route: <sip:p${n};lr>`, "\r\n")],
  ["Paths", (t) => `Path: ${filled(t, (n) => `<sip:${n};lr>`, ",")}`],
  ["a User-Agent", (t) => `User-Agent: ${filled(t, () => "friendly-")}`],
  ["an open quote", (t) => `Contact: "${filled(t, () => '\\"')}`],
  ["open brackets", (t) => `Contact: ${filled(t, () => "<")}`],
  ["a display name of commas", (t) => `Contact: ${filled(t, () => "a,")}<sip:a>`],
  ["parameters", (t) => `Contact: <sip:a@h>${filled(t, (n) => `;p${n}=${n}`)}`],
  ["parameters of a URI", (t) => `Contact: <sip:a@h${filled(t, (n) => `;p${n}=${n}`)}>`],
  ["escapes", (t) => `Contact: <sip:${filled(t, () => "%61")}@h>`],
  ["folded lines", (t) => `Subject: a${filled(t, () => "\r\n b")}`],
  ["header names", (t) => filled(t, (n) => `X-${n}: 1`, "\r\n")],
  [
    "credentials",
    (t) =>
      filled(
        t,
        () =>
          'Authorization: Digest username="alice", realm="example.com", nonce="n", uri="sip:example.com", response="0", qop=auth, nc=00000001, cnonce="c"',
        "\r\n",
      ),
  ],
  [
    "credentials for a proxy",
    (t) =>
      filled(
        t,
        () =>
          'Proxy-Authorization: Digest username="alice", realm="example.com", nonce="n", uri="sip:auth@example.com", response="0", qop=auth, nc=00000001, cnonce="c"',
        "\r\n",
      ),
  ],
  ["credentials of many parts", (t) => `Authorization: Digest ${filled(t, (n) => `p${n}="x"`, ",")}`],
  ["option tags", (t) => `Supported: ${filled(t, (n) => `t${n}`, ",")}`],
  ["required tags", (t) => `Require: ${filled(t, (n) => `t${n}`, ",")}`],
  ["required tags of proxies", (t) => `Proxy-Require: ${filled(t, (n) => `t${n}`, ",")}`],
  ["white space", (t) => `Contact:${filled(t, () => " ")}<sip:a@h>`],
  ["Reasons", (t) => filled(t, (n) => `Reason: SIP;cause=${200 + (n % 400)}`, "\r\n")],
  [
    "instances",
    (t) =>
      `Supported: outbound\r\nContact: ${filled(t, (n) => `<sip:a${n}@h>;+sip.instance="<urn:x>";reg-id=${n + 1}`, ",")}`,
  ],
];

const users = ["stateless", "rewritten", "stateful", "relayed", "auth", "nobody"];

/** A connection over which nothing was said that ends it. */
async function peerOver(transport: Transport): Promise<Peer> {
  const known = peers.get(transport);
  if (known !== undefined) return known;
  const peer = await Peer.open(site.port[transport], transport, { user: "alice", password: "wonderland" });
  peers.set(transport, peer);
  peer.ended.then(() => peers.delete(transport));
  return peer;
}

describe.each(transports)("over %s, a head full of", (transport) => {
  test.each(extras)("%s", async (_, lines) => {
    const extra = lines(transport);
    let worst = Number.POSITIVE_INFINITY;
    // A machine with other things to do is slow at times, and not always.
    for (let attempt = 0; attempt < 3 && worst > 100; attempt++) {
      worst = 0;
      for (const user of ["REGISTER", ...users]) {
        const method = user === "REGISTER" ? user : attempt === 1 ? "MESSAGE" : "INVITE";
        const uri = user === "REGISTER" ? "sip:example.com" : `sip:${user}@example.com`;
        const contact = /^(?:Contact|Supported)/.test(extra) ? undefined : "<sip:a@127.0.0.1>";
        const peer = await peerOver(transport);
        const request = Buffer.from(peer.compose(method, { uri, contact }).bytes()).toString("latin1");
        const meter = new LoopMeter();
        peer.send(request.replace("Content-Length", `${extra}\r\nContent-Length`));
        await (transport === "udp" ? peer.settled() : Promise.race([peer.settled(), peer.ended]));
        worst = Math.max(worst, meter.stop());
      }
    }
    expect(worst).toBeLessThan(100);
    expect(site.faults).toEqual([]);
  });

  test("was not refused unseen", () => {
    expect(target.requests.length).toBeGreaterThan(15);
    target.came.length = 0;
  });
});

test.each(["Call-ID", "From", "To", "CSeq", "Request-URI", "Max-Forwards", "method"])(
  "a %s as large as can be",
  async (name) => {
    const huge = "9".repeat(60_000);
    for (const user of ["REGISTER", ...users]) {
      const method = user === "REGISTER" ? user : "INVITE";
      const request = Buffer.from(probe.compose(method, { uri: `sip:${user}@example.com` }).bytes()).toString("latin1");
      const sent =
        name === "Request-URI"
          ? request.replace(`sip:${user}`, `sip:${huge}`)
          : name === "method"
            ? request.replaceAll(method, huge)
            : request.replace(new RegExp(`${name}: `), `${name}: ${huge}`);
      const meter = new LoopMeter();
      probe.send(sent);
      await probe.settled();
      expect(meter.stop()).toBeLessThan(100);
    }
    expect(site.faults).toEqual([]);
  },
);

test("a session description of thousands of lines, to be relayed", async () => {
  for (const line of [
    (n: number) => `m=audio ${n + 1} RTP/AVP 0`,
    (n: number) => `a=candidate:${n} 1 UDP 1 192.0.2.1 ${n} typ host`,
    () => "c=IN IP4 192.0.2.1",
  ]) {
    const body = `v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n${filled("udp", line, "\r\n")}\r\n`;
    const meter = new LoopMeter();
    probe.send(probe.compose("INVITE", { uri: "sip:relayed@example.com", body }));
    await probe.settled();
    expect(meter.stop()).toBeLessThan(100);
  }
  expect(site.faults).toEqual([]);
});

test("connections that begin TLS, WebSockets or messages and never go on are in nobody's way", async () => {
  const beginnings: readonly [Transport, string][] = [
    ["tls", ""],
    ["tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["tls", "OPTIONS sip:example.com SIP/2.0\r\n"],
    ["wss", ""],
    ["wss", "GET / HTTP/1.1\r\n"],
    ["ws", ""],
    ["ws", "GET / HTTP/1.1\r\nUpgrade: websocket\r\n"],
    ["ws", `GET /${"a".repeat(7000)}`],
    ["tcp", "INVITE sip:stateful@example.com SIP/2.0\r\n"],
    ["tcp", "OPTIONS sip:example.com SIP/2.0\r\nContent-Length: 60000\r\n\r\nv=0"],
  ];
  const sockets = beginnings.flatMap(([transport, octets]) =>
    Array.from({ length: 20 }, () => {
      const socket = connect({ port: site.port[transport], host: "127.0.0.1" });
      socket.on("error", () => {});
      socket.write(Buffer.from(octets, "latin1"));
      return socket;
    }),
  );
  const meter = new LoopMeter();
  for (const transport of transports) {
    const peer = await Peer.open(site.port[transport], transport, { user: "alice", password: "wonderland" });
    expect((await peer.register()).status).toBe(200);
    peer.close();
  }
  expect(meter.stop()).toBeLessThan(500);
  for (const socket of sockets) socket.destroy();
  expect(site.faults).toEqual([]);
});

test("nothing is left of what was refused, forwarded without state, or asked by nobody", async () => {
  const before = site.server.control.status().transactions;
  const stateless = `<sip:x@y>;tag=${fresh("t")}`;
  for (let n = 0; n < 2000; n++) {
    probe.send(probe.compose("REGISTER", { to: `<sip:user${n}@example.com>` }));
    probe.send(probe.compose("INVITE", { uri: "sip:stateless@example.com", from: stateless }));
    probe.send(probe.compose("INVITE", { uri: "sip:auth@example.com" }));
    probe.send(
      `SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:${site.port.udp};branch=z9hG4bK${n}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK${n}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: ${n}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n`,
    );
    if (n % 50 === 0) await probe.settled();
  }
  await probe.settled();
  expect(site.server.control.status().transactions - before).toBeLessThan(70);
  expect(site.server.services.location.size).toBeLessThan(12);
  expect(site.faults).toEqual([]);
});
