import { describe, expect, test } from "bun:test";
import { encode, g711 } from "../../src/media/codecs/g711.ts";
import { JitterBuffer } from "../../src/media/jitter-buffer.ts";
import { newRtpHeader, parseRtp } from "../../src/media/rtp.ts";
import { dataPath } from "../support/data.ts";
import { readPcap } from "../support/pcap.ts";
import { below, seeded } from "../support/random.ts";

const law = g711.PCMA;

/** Sound in which each 20 ms frame is a level of its own, so that a test sees which frame it hears. */
const levelOf = (frame: number) => 1000 + 512 * (frame % 32);

interface Packet {
  at: number;
  timestamp: number;
  octets: Uint8Array;
  marker?: boolean;
  restart?: boolean;
}

/** Packet `index` of a stream, `ms` long, arriving `late` ms after its time. */
function packet(index: number, { ms = 20, late = 0, start = 0 } = {}): Packet {
  const samples = ms * 8;
  const linear = Int16Array.from({ length: samples }, (_, i) => levelOf(Math.floor((index * samples + i) / 160)));
  const octets = new Uint8Array(samples);
  encode(law, linear, octets, 0, samples);
  return { at: index * ms + ms + late, timestamp: (start + index * samples) >>> 0, octets };
}

/** Plays packets as they arrive and answers what is heard in each 20 ms: a frame's number, "-" for silence, "~" for else. */
function play(
  packets: Packet[],
  ms: number,
  buffer = new JitterBuffer(),
): { heard: (number | string)[]; buffer: JitterBuffer } {
  const queue = packets.toSorted((a, b) => a.at - b.at);
  const heard: (number | string)[] = [];
  const out = new Int16Array(160);
  const levels = Array.from({ length: 32 }, (_, frame) => law.linear[law.octets[levelOf(frame) >> 2] ?? 0] ?? 0);
  // Frames are pulled between arrivals, 10 ms apart from them.
  for (let now = 10; now < ms; now += 20) {
    for (let next = queue[0]; next !== undefined && next.at <= now; next = queue[0]) {
      queue.shift();
      if (next.restart) buffer.restart();
      buffer.insert(law, next.octets, 0, next.octets.length, next.timestamp, next.marker ?? false, next.at);
    }
    buffer.pull(out);
    const first = out[0] ?? 0;
    const level = levels.indexOf(first);
    heard.push(
      out.every((sample) => sample === 0) ? "-" : level >= 0 && out.every((sample) => sample === first) ? level : "~",
    );
  }
  return { heard, buffer };
}

const stream = (count: number, options = {}) => Array.from({ length: count }, (_, i) => packet(i, options));
/** What is heard of a stream without its silence at begin and end. */
const trimmed = (heard: (number | string)[]) =>
  heard
    .join(" ")
    .replace(/^(- )+/, "")
    .replace(/( -)+$/, "");
const frames = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => (from + i) % 32).join(" ");
/** What follows the last frame: it is repeated, ever more quietly. */
const fade = " ~ ~ ~";

