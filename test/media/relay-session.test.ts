/** One relayed call without sockets: time-outs, and whatever octets strangers and peers send. */
import { describe, expect, test } from "bun:test";
import { RelayedSession } from "../../src/media/relay/session.ts";
import type { Receiver, RelaySocket } from "../../src/media/relay/socket.ts";
import type { Peer } from "../../src/media/relay/types.ts";
import type { Family } from "../../src/media/types.ts";
import { below, pick, seeded } from "../support/random.ts";

class FakeSocket implements RelaySocket {
  readonly family: Family = "ipv4";
  readonly port: number;
  readonly descriptor = undefined;
  receiver: Receiver | undefined;
  aimed: { host: string | undefined; port: number; silent: boolean } = { host: undefined, port: 0, silent: false };
  /** Where what was sent went to. */
  readonly sent: string[] = [];
  drained = 0;

  constructor(port: number) {
    this.port = port;
  }
  aim(host: string | undefined, port: number, silent: boolean): void {
    this.aimed = { host, port, silent };
  }
  send(): void {
    const { host, port, silent } = this.aimed;
    if (host !== undefined && !silent) this.sent.push(`${host}:${port}`);
  }
  drain(): void {
    this.drained++;
  }
  close(): void {}

  /** A datagram comes; as the real ones do it. */
  take(packet: Uint8Array, port: number, host: string, now: number): void {
    const { receiver } = this;
    if (receiver === undefined) return;
    if (host !== this.aimed.host || port !== this.aimed.port) {
      if (receiver.locked) return receiver.stranger();
      if (!receiver.learn(packet, packet.length, port, host)) return;
    }
    if (receiver.take(packet, packet.length, now)) receiver.out.send(packet, packet.length);
  }
}

const peer = (host: string, port = 4000, parts: Partial<Peer> = {}): Peer => ({
  remote: { host, port, rtcpPort: port + 1 },
  source: host,
  anywhere: false,
  rtcpMux: false,
  payloadTypes: [0],
  clockRate: 8000,
  ...parts,
});

function setup(idle = 1000) {
  const sockets = [30_000, 30_001, 30_002, 30_003].map((port) => new FakeSocket(port));
  const [aRtp, aRtcp, bRtp, bRtcp] = sockets;
  if (aRtp === undefined || aRtcp === undefined || bRtp === undefined || bRtcp === undefined) throw new TypeError();
  const session = new RelayedSession(0, idle, () => false);
  session.open(0, { rtp: aRtp, rtcp: aRtcp }, { rtp: bRtp, rtcp: bRtcp });
  session.configure(0, "a", peer("192.0.2.1"));
  session.configure(0, "b", peer("192.0.2.2"));
  return { session, sockets, aRtp, aRtcp, bRtp, bRtcp };
}

let sequence = 0;
const rtp = (payloadType = 0) => {
  const packet = new Uint8Array(172);
  sequence = (sequence + 1) & 0xffff;
  packet.set([0x80, payloadType, sequence >> 8, sequence & 0xff]);
  return packet;
};

describe("a session is over", () => {
  test("once nothing has come from either side for as long as was said", () => {
    const { session, aRtp, bRtcp } = setup(1000);
    expect([999, 1000].map((now) => session.isOver(now))).toEqual([false, true]);
    aRtp.take(rtp(), 4000, "192.0.2.1", 900);
    expect([1899, 1900].map((now) => session.isOver(now))).toEqual([false, true]);
    bRtcp.take(Uint8Array.from([0x80, 201, 0, 1, 0, 0, 0, 1]), 4001, "192.0.2.2", 1800);
    expect([2799, 2800].map((now) => session.isOver(now))).toEqual([false, true]);
  });

  test("later when more is expected, from then on", () => {
    const { session } = setup(1000);
    session.expect(5000, 500);
    expect([5499, 5500].map((now) => session.isOver(now))).toEqual([false, true]);
  });

  test("though strangers keep sending", () => {
    const { session, aRtp } = setup(1000);
    for (let now = 0; now < 1000; now += 10) aRtp.take(rtp(), 4000, "192.0.2.66", now);
    expect(session.isOver(1000)).toBe(true);
  });
});

test("on hold by a zero address a side is sent nothing, and still heard", () => {
  const { session, aRtp, bRtp } = setup();
  aRtp.take(rtp(), 4000, "192.0.2.1", 1);
  bRtp.take(rtp(), 4000, "192.0.2.2", 1);
  session.configure(0, "b", peer("0.0.0.0"));
  aRtp.take(rtp(), 4000, "192.0.2.1", 2);
  bRtp.take(rtp(), 4000, "192.0.2.2", 2);
  expect(bRtp.sent).toHaveLength(1);
  expect(aRtp.sent).toHaveLength(2);
  session.configure(0, "b", peer("192.0.2.2"));
  aRtp.take(rtp(), 4000, "192.0.2.1", 3);
  expect(bRtp.sent).toEqual(["192.0.2.2:4000", "192.0.2.2:4000"]);
});

test("a closed session lets go of its sockets: nothing is taken, nothing is sent", () => {
  const { session, sockets, aRtp, bRtp } = setup();
  session.close();
  aRtp.take(rtp(), 4000, "192.0.2.1", 1);
  expect(bRtp.sent).toEqual([]);
  expect(sockets.map(({ receiver, aimed }) => [receiver, aimed.host])).toEqual(Array(4).fill([undefined, undefined]));
});

test("a restart of a phone, its other streams and late packets do not count as lost", () => {
  const { session, aRtp } = setup();
  const send = (number: number, ssrc: number) => {
    const packet = rtp();
    packet.set([number >> 8, number & 0xff], 2);
    packet[11] = ssrc;
    aRtp.take(packet, 4000, "192.0.2.1", 1);
  };
  for (const number of [10, 11, 13, 12, 14]) send(number, 1);
  for (const number of [40_000, 40_001]) send(number, 1);
  for (const number of [5, 6, 8]) send(number, 2);
  const { a } = session.stats(10).lines[0] ?? {};
  expect(a).toMatchObject({ packets: 10, lost: 1 });
});

test("whatever octets come from wherever: what goes out goes to the peers alone, and was RTP or RTCP (50,000 datagrams)", () => {
  const random = seeded(3);
  const { session, sockets } = setup();
  const hosts = ["192.0.2.1", "192.0.2.2", "192.0.2.66", "10.0.0.1"];
  const began = performance.now();
  for (let n = 0; n < 50_000; n++) {
    const packet = Uint8Array.from({ length: pick(random, [0, 1, 4, 8, 11, 12, 40]) }, () => below(random, 256));
    if (random() < 0.7) packet[0] = 0x80;
    const socket = pick(random, sockets);
    const before = sockets.reduce((sum, { sent }) => sum + sent.length, 0);
    socket.take(packet, pick(random, [4000, 4001, 5000]), pick(random, hosts), n);
    const forwarded = sockets.reduce((sum, { sent }) => sum + sent.length, 0) > before;
    if (forwarded) expect((packet[0] ?? 0) >> 6).toBe(2);
    if (n % 1000 === 0) session.configure(0, "a", peer("192.0.2.1", pick(random, [4000, 5000])));
  }
  const to = new Set(sockets.flatMap(({ sent }) => sent.map((address) => address.split(":", 1)[0])));
  expect([...to].sort()).toEqual(["192.0.2.1", "192.0.2.2"]);
  expect(performance.now() - began).toBeLessThan(10_000);
});
