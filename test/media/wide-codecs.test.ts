/** G.722 and Opus: tones that come through, sessions that speak and hear them, packets that are lost, doubled or no such thing. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { soundCodecs } from "../../src/media/codecs/codec.ts";
import { G722Decoder, G722Encoder } from "../../src/media/codecs/g722.ts";
import { OpusDecoder, OpusEncoder, opusSamples, opusWishes } from "../../src/media/codecs/opus.ts";
import { JitterBuffer } from "../../src/media/jitter-buffer.ts";
import { createResampler } from "../../src/media/resample.ts";
import type { Configuration } from "../../src/media/types.ts";
import { wavHeader } from "../../src/media/wav-writer.ts";
import { dataPath } from "../support/data.ts";
import { signalToNoise, tone } from "../support/peers/tone-noise.ts";
import { below, seeded } from "../support/random.ts";
import { folder, loaded, plain, start } from "./virtual-session.ts";

const rate = 16_000;

const turn = () => new Promise<void>((done) => setImmediate(done));

/** What an Opus coder needs before it is ready. */
async function ready(encoder: OpusEncoder): Promise<OpusEncoder> {
  while (encoder.encode(new Int16Array(320)) === undefined) await turn();
  return encoder;
}

describe("G.722", () => {
  test.each([
    [300, 10_000, 40],
    [1000, 10_000, 40],
    [3000, 1000, 35],
    [5000, 10_000, 20],
    [6500, 1000, 20],
  ])("a tone of %d Hz with an amplitude of %d comes through with %d dB over its noise", (hertz, amplitude, least) => {
    const sent = tone(hertz, rate, rate, amplitude);
    const octets = new Uint8Array(rate / 2);
    expect(new G722Encoder().encode(sent, octets, 0)).toBe(rate / 2);
    const heard = new Int16Array(rate);
    new G722Decoder().decode(octets, 0, octets.length, heard);
    const { gain, decibels } = signalToNoise(heard.subarray(4000), hertz, rate, amplitude);
    expect(gain).toBeWithin(0.98, 1.02);
    expect(decibels).toBeGreaterThan(least);
  });

  test("silence stays silent, and what clips does not wrap around", () => {
    const heard = new Int16Array(3200);
    const octets = new Uint8Array(1600);
    new G722Encoder().encode(new Int16Array(3200), octets, 0);
    new G722Decoder().decode(octets, 0, 1600, heard);
    expect(Math.max(...heard.map(Math.abs))).toBeLessThan(8);
    const loud = Int16Array.from({ length: 3200 }, (_, i) => (i % 40 < 20 ? 32_767 : -32_768));
    new G722Encoder().encode(loud, octets, 0);
    new G722Decoder().decode(octets, 0, 1600, heard);
    // The filters delay by 22 samples.
    for (let i = 1632; i < 3200; i += 40) expect(heard[i] ?? 0).toBeGreaterThan(10_000);
  });

  test("speech that another program has coded is the speech that it has in G.711 as well", async () => {
    const coded = new Uint8Array(await Bun.file(dataPath("audio", "asterisk-talking-g.g722")).arrayBuffer());
    const heard = new Int16Array(2 * coded.length);
    new G722Decoder().decode(coded, 0, coded.length, heard);
    // Speech is mostly below 4 kHz and never the hiss that a wrong table makes: neighbours are alike.
    let steps = 0;
    let power = 0;
    for (let i = 1; i < heard.length; i++) {
      steps += ((heard[i] ?? 0) - (heard[i - 1] ?? 0)) ** 2;
      power += (heard[i] ?? 0) ** 2;
    }
    expect(power / heard.length).toBeGreaterThan(100_000);
    expect(steps / power).toBeLessThan(0.3);
  });
});

