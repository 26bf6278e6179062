/** The relay on real sockets: two phones through it, and others who try to hear or to be heard. */
import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { createLog } from "../../src/log.ts";
import { MediaError, type RelayEngine, type RelayOptions, startRelay } from "../../src/media/index.ts";
import type { RelayBackend, RelayPeer, RelaySession, RelayStats } from "../../src/routing/media-relay-seam.ts";
import { bindUdp } from "../../src/udp.ts";
import { mediaPorts } from "../support/peers/ports.ts";
import { until } from "../support/peers/until.ts";

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const lines: string[] = [];
const log = createLog({ level: "warn", format: "pretty", write: (line) => void lines.push(line) });

async function start(options: Partial<RelayOptions> = {}): Promise<RelayEngine> {
  const engine = await startRelay({ ports: await mediaPorts(60), log, freePairs: 8, ...options });
  closers.push(() => engine.close());
  return engine;
}

/** One port of a phone's: what came, by its payload octet, and from which port. */
async function phone(host = "127.0.0.2") {
  const heard: number[] = [];
  const from = new Set<number>();
  let length = 0;
  const socket = await bindUdp({
    host,
    port: 0,
    guarded: false,
    onPacket: (packet, port) => {
      heard.push(packet[12] ?? -1);
      from.add(port);
      length = packet.length;
    },
  });
  closers.push(() => socket.close());
  let sequence = 65_530;
  const ssrc = Math.floor(Math.random() * 2 ** 32);
  return {
    host,
    port: socket.port,
    heard,
    from,
    get length() {
      return length;
    },
    send: (packet: Uint8Array, port: number, to = "127.0.0.1") => socket.send(packet, port, to),
    /** RTP whose payload is this octet. */
    say(octet: number, port: number, payloadType = 0, to = "127.0.0.1") {
      const packet = new Uint8Array(172).fill(octet);
      packet.set([0x80, payloadType, sequence >> 8, sequence & 0xff]);
      packet.set([ssrc >>> 24, (ssrc >>> 16) & 0xff, (ssrc >>> 8) & 0xff, ssrc & 0xff], 8);
      sequence = (sequence + 1) & 0xffff;
      socket.send(packet, port, to);
    },
  };
}
type Phone = Awaited<ReturnType<typeof phone>>;

const peer = ({ host, port }: { host: string; port: number }, parts: Partial<RelayPeer> = {}): RelayPeer => ({
  remote: { host, port, rtcpPort: port + 1 },
  source: host,
  anywhere: false,
  rtcpMux: false,
  payloadTypes: [0, 8],
  clockRate: 8000,
  ...parts,
});

/** A session with one m-line between two phones. */
function connect(engine: RelayBackend, a: RelayPeer, b: RelayPeer, hosts = ["127.0.0.1", "127.0.0.1"]) {
  const [hostA = "", hostB = ""] = hosts;
  const session = engine.relay({ a: { host: hostA }, b: { host: hostB } });
  if (session === undefined || !session.open(0)) throw new TypeError("no session is to be had");
  session.configure(0, "a", a);
  session.configure(0, "b", b);
  const line = session.lines[0];
  if (line === undefined) throw new TypeError("an m-line has no ports");
  return { session, line };
}

/** Waits until the worker has done what it was told before. */
const settled = (session: RelaySession): Promise<RelayStats> => session.stats();
/** Says something until it is heard: the first packet of an unknown source only makes it known. */
async function heardBy(listener: Phone, octet: number, say: () => void) {
  await until(`octet ${octet}`, () => {
    if (!listener.heard.includes(octet)) say();
    return listener.heard.includes(octet);
  });
}