describe("a jitter buffer", () => {
  test("plays a punctual stream whole, 40 ms behind", () => {
    const { heard, buffer } = play(stream(50), 1200);
    expect(trimmed(heard)).toBe(frames(0, 50) + fade);
    expect(heard.indexOf(0)).toBeLessThanOrEqual(3);
    expect(buffer.late).toBe(0);
  });

  for (const ms of [10, 20, 30, 40, 50, 60])
    test(`takes packets of ${ms} ms`, () => {
      const count = 1200 / ms;
      expect(trimmed(play(stream(count, { ms }), 2000).heard)).toStartWith(frames(0, 60));
    });

  test("puts packets into order", () => {
    const packets = stream(30);
    for (const i of [5, 11, 20]) packets[i] = packet(i, { late: 25 });
    expect(trimmed(play(packets, 1000).heard)).toBe(frames(0, 30) + fade);
  });

  test("plays a packet that came twice once", () => {
    const packets = stream(30);
    const { heard, buffer } = play([...packets, ...packets.slice(4, 9)], 1000);
    expect(trimmed(heard)).toBe(frames(0, 30) + fade);
    expect(buffer.duplicates + buffer.late).toBe(5);
  });

  test("conceals a lost packet by the one before and stays in time", () => {
    const packets = stream(20).filter((_, i) => i !== 8);
    const { heard, buffer } = play(packets, 800);
    expect(trimmed(heard)).toBe(`${frames(0, 8)} ~ ${frames(9, 20)}${fade}`);
    expect(buffer.concealed).toBeGreaterThanOrEqual(160);
  });

  test("fades to silence in a long loss", () => {
    const packets = stream(30).filter((_, i) => i < 8 || i >= 16);
    const heard = trimmed(play(packets, 1000).heard);
    expect(heard).toStartWith(`${frames(0, 8)} ~ ~ ~ -`);
    expect(heard).toEndWith(frames(17, 30) + fade);
  });

  test("grows its delay when packets come late, and loses none after that", () => {
    const random = seeded(4);
    const packets = stream(500).map((_, i) => packet(i, { late: i < 50 ? 0 : below(random, 90) }));
    const { heard, buffer } = play(packets, 11_000);
    expect(buffer.target / 8).toBeGreaterThan(80);
    expect(trimmed(heard.slice(100))).toEndWith(frames(200, 500) + fade);
  });

  test("shrinks its delay again when they come in time", () => {
    const packets = Array.from({ length: 3000 }, (_, i) => packet(i, { late: i < 100 && i % 10 === 5 ? 150 : 0 }));
    const buffer = new JitterBuffer();
    play(packets.slice(0, 200), 4000, buffer);
    const before = buffer.level;
    play(
      packets.slice(200).map((p) => ({ ...p, at: p.at - 4000 })),
      55_000,
      buffer,
    );
    expect(before / 8).toBeGreaterThan(120);
    expect(buffer.target / 8).toBeLessThan(42);
  });

  test("never holds more than its bound for long", () => {
    const burst = stream(60).map((p) => ({ ...p, at: 100 }));
    const buffer = new JitterBuffer({ min: 40, max: 200 });
    play(burst, 200, buffer);
    expect(buffer.level / 8).toBeLessThanOrEqual(220);
  });

  const starts: [string, (p: Packet, i: number) => Packet][] = [
    ["a new source", (p, i) => ({ ...p, timestamp: p.timestamp + 123_456_789, restart: i === 0 })],
    ["a timestamp that jumps, with the marker", (p, i) => ({ ...p, timestamp: p.timestamp + 50_000, marker: i === 0 })],
    [
      "a timestamp that jumps back, with the marker",
      (p, i) => ({ ...p, timestamp: (p.timestamp - 50_000) >>> 0, marker: i === 0 }),
    ],
  ];
  for (const [name, change] of starts)
    test(`goes on without a gap at ${name}`, () => {
      const packets = stream(40).map((p, i) => (i < 20 ? p : change(p, i - 20)));
      expect(trimmed(play(packets, 1200).heard)).toBe(frames(0, 40) + fade);
    });

  test("drops one packet with an odd timestamp", () => {
    const packets = stream(40).map((p, i) => (i === 20 ? { ...p, timestamp: 999_999 } : p));
    expect(trimmed(play(packets, 1200).heard)).toBe(`${frames(0, 20)} ~ ${frames(21, 40)}${fade}`);
  });

  test("believes a jump without the marker when the next packet follows on", () => {
    const packets = stream(40).map((p, i) => (i < 20 ? p : { ...p, timestamp: p.timestamp + 900_000 }));
    expect(trimmed(play(packets, 1200).heard)).toEndWith(frames(21, 40) + fade);
  });

  test("does not add a pause of the peer to the delay", () => {
    const pause = 1000;
    const packets = [...stream(20), ...Array.from({ length: 30 }, (_, i) => packet(20 + pause / 20 + i))];
    const { heard } = play(packets, 2600);
    const back = heard.indexOf((20 + pause / 20) % 32, 40);
    expect(back * 20 - (20 * 20 + pause)).toBeLessThanOrEqual(80);
    expect(trimmed(heard)).toEndWith(frames(70, 100) + fade);
  });

  test("carries on when timestamps wrap", () => {
    expect(trimmed(play(stream(40, { start: 0xffffffff - 10 * 160 }), 1200).heard)).toBe(frames(0, 40) + fade);
  });

  test("plays a captured stream of 40 ms packets without a hole", () => {
    const header = newRtpHeader();
    const buffer = new JitterBuffer();
    const out = new Int16Array(160);
    const all = readPcap(dataPath("pcap", "asterisk-40msalaw.pcap")).filter(
      ({ payload }) => parseRtp(payload, header) && header.payloadType === 8,
    );
    const ssrc = all[0] && parseRtp(all[0].payload, header) ? header.ssrc : 0;
    let inserted = 0;
    let now = 0;
    for (const { payload, at } of all) {
      if (!parseRtp(payload, header) || header.ssrc !== ssrc) continue;
      for (; now < at; now += 20) buffer.pull(out);
      buffer.insert(law, payload, header.offset, header.length, header.timestamp, header.marker, at);
      inserted++;
    }
    expect(inserted).toBeGreaterThan(50);
    expect(buffer.late).toBeLessThanOrEqual(inserted / 100);
    expect(buffer.concealed).toBeLessThanOrEqual(inserted * 4);
  });

  test.each([-300, -100, 100, 300])("keeps up for ten minutes with a peer whose clock is %d ppm fast", (ppm) => {
    const buffer = new JitterBuffer();
    const { octets } = packet(0);
    const out = new Int16Array(160);
    const delays: number[] = [];
    for (let now = 10, index = 0; now < 600_000; now += 20) {
      for (let at = index * 20 * (1 - ppm / 1e6); at <= now; at = ++index * 20 * (1 - ppm / 1e6))
        buffer.insert(law, octets, 0, octets.length, index * 160, false, at);
      buffer.pull(out);
      delays.push(buffer.level / 8);
      if (now > 1000) expect(out.every((sample) => sample === 0)).toBe(false);
    }
    expect(Math.max(...delays)).toBeLessThanOrEqual(60);
    expect(buffer.late).toBe(0);
    // What a slow clock leaves out, and no more than is repeated with it.
    expect(buffer.concealed / 8).toBeLessThanOrEqual(Math.max(0, -ppm) * 0.6 + 20);
  });

  test("takes anything and stays within its bounds", () => {
    const random = seeded(5);
    const buffer = new JitterBuffer();
    const out = new Int16Array(160);
    const octets = new Uint8Array(9000);
    let timestamp = 0;
    for (let i = 0; i < 20_000; i++) {
      timestamp = random() < 0.9 ? (timestamp + 160) >>> 0 : below(random, 0x100000000);
      if (random() < 0.01) buffer.restart();
      buffer.insert(
        law,
        octets,
        0,
        random() < 0.9 ? 160 : below(random, 9000),
        timestamp,
        random() < 0.05,
        i * 20 + below(random, 500),
      );
      if (random() < 0.95) buffer.pull(out);
      expect(buffer.level).toBeLessThanOrEqual(8192);
    }
  });
});