describe("Opus", () => {
  test.each([[300], [1000], [3000], [6000]])("a tone of %d Hz comes through with its level", async (hertz) => {
    const encoder = await ready(new OpusEncoder({ bitrate: 32_000, fec: false }));
    const decoder = soundCodecs.opus.decoder();
    await turn();
    const sent = tone(hertz, rate, 2 * rate, 8000);
    const heard: number[] = [];
    const out = new Int16Array(1920);
    for (let at = 0; at < sent.length; at += 320) {
      const packet = encoder.encode(sent.subarray(at, at + 320)) ?? new Uint8Array();
      expect(decoder.samples(packet, 0, packet.length)).toBe(320);
      heard.push(...out.subarray(0, decoder.decode(packet, 0, packet.length, out)));
    }
    encoder.close();
    decoder.close();
    const { gain, decibels } = signalToNoise(Int16Array.from(heard.slice(rate / 2)), hertz, rate, 8000);
    expect(gain).toBeWithin(0.9, 1.1);
    expect(decibels).toBeGreaterThan(20);
  });

  test.each([
    ["", { bitrate: 32_000, fec: false }],
    ["useinbandfec=1", { bitrate: 32_000, fec: true }],
    ["minptime=10; useinbandfec=1; maxaveragebitrate=16000", { bitrate: 16_000, fec: true }],
    ["maxaveragebitrate=510000", { bitrate: 32_000, fec: false }],
    ["maxaveragebitrate=1", { bitrate: 6000, fec: false }],
    ["maxaveragebitrate=-1;useinbandfec=yes;;==;", { bitrate: 32_000, fec: false }],
  ])("the peer's wishes %p", (fmtp, wishes) => {
    expect(opusWishes(fmtp)).toEqual(wishes);
  });

  test.each([
    ["SILK 10 ms", [0x00], 160],
    ["SILK 60 ms, two frames", [0x19], 1920],
    ["hybrid 20 ms", [0x68], 320],
    ["CELT 2.5 ms", [0x80], 40],
    ["CELT 20 ms, two frames", [0xf9], 640],
    ["CELT 20 ms, six frames", [0xfb, 6], 1920],
    ["CELT 20 ms, seven frames: over 120 ms", [0xfb, 7], 0],
    ["a count that is missing", [0xfb], 0],
    ["nothing", [], 0],
  ])("%s", (_, octets, samples) => {
    expect(opusSamples(Uint8Array.from(octets), 0, octets.length)).toBe(samples);
  });

  test("what is no Opus is silent, whatever it is", async () => {
    await ready(new OpusEncoder({ bitrate: 32_000, fec: true }));
    const decoder = new OpusDecoder();
    await turn();
    const random = seeded(7);
    const out = new Int16Array(1920);
    const until = performance.now() + 500;
    for (let i = 0; i < 2000 && performance.now() < until; i++) {
      const packet = Uint8Array.from({ length: below(random, 300) }, () => below(random, 256));
      const made = decoder.decode(packet, 0, packet.length, out);
      expect(made === 0 || made === opusSamples(packet, 0, packet.length)).toBe(true);
    }
    decoder.close();
  });
});

describe("a packet of a codec with memory", () => {
  const packets = (count: number) => {
    const octets = new Uint8Array(160 * count);
    new G722Encoder().encode(tone(1000, rate, 320 * count, 8000), octets, 0);
    return Array.from({ length: count }, (_, i) => octets.subarray(160 * i, 160 * i + 160));
  };
  /** What is heard when these packets come, each at its time, in that order. */
  const heard = (order: readonly number[]) => {
    const all = packets(50);
    const buffer = new JitterBuffer(undefined, soundCodecs.G722);
    const decoder = soundCodecs.G722.decoder();
    const out = new Int16Array(320);
    const sound: number[] = [];
    order.forEach((index, at) => {
      const packet = all[index] ?? new Uint8Array();
      buffer.insertEncoded(decoder, packet, 0, packet.length, index * 160, false, at * 20);
      buffer.pull(out);
      sound.push(...out);
    });
    return signalToNoise(Int16Array.from(sound.slice(3200, 14_000)), 1000, rate, 8000).decibels;
  };
  const inOrder = Array.from({ length: 50 }, (_, i) => i);

  test("is decoded in its turn: two that have changed places are not heard as such", () => {
    expect(heard(inOrder)).toBeGreaterThan(35);
    const swapped = inOrder.with(20, 21).with(21, 20).with(30, 31).with(31, 30);
    expect(heard(swapped)).toBeGreaterThan(35);
  });

  test("that is lost leaves a gap that is filled, and what follows is right again", () => {
    const lost = inOrder.filter((index) => index !== 20);
    expect(heard(lost)).toBeGreaterThan(8);
  });

  test("that comes twice is heard once", () => {
    expect(heard(inOrder.flatMap((index) => (index === 20 ? [20, 20] : [index])))).toBeGreaterThan(15);
  });
});