describe.each(["libc", "bun"] as const)("with sockets of %s", (sockets) => {
  test("packets go both ways, untouched, from the port that was told", async () => {
    const engine = await start({ sockets });
    const [alice, bob] = [await phone(), await phone("127.0.0.3")];
    const { session, line } = connect(engine, peer(alice), peer(bob));
    await settled(session);
    await heardBy(bob, 1, () => alice.say(1, line.a.rtpPort));
    await heardBy(alice, 2, () => bob.say(2, line.b.rtpPort));
    expect([...bob.from]).toEqual([line.b.rtpPort]);
    expect([...alice.from]).toEqual([line.a.rtpPort]);
    expect(alice.length).toBe(172);
  });

  test("RTCP has its own ports, and shares RTP's where both want that", async () => {
    const engine = await start({ sockets });
    const report = Uint8Array.from([0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 202, 0, 1, 77, 0, 0, 0]);
    const [alice, bob, aliceRtcp, bobRtcp] = [await phone(), await phone(), await phone(), await phone()];
    const withRtcp = (one: Phone, rtcp: Phone) =>
      peer(one, { remote: { host: one.host, port: one.port, rtcpPort: rtcp.port } });
    const apart = connect(engine, withRtcp(alice, aliceRtcp), withRtcp(bob, bobRtcp));
    await settled(apart.session);
    await heardBy(bobRtcp, 77, () => aliceRtcp.send(report, apart.line.a.rtcpPort));
    // On the RTP port it is not expected.
    alice.send(report, apart.line.a.rtpPort);
    await heardBy(bob, 1, () => alice.say(1, apart.line.a.rtpPort));
    expect(bob.heard).not.toContain(77);

    const muxed = connect(engine, peer(alice, { rtcpMux: true }), peer(bob, { rtcpMux: true }));
    await settled(muxed.session);
    await heardBy(bob, 77, () => alice.send(report, muxed.line.a.rtpPort));
  });

  test("a phone behind a NAT is found where its packets come from, and then nowhere else", async () => {
    const engine = await start({ sockets });
    const [alice, bob, other] = [await phone(), await phone(), await phone()];
    const behind = peer({ host: "10.255.0.9", port: 4000 }, { source: alice.host });
    const { session, line } = connect(engine, behind, peer(bob));
    await settled(session);
    await heardBy(bob, 1, () => alice.say(1, line.a.rtpPort));
    await heardBy(alice, 2, () => bob.say(2, line.b.rtpPort));
    for (let i = 0; i < 5; i++) other.say(99, line.a.rtpPort);
    await heardBy(bob, 3, () => alice.say(3, line.a.rtpPort));
    expect(bob.heard).not.toContain(99);
  });

  test("a third address is never heard and never sent to, be it early or late", async () => {
    const engine = await start({ sockets });
    const [alice, bob, mallory] = [await phone("127.0.0.2"), await phone("127.0.0.3"), await phone("127.0.0.66")];
    const { session, line } = connect(engine, peer(alice), peer(bob));
    await settled(session);
    const spray = () => {
      for (const port of [line.a.rtpPort, line.a.rtcpPort, line.b.rtpPort, line.b.rtcpPort])
        for (let i = 0; i < 10; i++) mallory.say(99, port);
    };
    spray();
    await heardBy(bob, 1, () => alice.say(1, line.a.rtpPort));
    spray();
    await heardBy(alice, 2, () => bob.say(2, line.b.rtpPort));
    spray();
    await heardBy(bob, 3, () => alice.say(3, line.a.rtpPort));
    expect([...alice.heard, ...bob.heard]).not.toContain(99);
    expect(mallory.heard).toEqual([]);
    const stats = await session.stats();
    expect((stats.lines[0]?.a.dropped ?? 0) + (stats.lines[0]?.b.dropped ?? 0)).toBeGreaterThan(100);
  });

  test("nothing is taken before it was agreed on, and nothing after", async () => {
    const engine = await start({ sockets });
    const [alice, bob] = [await phone(), await phone()];
    const session = engine.relay({ a: { host: "127.0.0.1" }, b: { host: "127.0.0.1" } });
    session?.open(0);
    const line = session?.lines[0];
    if (session === undefined || line === undefined) throw new TypeError("no ports");
    await settled(session);
    for (let i = 0; i < 5; i++) alice.say(50, line.a.rtpPort);
    // Many turns of its loop: what is not read before it is agreed on would be good.
    for (let turn = 0; turn < 50; turn++) await settled(session);
    session.configure(0, "a", peer(alice));
    session.configure(0, "b", peer(bob));
    await settled(session);
    await heardBy(bob, 1, () => alice.say(1, line.a.rtpPort));
    expect(bob.heard).not.toContain(50);
    session.configure(0, "a", undefined);
    await settled(session);
    for (let i = 0; i < 5; i++) alice.say(51, line.a.rtpPort);
    await settled(session);
    expect(bob.heard).not.toContain(51);
  });

  test("what is no RTP is dropped, unless that is what was agreed on", async () => {
    const engine = await start({ sockets });
    const [alice, bob] = [await phone(), await phone()];
    const fax = new Uint8Array(40).fill(7);
    const { session, line } = connect(engine, peer(alice), peer(bob));
    await settled(session);
    for (let i = 0; i < 5; i++) alice.send(fax, line.a.rtpPort);
    await heardBy(bob, 1, () => alice.say(1, line.a.rtpPort));
    expect(bob.heard).not.toContain(7);
    const udptl = { payloadTypes: undefined };
    const faxed = connect(engine, peer(alice, udptl), peer(bob, udptl));
    await settled(faxed.session);
    await heardBy(bob, 7, () => alice.send(fax, faxed.line.a.rtpPort));
  });

  test("sides of two IP versions", async () => {
    const engine = await start({ sockets, families: ["ipv4", "ipv6"] });
    const [alice, bob] = [await phone("127.0.0.2"), await phone("::1")];
    const { session, line } = connect(engine, peer(alice), peer(bob), ["127.0.0.1", "::1"]);
    await settled(session);
    await heardBy(bob, 1, () => alice.say(1, line.a.rtpPort));
    await heardBy(alice, 2, () => bob.say(2, line.b.rtpPort, 0, "::1"));
  });

  test("a peer whose port is closed harms nobody", async () => {
    const engine = await start({ sockets });
    const [alice, bob, carol] = [await phone(), await phone(), await phone()];
    const gone = await bindUdp({ host: "127.0.0.2", port: 0, onPacket: () => {} });
    gone.close();
    const dead = connect(engine, peer(alice), peer({ host: "127.0.0.2", port: gone.port }));
    const alive = connect(engine, peer(bob), peer(carol));
    await settled(alive.session);
    for (let i = 1; i <= 40; i++) {
      alice.say(i, dead.line.a.rtpPort);
      bob.say(i, alive.line.a.rtpPort);
      // As steadily as a phone, more or less.
      if (i % 8 === 0) await settled(alive.session);
    }
    await until("all forty", () => carol.heard.length === 40);
    const stats = await dead.session.stats();
    expect(stats.lines[0]?.a.packets).toBe(40);
  });

  test("packets, octets, loss and drops are counted for each side", async () => {
    const engine = await start({ sockets });
    const [alice, bob] = [await phone(), await phone()];
    const { session, line } = connect(engine, peer(alice), peer(bob));
    await settled(session);
    for (let i = 0; i < 20; i++) {
      // The third and the tenth are lost on the way; the numbers wrap meanwhile.
      alice.say(i, i === 3 || i === 10 ? 9 : line.a.rtpPort);
    }
    alice.send(new Uint8Array(3), line.a.rtpPort);
    await until("what was sent", () => bob.heard.length === 18);
    const { lines: counted } = await session.stats();
    const { a, b } = counted[0] ?? {};
    expect(a).toMatchObject({ packets: 18, octets: 18 * 172, lost: 2, dropped: 1, rtcpPackets: 0 });
    expect(a?.idle).toBeLessThan(4000);
    expect(a?.jitter).toBeGreaterThanOrEqual(0);
    expect(b).toMatchObject({ packets: 0, lost: 0 });
    expect(b?.idle).toBeUndefined();
  });

  test("a session without packets is ended and told of; one with packets goes on", async () => {
    const engine = await start({ sockets });
    const [alice, bob, carol] = [await phone(), await phone(), await phone()];
    const dead = connect(engine, peer(alice), peer(bob));
    const alive = connect(engine, peer(bob), peer(carol));
    const ends: string[] = [];
    dead.session.ended = (_stats, reason) => void ends.push(`dead ${reason}`);
    alive.session.ended = (_stats, reason) => void ends.push(`alive ${reason}`);
    dead.session.expect(100);
    alive.session.expect(2500);
    await until("the end", () => {
      bob.say(1, alive.line.a.rtpPort);
      return ends.length > 0;
    });
    expect(ends).toEqual(["dead timeout"]);
    expect(engine.totals).toMatchObject({ sessions: 1, used: 2, timedOut: 1 });
  });

  test("500 sessions opened and closed leave no descriptor and no port behind", async () => {
    const engine = await start({ sockets, ports: await mediaPorts(200), freePairs: 40 });
    await until("ports", () => engine.totals.free >= 40);
    let ended = 0;
    const round = async () => {
      for (let i = 0; i < 10; i++) {
        const { session } = connect(engine, peer({ host: "127.0.0.2", port: 9 }), peer({ host: "127.0.0.2", port: 9 }));
        session.ended = () => void ended++;
        session.close();
        session.close();
      }
      const before = ended - (ended % 10);
      await until("the ends", () => ended % 10 === 0 && ended > before - 1 && engine.totals.sessions === 0);
    };
    for (let i = 0; i < 5; i++) await round();
    const descriptors = readdirSync("/proc/self/fd").length;
    const { free } = engine.totals;
    for (let i = 0; i < 45; i++) await round();
    expect(ended).toBe(500);
    expect(engine.totals).toMatchObject({ sessions: 0, used: 0, free });
    expect(Math.abs(readdirSync("/proc/self/fd").length - descriptors)).toBeLessThan(4);
  });
});

