/** A media session in virtual time, the packets that it sends, and a peer that sends to it. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { SoundForm } from "../../src/media/codecs/form.ts";
import { g711 } from "../../src/media/codecs/g711.ts";
import { newRtpHeader, parseRtp, writeRtpHeader } from "../../src/media/rtp.ts";
import { Session } from "../../src/media/session.ts";
import { type Track, Tracks } from "../../src/media/tracks.ts";
import type { Configuration, MediaEvent } from "../../src/media/types.ts";
import { wavHeader } from "../../src/media/wav-writer.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { seeded } from "../support/random.ts";

/** Where sounds and recordings are. */
export const folder = temporaryFolder("session");

/** A WAV file of one level, which the wire shows as one octet. */
export async function sound(level: number, frames: number): Promise<string> {
  const path = join(folder, `${level}-${frames}.wav`);
  const samples = new Int16Array(frames * 160).fill(level);
  await Bun.write(path, new Blob([wavHeader(1, samples.byteLength), samples]));
  return path;
}
export const octetOf = (level: number, law = g711.PCMU) => law.octets[(level >> 2) & 0x3fff] ?? -1;
export const quiet = g711.PCMU.silence;

export const peer = { host: "127.0.0.1", port: 4000, rtcpPort: 4001 };
export const plain: Configuration = {
  remote: peer,
  codec: "PCMU",
  payloadType: 0,
  dtmfPayloadType: 101,
  direction: "sendrecv",
};

interface SentPacket {
  to: string;
  marker: boolean;
  payloadType: number;
  sequence: number;
  timestamp: number;
  payload: Uint8Array;
}

/** A session in virtual time, with what it sends and tells. */
export function start(configuration: Configuration | undefined = plain, mediaTimeout = 0) {
  const sent: SentPacket[] = [];
  const rtcp: { to: string; packet: Uint8Array }[] = [];
  const events: MediaEvent[] = [];
  const random = seeded(9);
  let now = 0;
  const world = {
    tracks: new WatchedTracks(),
    now: () => now,
    wall: (at: number) => 1e12 + at,
    random: () => Math.floor(random() * 0x100000000),
    latch: "private" as const,
    mediaTimeout,
  };
  const wire = {
    rtp(packet: Uint8Array, port: number, host: string) {
      const header = newRtpHeader();
      if (!parseRtp(packet, header)) return void rtcp.push({ to: `${host}:${port}`, packet: packet.slice() });
      const payload = packet.slice(header.offset, header.offset + header.length);
      sent.push({ ...header, to: `${host}:${port}`, payload });
    },
    rtcp: (packet: Uint8Array, port: number, host: string) =>
      void rtcp.push({ to: `${host}:${port}`, packet: packet.slice() }),
  };
  const session = new Session(world, wire, (event) => events.push(event));
  if (configuration) session.configure(configuration);
  const tick = (count = 1, skipped = 0) => {
    for (let i = 0; i < count; i++) {
      now += 20 * (1 + skipped);
      session.tick(now, skipped);
    }
  };
  let next = 100;
  /** RTP from the peer, or from somebody else. */
  const receive = (
    octets: Uint8Array,
    {
      payloadType = 0,
      sequence = next,
      timestamp = next * 160,
      port = peer.port,
      host = peer.host,
      marker = false,
    } = {},
  ) => {
    const packet = new Uint8Array(12 + octets.length);
    writeRtpHeader(packet, payloadType, marker, sequence, timestamp, 0x1234);
    next = sequence + 1;
    packet.set(octets, 12);
    session.receiveRtp(packet, port, host);
  };
  return { session, sent, rtcp, events, tick, receive, heard: () => sent.map(({ payload }) => payload[80] ?? -1) };
}

/** Sounds that sessions have asked for. */
const opened: Promise<Track>[] = [];

class WatchedTracks extends Tracks {
  override open(path: string, form: SoundForm): Promise<Track> {
    const track = super.open(path, form);
    opened.push(track);
    return track;
  }
}

/** Waits for the sounds that were asked for, and more round trips to the disk than opening a recording takes. */
export const loaded = async () => {
  const tracks = await Promise.allSettled(opened.splice(0));
  for (const track of tracks) while (track.status === "fulfilled" && !track.value.complete) await stat(folder);
  for (let i = 0; i < 100; i++) await stat(folder);
};