describe("an Opus packet that is lost", () => {
  /** Sound between its packets `from` and `to` when every tenth is lost, against the same without loss, in dB. */
  const clarity = async (fec: boolean) => {
    const encoder = await ready(new OpusEncoder({ bitrate: 32_000, fec }));
    const heard = [false, true].map(() => ({
      buffer: new JitterBuffer(undefined, soundCodecs.opus),
      sound: Array.of(0),
    }));
    const decoders = heard.map(() => soundCodecs.opus.decoder());
    await turn();
    const out = new Int16Array(320);
    for (let i = 0; i < 150; i++) {
      // A gliding voice: what comes next cannot be guessed from what was.
      const said = Int16Array.from({ length: 320 }, (_, n) => {
        const at = (320 * i + n) / rate;
        return 5000 * Math.sin(2 * Math.PI * (300 * at + 40 * Math.sin(9 * at))) * (1 + Math.sin(25 * at));
      });
      const packet = encoder.encode(said) ?? new Uint8Array();
      heard.forEach(({ buffer, sound }, lossy) => {
        const decoder = decoders[lossy];
        if (decoder !== undefined && !(lossy === 1 && i % 10 === 5))
          buffer.insertEncoded(decoder, packet, 0, packet.length, i * 960, false, i * 20);
        buffer.pull(out);
        sound.push(...out);
      });
    }
    encoder.close();
    const [whole = [], lossy = []] = heard.map(({ sound }) => sound.slice(rate));
    const power = whole.reduce((sum, sample) => sum + sample ** 2, 0);
    const error = whole.reduce((sum, sample, n) => sum + (sample - (lossy[n] ?? 0)) ** 2, 0);
    return { decibels: 10 * Math.log10(power / error), concealed: heard[1]?.buffer.concealed };
  };

  test("is made up by the decoder, and made good by the packet behind it where the other side corrects errors", async () => {
    const plain = await clarity(false);
    const corrected = await clarity(true);
    expect(plain.concealed).toBe(0);
    expect(corrected.concealed).toBe(0);
    expect(corrected.decibels).toBeGreaterThan(plain.decibels + 2);
  });
});

describe("sound of another rate", () => {
  test.each([
    [8000, 16_000, 3000],
    [44_100, 16_000, 6000],
    [48_000, 16_000, 6000],
    [16_000, 8000, 3000],
    [48_000, 8000, 1000],
  ])("%d Hz to %d Hz: a tone of %d Hz has 60 dB over all else", (from, to, hertz) => {
    const resampler = createResampler(from, to);
    const out = new Int16Array(2 * to);
    const made = resampler.push(Float32Array.from(tone(hertz, from, from, 16_000)), from, out);
    const { gain, decibels } = signalToNoise(out.subarray(to / 10, made - to / 10), hertz, to, 16_000);
    expect(gain).toBeWithin(0.98, 1.02);
    expect(decibels).toBeGreaterThan(60);
  });
});