describe("limits", () => {
  test("sessions, m-lines of one, and ports run out without harm", async () => {
    const engine = await start({ maxSessions: 2, maxLines: 2, maxPairs: 6, freePairs: 6 });
    await until("ports", () => engine.totals.free === 6);
    const hosts = { a: { host: "127.0.0.1" }, b: { host: "127.0.0.1" } };
    const [first, second] = [engine.relay(hosts), engine.relay(hosts)];
    expect(engine.relay(hosts)).toBeUndefined();
    expect([0, 1, 2, 0].map((line) => first?.open(line))).toEqual([true, true, false, true]);
    expect([0, 1].map((line) => second?.open(line))).toEqual([true, false]);
    first?.close();
    await until("ports again", () => engine.totals.free === 4);
    expect(second?.open(1)).toBe(true);
  });

  test("a family without ports gives no session", async () => {
    const engine = await start();
    expect(engine.relay({ a: { host: "127.0.0.1" }, b: { host: "::1" } })).toBeUndefined();
  });

  test("a range in which nothing can be bound is said at the start", async () => {
    const taken = await bindUdp({ host: "0.0.0.0", port: 0, onPacket: () => {} });
    closers.push(() => taken.close());
    const even = taken.port - (taken.port % 2);
    const failed = await startRelay({ ports: [even, even + 1], log }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(MediaError);
    expect(failed).toMatchObject({ code: "no-ports" });
  });

  test.each(["libc", "bun"] as const)(
    "a worker that dies ends its sessions; the next one has all ports again (%s)",
    async (sockets) => {
      let workers = 0;
      const broken = () => new Worker(new URL("./failing-relay-worker.ts", import.meta.url).href);
      const sound = () => new Worker(new URL("../../src/media/worker.ts", import.meta.url).href);
      const options = { ports: await mediaPorts(16), log, freePairs: 8, sockets };
      const engine = await startRelay(options, () => (workers++ === 0 ? broken() : sound()));
      closers.push(() => engine.close());
      await until("all ports", () => engine.totals.free === 8);
      const descriptors = readdirSync("/proc/self/fd").length;
      const { session } = connect(engine, peer({ host: "127.0.0.2", port: 9 }), peer({ host: "127.0.0.2", port: 9 }));
      const ends: string[] = [];
      session.ended = (_stats, reason) => void ends.push(reason);
      await until("the end", () => ends.length > 0);
      expect(ends).toEqual(["failed"]);
      await until("all ports", () => engine.totals.free === 8);
      expect(engine.totals).toMatchObject({ sessions: 0, used: 0, restarts: 1 });
      expect(Math.abs(readdirSync("/proc/self/fd").length - descriptors)).toBeLessThan(4);
      const [alice, bob] = [await phone(), await phone()];
      const next = connect(engine, peer(alice), peer(bob));
      await settled(next.session);
      await heardBy(bob, 1, () => alice.say(1, next.line.a.rtpPort));
    },
  );

  test("closing ends all sessions", async () => {
    const engine = await start();
    const { session } = connect(engine, peer({ host: "127.0.0.2", port: 9 }), peer({ host: "127.0.0.2", port: 9 }));
    const ends: string[] = [];
    session.ended = (_stats, reason) => void ends.push(reason);
    await engine.close();
    expect(ends).toEqual(["closed"]);
    expect(engine.relay({ a: { host: "127.0.0.1" }, b: { host: "127.0.0.1" } })).toBeUndefined();
  });
});
