/** What is captured: a ring that stays within its bounds, capture files as somebody else reads them, HEP octet by octet. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { CapturedMessage } from "../../src/control/capture/capture.ts";
import { hepPacket } from "../../src/control/capture/hep.ts";
import { pcapFile, pcapRecord } from "../../src/control/capture/pcap.ts";
import { CaptureRing } from "../../src/control/capture/ring.ts";
import { Capture } from "../../src/control/capture/store.ts";
import { PacketRing, readPackets } from "../../src/media/packet-ring.ts";
import { readPcap } from "../support/pcap.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { below, seeded } from "../support/random.ts";

const local = { host: "192.0.2.1", port: 5060 };
const remote = { host: "192.0.2.7", port: 5062 };
const octets = (text: string) => Buffer.from(text, "latin1");
const invite = (callId: string, user = "bob") =>
  octets(
    `INVITE sip:${user}@example.com SIP/2.0\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:${user}@example.com>\r\nCall-ID: ${callId}\r\nCSeq: 1 INVITE\r\nAuthorization: Digest response="secret"\r\n\r\n`,
  );
const flow = { transport: "udp", local, remote } as const;

describe("the ring", () => {
  test("keeps the newest messages, whole and in order, whatever their sizes", () => {
    const random = seeded(5);
    const ring = new CaptureRing(10_000);
    const all: string[] = [];
    for (let i = 0; i < 2000; i++) {
      const text = `${i} `.padEnd(1 + below(random, i % 50 === 0 ? 9000 : 900), "x");
      all.push(text);
      ring.keep(octets(text), i, "received", "udp", local, remote);
      const kept = [...ring.after()].map((entry) => ring.bytes(entry).toString("latin1"));
      expect(kept.length).toBeGreaterThan(0);
      expect(kept).toEqual(all.slice(all.length - kept.length));
      expect(ring.used).toBeLessThanOrEqual(10_000);
    }
    expect(ring.last).toBe(2000);
    expect([...ring.after(1999)].map(({ id }) => id)).toEqual([2000]);
  });

  test("keeps no more of tiny messages than it has room for their bookkeeping", () => {
    const ring = new CaptureRing(100_000);
    for (let i = 0; i < 50_000; i++) ring.keep(octets("x"), i, "sent", "tcp", local, remote);
    expect(ring.count).toBeLessThanOrEqual(400);
    expect(ring.keep(new Uint8Array(100_001), 1, "sent", "tcp", local, remote)).toBeUndefined();
  });
});

describe("what is captured", () => {
  const opened = () => {
    const watched: boolean[] = [];
    const capture = new Capture({ size: 100_000, watch: (on) => void watched.push(on), now: () => 1000.5 });
    return { capture, watched };
  };

  test("is found by Call-ID, user, method and address", () => {
    const { capture } = opened();
    capture.received(invite("one"), flow);
    capture.received(invite("two", "b%6fb"), flow);
    capture.sent(octets("SIP/2.0 486 Busy Here\r\nCall-ID: two\r\nCSeq: 1 INVITE\r\n\r\n"), "udp", local, remote);
    capture.sent(octets("\r\n"), "udp", local, remote);
    capture.received(octets("\0\xff".repeat(50)), flow);
    const ids = (filter: Parameters<Capture["messages"]>[0]) => capture.messages(filter).map(({ id }) => id);
    expect(ids({})).toEqual([1, 2, 3, 4]);
    expect(ids({ callId: "two" })).toEqual([2, 3]);
    expect(ids({ user: "bob" })).toEqual([1, 2]);
    expect(ids({ method: "INVITE" })).toEqual([1, 2, 3]);
    expect(ids({ host: "192.0.2.8" })).toEqual([]);
    expect(capture.messages({}, { after: 3, limit: 1 }).map(({ id }) => id)).toEqual([4]);
    expect(capture.messages({ callId: "two" })[1]).toMatchObject({ status: 486, direction: "sent", at: 1000.5 });
    expect(JSON.stringify(capture.messages({}))).not.toContain("secret");
  });

  test("is told to those who follow, and costs nothing once nobody does", async () => {
    const watched: boolean[] = [];
    const capture = new Capture({ size: 0, watch: (on) => void watched.push(on) });
    const heard: string[] = [];
    const told = Promise.withResolvers<void>();
    const stop = capture.follow({ user: "eve" }, ({ callId }) => heard.push(callId) === 2 && told.resolve());
    for (let i = 0; i < 1000; i++) capture.received(invite(`${i}`, i % 500 === 7 ? "eve" : "bob"), flow);
    await told.promise;
    stop();
    stop();
    expect(heard).toEqual(["7", "507"]);
    expect(watched).toEqual([true, false]);
    expect(capture.captureState()).toMatchObject({ active: false, size: 0, last: 1000 });
  });

  test("is a capture file, in which secrets are stars", async () => {
    const { capture } = opened();
    capture.received(invite("one"), flow);
    capture.sent(octets("SIP/2.0 200 OK\r\nCall-ID: one\r\n\r\n"), "udp", local, remote);
    const file = join(temporaryFolder("pcap"), "call.pcap");
    await Bun.write(file, await capture.pcap({ callId: "one" }));
    const packets = readPcap(file);
    expect(packets.map(({ source, sourcePort, destinationPort }) => [source, sourcePort, destinationPort])).toEqual([
      ["192.0.2.7", 5062, 5060],
      ["192.0.2.1", 5060, 5062],
    ]);
    expect(Buffer.from(packets[0]?.payload ?? []).toString()).toBe(
      invite("one").toString().replace("secret", "******"),
    );
  });
});

test("headers of packets are kept, never what they carry, and no more than there is room for", () => {
  const ring = new PacketRing(32 * 100, () => 5.5);
  const packet = Uint8Array.from({ length: 172 }, (_, i) => (i === 0 ? 0x80 : i));
  for (let i = 0; i < 250; i++) ring.note(i % 3, i % 2 === 0, 10_000, 20_000 + i, `192.0.2.${i % 5}`, packet);
  ring.note(1, true, 10_000, 1, "192.0.2.1", Uint8Array.of(0x80, 200, ...new Uint8Array(26)));
  ring.note(1, true, 10_000, 1, "192.0.2.1", Uint8Array.of(0x16, 0xfe, ...new Uint8Array(26)));
  const { rows, hosts } = ring.of(new Set([1]), 20);
  const found = readPackets(rows, hosts);
  expect(found.map(({ remote: { port } }) => port - 20_000)).toEqual(Array.from({ length: 20 }, (_, i) => 190 + 3 * i));
  expect(found.at(-1)).toMatchObject({ at: 5.5, session: 1, localPort: 10_000, length: 172, direction: "received" });
  expect(found.at(-1)?.remote.host).toBe("192.0.2.2");
  expect([...(found[0]?.header ?? [])]).toEqual([...packet.subarray(0, 12)]);
  expect(rows.length).toBe(20 * 32);
});

test.each([
  ["IPv4", local, remote, 2],
  ["IPv6", { host: "2001:db8::1", port: 5060 }, { host: "2001:db8::7", port: 5062 }, 10],
  ["a name", { host: "::", port: 5060 }, { host: "phone.example.com", port: 5062 }, 2],
])("HEP over %s says whence, whither, when and what", (_, ours, theirs, family) => {
  const message: CapturedMessage = {
    ...{ id: 1, at: 1_700_000_000_123.456, direction: "received", transport: "tls", local: ours, remote: theirs },
    ...{ callId: "one", summary: "", method: "INVITE", status: undefined, users: [], text: "INVITE \xe4" },
  };
  const packet = Buffer.from(hepPacket(message, { id: 0xfffffffe, password: "pw" }));
  expect(packet.toString("latin1", 0, 4)).toBe("HEP3");
  expect(packet.readUInt16BE(4)).toBe(packet.length);
  const chunks = new Map<number, Buffer>();
  for (let at = 6; at < packet.length; at += packet.readUInt16BE(at + 4)) {
    expect(packet.readUInt16BE(at)).toBe(0);
    chunks.set(packet.readUInt16BE(at + 2), packet.subarray(at + 6, at + packet.readUInt16BE(at + 4)));
  }
  const chunk = (type: number) => chunks.get(type) ?? Buffer.alloc(0);
  expect([chunk(1)[0], chunk(2)[0], chunk(11)[0]]).toEqual([family, 6, 1]);
  expect([chunk(7).readUInt16BE(), chunk(8).readUInt16BE()]).toEqual([5062, 5060]);
  expect([chunk(9).readUInt32BE(), chunk(10).readUInt32BE()]).toEqual([1_700_000_000, 123_456]);
  expect(chunk(12).readUInt32BE()).toBe(0xfffffffe);
  expect([14, 15, 17].map((type) => chunk(type).toString("latin1"))).toEqual(["pw", "INVITE \xe4", "one"]);
  expect([chunk(family === 10 ? 5 : 3).length, chunk(family === 10 ? 6 : 4).length]).toEqual(
    family === 10 ? [16, 16] : [4, 4],
  );
});

test("a capture file holds datagrams of any size and family", async () => {
  const file = pcapFile([
    pcapRecord({
      at: 2.25,
      from: { host: "2001:db8::1", port: 1 },
      to: { host: "::1", port: 2 },
      payload: octets("odd"),
    }),
    pcapRecord({ at: 1.5, from: local, to: remote, payload: new Uint8Array(70_000) }),
  ]);
  const view = new DataView(file.buffer, file.byteOffset);
  expect([view.getUint32(28, true), view.getUint32(32, true)]).toEqual([1_500_000, 65_535]);
  const second = 24 + 16 + 65_535;
  expect([view.getUint32(second + 4, true), view.getUint32(second + 8, true)]).toEqual([2_250_000, 40 + 8 + 3]);
});