describe("a session", () => {
  const wide = {
    G722: { ...plain, codec: "G722", payloadType: 9 },
    opus: { ...plain, codec: "opus", payloadType: 107, fmtp: "useinbandfec=1", dtmfClockRate: 48_000 },
  } as const satisfies Record<string, Configuration>;

  test.each([
    ["G722", 160, 160, 30],
    ["opus", undefined, 960, 20],
  ] as const)("plays a file of 16 kHz in %s", async (codec, octets, units, least) => {
    await ready(new OpusEncoder({ bitrate: 32_000, fec: true }));
    const { session, tick, sent } = start(wide[codec]);
    const path = join(folder, `wide-${codec}.wav`);
    const samples = tone(5000, rate, rate, 8000);
    await Bun.write(path, new Blob([wavHeader(1, samples.byteLength, rate), samples]));
    session.play(1, path);
    await loaded();
    tick(50);
    expect(sent.length).toBe(50);
    const decoder = soundCodecs[codec].decoder();
    const out = new Int16Array(1920);
    const heard: number[] = [];
    await turn();
    sent.forEach(({ payload, timestamp, payloadType }, i) => {
      expect(payloadType).toBe(wide[codec].payloadType);
      expect((timestamp - (sent[0]?.timestamp ?? 0)) >>> 0).toBe(i * units);
      if (octets !== undefined) expect(payload.length).toBe(octets);
      heard.push(...out.subarray(0, decoder.decode(payload, 0, payload.length, out)));
    });
    const { gain, decibels } = signalToNoise(Int16Array.from(heard.slice(4000)), 5000, rate, 8000);
    expect(gain).toBeWithin(0.9, 1.1);
    expect(decibels).toBeGreaterThan(least - 10);
  });

  test("hears G.722, echoes it and records it at 16 kHz", async () => {
    const { session, tick, receive, sent, events } = start(wide.G722);
    const path = join(folder, "heard-wide.wav");
    session.record(path, "stereo");
    session.echo(true);
    const encoder = new G722Encoder();
    const said = tone(5500, rate, 320 * 60, 8000);
    for (let i = 0; i < 60; i++) {
      const octets = new Uint8Array(160);
      encoder.encode(said.subarray(320 * i, 320 * i + 320), octets, 0);
      receive(octets, { payloadType: 9 });
      tick();
    }
    session.record(undefined, "stereo");
    await session.close();
    expect(events.find(({ type }) => type === "recorded")).toMatchObject({ milliseconds: 1200 });
    const file = new DataView(await Bun.file(path).arrayBuffer());
    expect(file.getUint32(24, true)).toBe(rate);
    const recorded = Int16Array.from({ length: rate / 2 }, (_, i) => file.getInt16(44 + 4 * (6400 + i) + 2, true));
    expect(signalToNoise(recorded, 5500, rate, 8000).decibels).toBeGreaterThan(18);
    const echoed = new Int16Array(320 * 50);
    const decoder = new G722Decoder();
    const octets = Uint8Array.from(sent.slice(10).flatMap(({ payload }) => [...payload]));
    decoder.decode(octets.subarray(0, 8000), 0, 8000, echoed);
    expect(signalToNoise(echoed.subarray(6400), 5500, rate, 8000).gain).toBeWithin(0.9, 1.1);
  });

  test("presses keys in the clock of Opus", async () => {
    const { session, tick, sent, events } = start(wide.opus);
    session.dtmf(1, "5");
    tick(12);
    const keys = sent.filter(({ payloadType }) => payloadType === 101);
    expect(keys.length).toBe(10);
    const last = keys.at(-1)?.payload ?? new Uint8Array();
    expect(((last[2] ?? 0) << 8) | (last[3] ?? 0)).toBe(160 * 48);
    expect(new Set(keys.map(({ timestamp }) => timestamp)).size).toBe(1);
    expect(events).toContainEqual({ type: "dtmf-sent", id: 1 });
  });

  test("that changes its codec in the midst of a file plays on", async () => {
    const { session, tick, sent, events } = start(plain);
    const path = join(folder, "change.wav");
    const samples = tone(1000, 8000, 8000, 8000);
    await Bun.write(path, new Blob([wavHeader(1, samples.byteLength), samples]));
    session.play(1, path);
    await loaded();
    tick(20);
    session.configure(wide.G722);
    tick(1);
    await loaded();
    tick(31);
    expect(events).toContainEqual({ type: "played", id: 1, file: path, reason: "end" });
    expect(sent.map(({ payloadType }) => payloadType)).toEqual([...new Array(20).fill(0), ...new Array(32).fill(9)]);
  });
});
