/** R1: garbage on each transport, in each state of a connection: whoever sends it is answered or dropped, and nobody else notices. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Transport } from "../../src/transport/index.ts";
import { Authority } from "../support/certificates.ts";
import { LoopMeter } from "../support/loop-meter.ts";
import { Peer } from "../support/peer.ts";
import { below, pick, seeded } from "../support/random.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";
import { clientFrame, upgradeRequest } from "../support/websocket-client.ts";

const authority = new Authority();
let site: Site;
let probe: Peer;

beforeAll(async () => {
  const { cert, key } = authority.make({ san: "DNS:example.com" });
  site = await openSite(
    `
domains: [example.com]
tls: { cert: ${cert}, key: ${key} }
accounts: [{ user: alice, password: wonderland }]
routes:
  - { to: "stateless@*", proxy: "sip:127.0.0.1:9", mode: stateless }
  - { to: "stateful@*", proxy: "sip:127.0.0.1:9" }
  - { to: "*@example.com", location: true }`,
    { listen: ["udp", "tcp", "tls", "ws", "wss"] },
  );
  probe = await Peer.open(site.port.udp, "udp", { host: "127.0.0.111" });
});
afterAll(async () => {
  await stopSites();
  authority.close();
});

const random = seeded(3261);

/** SIP with some octets changed, pieces of it in a wrong order, or nothing of the kind. */
function garbage(): Buffer {
  const user = pick(random, ["stateless", "stateful", "alice", "nobody"]);
  const method = pick(random, ["INVITE", "REGISTER", "ACK", "CANCEL", "BYE", "MESSAGE", "OPTIONS"]);
  const request = Buffer.from(probe.compose(method, { uri: `sip:${user}@example.com` }).bytes());
  switch (below(random, 5)) {
    case 0:
      return Buffer.from(Array.from({ length: below(random, 1500) }, () => below(random, 256)));
    case 1: {
      const lines = request.toString("latin1").split("\r\n");
      return Buffer.from(lines.sort(() => random() - 0.5).join("\r\n"), "latin1");
    }
    case 2:
      return request.subarray(0, below(random, request.length));
    case 3:
      return Buffer.concat([request, request.subarray(below(random, request.length))]);
    default:
      for (let n = 1 + below(random, 6); n > 0; n--) request[below(random, request.length)] = below(random, 256);
      return request;
  }
}

/** What is said before the garbage: what state the connection is in then. */
const states: readonly [name: string, transport: Transport, secured: boolean, before: () => string | Uint8Array][] = [
  ["TCP", "tcp", false, () => ""],
  ["TCP, in a body", "tcp", false, () => "OPTIONS sip:a SIP/2.0\r\nContent-Length: 4000\r\n\r\n"],
  ["TLS, instead of a handshake", "tls", false, () => ""],
  ["TLS, in a handshake", "tls", false, () => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["TLS", "tls", true, () => ""],
  ["WebSocket, instead of an upgrade", "ws", false, () => ""],
  ["WebSocket, in an upgrade", "ws", false, () => upgradeRequest().slice(0, 60)],
  ["WebSocket, instead of frames", "ws", false, () => upgradeRequest()],
  [
    "WebSocket, in a fragmented message",
    "ws",
    false,
    () => Buffer.concat([Buffer.from(upgradeRequest()), clientFrame("INVITE", { final: false })]),
  ],
  ["secure WebSocket, instead of TLS", "wss", false, () => ""],
  ["secure WebSocket, instead of an upgrade", "wss", true, () => ""],
  ["secure WebSocket, instead of frames", "wss", true, () => upgradeRequest()],
];

function open(transport: Transport, secured: boolean): Promise<Socket> {
  const port = site.port[transport];
  const socket = secured
    ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
    : connect({ port, host: "127.0.0.1" });
  return new Promise((resolve, reject) => {
    socket.once(secured ? "secureConnect" : "connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

test.each(states)("over %s", async (_, transport, secured, before) => {
  const meter = new LoopMeter();
  for (let n = 0; n < 25; n++) {
    const socket = await open(transport, secured);
    socket.on("error", () => {});
    socket.resume();
    socket.write(before());
    const framed = transport.startsWith("ws") && below(random, 2) === 0;
    for (let piece = 0; piece < 4; piece++)
      socket.write(
        framed ? clientFrame(garbage(), { opcode: below(random, 16), final: below(random, 3) > 0 }) : garbage(),
      );
    if (below(random, 2) === 0) socket.destroy();
    else socket.end();
    if (n % 5 === 0) await probe.settled();
  }
  await probe.settled();
  // Of both sides of TLS, which are in this thread.
  expect(meter.stop()).toBeLessThan(200);
  expect(site.faults).toEqual([]);
});

test("over UDP", async () => {
  const meter = new LoopMeter();
  const sender = await Peer.open(site.port.udp, "udp", { host: "127.0.0.112" });
  for (let n = 0; n < 1000; n++) {
    sender.send(garbage());
    if (n % 50 === 0) await probe.settled();
  }
  await probe.settled();
  expect(meter.stop()).toBeLessThan(100);
  expect(site.faults).toEqual([]);
});

test("and afterwards everybody is served, over all of them", async () => {
  for (const transport of ["udp", "tcp", "tls", "ws", "wss"] as const) {
    const peer = await Peer.open(site.port[transport], transport, { user: "alice", password: "wonderland" });
    expect((await peer.register()).status).toBe(200);
  }
});
