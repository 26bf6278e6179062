/**
 * What joined sessions and members of rooms cost besides their sockets: a packet in and a tick of 20 ms each, in virtual time.
 *
 *     npx bun test/bench/rooms.bench.ts
 */

import { Rooms } from "../../src/media/rooms.ts";
import { writeRtpHeader } from "../../src/media/rtp.ts";
import { Session, type SessionWorld } from "../../src/media/session.ts";
import { Tracks } from "../../src/media/tracks.ts";
import type { Codec } from "../../src/media/types.ts";

const rounds = 500;
let now = 0;
const world: SessionWorld = {
  tracks: new Tracks(),
  now: () => now,
  wall: (at) => 1e12 + at,
  random: () => 1_234_567,
  latch: "private",
  mediaTimeout: 0,
};
const wire: ConstructorParameters<typeof Session>[1] = { rtp() {}, rtcp() {} };

function measure(label: string, count: number, room: (i: number) => string, codec: (i: number) => Codec): void {
  const rooms = new Rooms();
  const sessions = Array.from({ length: count }, (_, i) => {
    const session = new Session(world, wire, () => {});
    session.configure({
      remote: { host: "127.0.0.1", port: 4000, rtcpPort: 4001 },
      codec: codec(i),
      payloadType: 0,
      direction: "sendrecv",
      dtmfPayloadType: 101,
    });
    rooms.join(session, { room: room(i), listenOnly: false, announced: false });
    return session;
  });
  const packet = new Uint8Array(172).fill(0x55);
  let sequence = 1;
  const step = () => {
    now += 20;
    writeRtpHeader(packet, 0, false, ++sequence & 0xffff, sequence * 160, 7);
    for (const session of sessions) session.receiveRtp(packet, 4000, "127.0.0.1");
    for (const session of sessions) session.tick(now, 0);
  };
  for (let i = 0; i < rounds; i++) step();
  const before = process.cpuUsage();
  for (let i = 0; i < rounds; i++) step();
  const { user, system } = process.cpuUsage(before);
  console.log(`${label.padEnd(32)} ${((user + system) / rounds / count).toFixed(2)} µs for each member and 20 ms`);
}

const pairs = (i: number) => `pair ${i >> 1}`;
const mixed =
  (one: Codec, other: Codec) =>
  (i: number): Codec =>
    i & 1 ? one : other;
measure("joined, PCMU", 80, pairs, () => "PCMU");
measure("joined, PCMU with PCMA", 80, pairs, mixed("PCMU", "PCMA"));
measure("joined, G.722", 40, pairs, () => "G722");
measure("joined, G.722 with PCMU", 40, pairs, mixed("G722", "PCMU"));
for (const size of [3, 20, 200])
  measure(
    `in a room of ${size}, PCMU`,
    size,
    () => "room",
    () => "PCMU",
  );
