/**
 * Makes the sounds of scripts/sounds: `npx bun tools/sounds.ts`.
 *
 * Tones are computed here. Spoken prompts come from espeak-ng where it is installed (elsewhere the ones that are there stay);
 * its speech is brought to 8 kHz µ-law by this file. The same input gives the same bytes.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encode, g711 } from "../src/media/codecs/g711.ts";

const rate = 8000;
const folder = resolve(import.meta.dir, "../scripts/sounds");

/** Frequencies in Hz that sound together for some ms; none is silence. */
type Note = readonly [ms: number, ...hertz: number[]];

const tones: Readonly<Record<string, readonly Note[]>> = {
  beep: [[400, 1000]],
  chime: [
    [180, 659],
    [180, 784],
    [420, 1047],
  ],
  tone: [[2000, 440]],
};

const prompts: Readonly<Record<string, string>> = {
  "echo-welcome": "This is the echo test. Speak, and you will hear yourself.",
  "ivr-menu": "Press 1 for a tone, 2 to leave a message, or 9 to hang up.",
  "ivr-wrong-key": "That is not on the menu.",
  "voicemail-greeting": "Nobody can take your call now. Leave a message after the tone.",
  "voicemail-saved": "Thank you. Your message is saved.",
  goodbye: "Goodbye.",
};

export class SoundError extends Error {
  override name = "SoundError";
}

/** Samples from -1 to 1 at 8 kHz. Each note swells and fades for 8 ms, so that none begins or ends with a click. */
function melody(notes: readonly Note[]): Float64Array {
  const edge = 0.008 * rate;
  return Float64Array.from(
    notes.flatMap(([ms, ...hertz]) => {
      const length = (ms * rate) / 1000;
      return Array.from({ length }, (_, n) => {
        const swell = Math.min(1, n / edge, (length - n) / edge);
        const sum = hertz.reduce((total, f) => total + Math.sin((2 * Math.PI * f * n) / rate), 0);
        return (0.4 * swell * sum) / Math.max(1, hertz.length);
      });
    }),
  );
}

/** A prompt as espeak-ng says it: 16-bit mono PCM with a 44-octet WAV header. */
function speak(text: string): { rate: number; samples: Float64Array } {
  const file = join(tmpdir(), `siproc-prompt-${process.pid}.wav`);
  const done = Bun.spawnSync(["espeak-ng", "-v", "en-gb", "-s", "150", "-p", "45", "-g", "2", "-w", file, text]);
  if (!done.success) throw new SoundError(`espeak-ng: ${done.stderr.toString().trim()}`);
  const wav = readFileSync(file);
  rmSync(file);
  const samples = Float64Array.from({ length: (wav.length - 44) / 2 }, (_, n) => wav.readInt16LE(44 + 2 * n) / 32_768);
  return { rate: wav.readUInt32LE(24), samples };
}

/** Resamples to 8 kHz by a Hann-windowed sinc that ends at 3.6 kHz: what telephony carries, without aliases. */
function resample(from: { rate: number; samples: Float64Array }): Float64Array {
  const ratio = from.rate / rate;
  const cutoff = 3600 / from.rate;
  const reach = Math.ceil(24 * ratio);
  return Float64Array.from({ length: Math.floor(from.samples.length / ratio) }, (_, n) => {
    const centre = n * ratio;
    let sum = 0;
    for (let k = Math.ceil(centre - reach); k <= centre + reach; k++) {
      const x = k - centre;
      const sinc = x === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * x) / (Math.PI * x);
      sum += (from.samples[k] ?? 0) * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / reach));
    }
    return sum;
  });
}

/** Cuts silence at both ends to 60 ms and brings speech to -18 dBFS (RMS while it speaks), never over -1 dBFS. */
function level(samples: Float64Array): Float64Array {
  const loud = (sample: number) => Math.abs(sample) > 0.01;
  const margin = 0.06 * rate;
  const first = Math.max(0, samples.findIndex(loud) - margin);
  const cut = samples.subarray(first, samples.findLastIndex(loud) + margin);
  const spoken = cut.filter(loud);
  const rms = Math.sqrt(spoken.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, spoken.length));
  const peak = cut.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const gain = Math.min(0.126 / rms, 0.89 / peak);
  return cut.map((sample) => sample * gain);
}

/** A WAV file of 8 kHz mono µ-law (format 7 with its `fact` chunk). */
function ulawWav(samples: Float64Array): Uint8Array {
  const linear = Int16Array.from(samples, (sample) => Math.round(sample * 32_767));
  const octets = new Uint8Array(linear.length);
  encode(g711.PCMU, linear, octets, 0, linear.length);
  const padded = octets.length + (octets.length % 2);
  const wav = Buffer.alloc(58 + padded);
  wav.write("RIFF", 0, "latin1");
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write("WAVEfmt ", 8, "latin1");
  wav.writeUInt32LE(18, 16);
  wav.writeUInt16LE(7, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate, 28);
  wav.writeUInt16LE(1, 32);
  wav.writeUInt16LE(8, 34);
  wav.write("fact", 38, "latin1");
  wav.writeUInt32LE(4, 42);
  wav.writeUInt32LE(octets.length, 46);
  wav.write("data", 50, "latin1");
  wav.writeUInt32LE(octets.length, 54);
  wav.set(octets, 58);
  return wav;
}

async function write(name: string, samples: Float64Array): Promise<void> {
  const wav = ulawWav(samples);
  await Bun.write(join(folder, `${name}.wav`), wav);
  console.log(`${name}.wav  ${(samples.length / rate).toFixed(1)} s  ${wav.length} octets`);
}

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  for (const [name, notes] of Object.entries(tones)) await write(name, melody(notes));
  if (Bun.which("espeak-ng") === null) console.log("espeak-ng is not installed: the spoken prompts stay as they are");
  else for (const [name, text] of Object.entries(prompts)) await write(name, level(resample(speak(text))));
}
