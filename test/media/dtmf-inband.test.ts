/** Keys as tones in the sound: made, heard through G.711, and not heard in ten minutes of speech. */
import { describe, expect, test } from "bun:test";
import { encode, g711 } from "../../src/media/codecs/g711.ts";
import { DtmfDetector } from "../../src/media/dtmf-detector.ts";
import { columnTones, keypad, rowTones } from "../../src/media/dtmf-tone.ts";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { seeded } from "../support/random.ts";
import { plain, start } from "./virtual-session.ts";

const law = g711.PCMU;
const everyKey = keypad.join("");

interface Tones {
  /** dB below full scale, of both tones together. */
  level?: number;
  /** ms of tone and of pause. */
  on?: number;
  off?: number;
  /** dB that the column's tone is above the row's. */
  twist?: number;
  /** Parts in a thousand that the tones are off, the rows' up, the columns' down. */
  detuned?: number;
  /** dB below the tones. */
  noise?: number;
}

/** All keys, as a phone could make them. */
function pressed({ level = -10, on = 80, off = 60, twist = 0, detuned = 0, noise = 90 }: Tones): Int16Array {
  const random = seeded(3);
  const peak = (32_767 * 10 ** (level / 20)) / 2;
  const hiss = peak * 10 ** (-noise / 20);
  const samples: number[] = [];
  for (const key of everyKey) {
    const row = keypad.findIndex((keys) => keys.includes(key));
    const low = (2 * Math.PI * (rowTones[row] ?? 0) * (1 + detuned / 1000)) / 8000;
    const high = (2 * Math.PI * (columnTones[keypad[row]?.indexOf(key) ?? 0] ?? 0) * (1 - detuned / 1000)) / 8000;
    // Odd lengths, so that the keys begin everywhere in a frame.
    const count = on * 8 + Math.floor(random() * 23);
    for (let n = 0; n < count + off * 8; n++) {
      const tone =
        n < count ? peak * (10 ** (-twist / 40) * Math.sin(low * n) + 10 ** (twist / 40) * Math.sin(high * n + 1)) : 0;
      samples.push(tone + hiss * (2 * random() - 1));
    }
  }
  samples.push(...new Array(800).fill(0));
  return Int16Array.from(samples, (sample) => Math.max(-32_768, Math.min(32_767, sample)));
}

/** The keys that are heard in sound that has gone through G.711. */
function heardIn(samples: Int16Array): string {
  let keys = "";
  const detector = new DtmfDetector((digit) => {
    keys += digit;
  });
  const frame = new Int16Array(160);
  for (let at = 0; at + 160 <= samples.length; at += 160) {
    for (let i = 0; i < 160; i++) frame[i] = law.linear[law.octets[((samples[at + i] ?? 0) >> 2) & 0x3fff] ?? 0] ?? 0;
    detector.hear(frame, 8000);
  }
  return keys;
}

describe("every key is heard", () => {
  test.each<[string, Tones]>([
    ["at full level", { level: 0 }],
    ["20 dB below", { level: -20 }],
    ["30 dB below", { level: -30 }],
    ["pressed for 40 ms, 40 ms apart", { on: 40, off: 40 }],
    ["for half a second", { on: 500 }],
    ["with the higher tone 4 dB stronger", { twist: 4 }],
    ["with the lower tone 4 dB stronger", { twist: -4 }],
    ["1.5 % off", { detuned: 15 }],
    ["1.5 % off the other way", { detuned: -15 }],
    ["20 dB below, in noise 20 dB below that", { level: -20, noise: 20 }],
  ])("%s", (_, tones) => {
    expect(heardIn(pressed(tones))).toBe(everyKey);
  });
});

describe("nothing is heard", () => {
  test.each<[string, Int16Array]>([
    ["in silence", new Int16Array(16_000)],
    ["in one tone", pressed({ twist: 60 })],
    ["in tones 3.5 % off", pressed({ detuned: 35 })],
    ["in tones of 20 ms", pressed({ on: 20 })],
    ["in tones below -46 dB", pressed({ level: -46 })],
    [
      "in noise",
      Int16Array.from(
        { length: 80_000 },
        (
          (random) => () =>
            20_000 * (random() - 0.5)
        )(seeded(1)),
      ),
    ],
  ])("%s", (_, samples) => {
    expect(heardIn(samples)).toBe("");
  });

  test.skipIf(!has("espeak-ng", "sox"))(
    "in ten minutes of speech of two voices",
    async () => {
      const folder = temporaryFolder("speech");
      const text = (await Bun.file("CHANGELOG.md").text()) + (await Bun.file("README.md").text());
      let seconds = 0;
      for (const voice of ["en", "en+f3", "de"]) {
        const wav = `${folder}/${voice}.wav`;
        await Bun.write(`${folder}/text`, text.slice(0, 5000));
        expect(Bun.spawnSync(["espeak-ng", "-v", voice, "-f", `${folder}/text`, "-w", wav]).exitCode).toBe(0);
        const raw = Bun.spawnSync([
          "sox",
          wav,
          "-r",
          "8000",
          "-c",
          "1",
          "-b",
          "16",
          "-e",
          "signed",
          "-t",
          "raw",
          "-",
          "gain",
          "-n",
          "-3",
        ]).stdout;
        const samples = new Int16Array(raw.buffer, raw.byteOffset, raw.length >> 1);
        seconds += samples.length / 8000;
        expect(heardIn(samples)).toBe("");
      }
      expect(seconds).toBeGreaterThan(600);
    },
    20_000,
  );
});

describe("a session without telephone-events", () => {
  const bare = { ...plain, dtmfPayloadType: undefined };

  test("presses keys as tones, which another hears as such, with a pause", () => {
    const one = start(bare);
    const other = start(bare);
    one.session.dtmf(1, "15#,D");
    for (let i = 0; i < 200; i++) {
      one.tick();
      other.receive(one.sent.at(-1)?.payload ?? new Uint8Array());
      other.tick();
    }
    expect(one.events).toEqual([{ type: "dtmf-sent", id: 1 }]);
    expect(other.events.map((event) => event.type === "dtmf" && event.digit)).toEqual(["1", "5", "#", "D"]);
    for (const event of other.events) expect(event.type === "dtmf" && event.duration).toBeWithin(140, 181);
  });

  test("hears nothing in the sound once telephone-events are agreed upon", () => {
    const { session, tick, receive, events } = start(bare);
    session.configure(plain);
    const samples = pressed({});
    for (let at = 0; at + 160 <= samples.length; at += 160) {
      const octets = new Uint8Array(160);
      encode(law, samples.subarray(at, at + 160), octets, 0, 160);
      receive(octets);
      tick();
    }
    expect(events).toEqual([]);
  });
});
