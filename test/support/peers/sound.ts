/** Test tones, and what is found in a recording: level by time, strength by frequency (the Goertzel algorithm). */

export interface Sound {
  rate: number;
  /** One array per channel, samples from -1 to 1. */
  channels: Float64Array[];
}

/** `ms` milliseconds of a sine of `hertz` at 8 kHz; `amplitude` 1 is full scale. */
export function sine(hertz: number, ms: number, amplitude: number, rate = 8000): Float64Array {
  return Float64Array.from(
    { length: Math.round((ms * rate) / 1000) },
    (_, n) => amplitude * Math.sin((2 * Math.PI * hertz * n) / rate),
  );
}

/** A WAV file of mono 16-bit PCM. */
export function wav(rate: number, samples: Float64Array): Uint8Array {
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write("RIFF", 0, "latin1");
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8, "latin1");
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36, "latin1");
  bytes.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((sample, n) => {
    bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), 44 + n * 2);
  });
  return bytes;
}

export async function writeWav(file: string, rate: number, samples: Float64Array): Promise<void> {
  await Bun.write(file, wav(rate, samples));
}

/** Reads any WAV that sox reads, so that the judge of a recording is not the code that made it. */
export function readWav(file: string): Sound {
  const raw = Bun.spawnSync(["sox", file, "-t", "raw", "-e", "signed", "-b", "16", "-L", "-"]);
  const info = Bun.spawnSync(["soxi", file]).stdout.toString();
  const number = (label: string) => Number(new RegExp(`^${label}\\s*: (\\d+)`, "m").exec(info)?.[1] ?? Number.NaN);
  const count = number("Channels");
  const rate = number("Sample Rate");
  if (!raw.success || !(count > 0) || !(rate > 0)) throw new RangeError(`sox cannot read ${file}: ${raw.stderr}`);
  const frames = Math.floor(raw.stdout.length / 2 / count);
  const channels = Array.from({ length: count }, (_, channel) =>
    Float64Array.from({ length: frames }, (_, n) => raw.stdout.readInt16LE((n * count + channel) * 2) / 32_768),
  );
  return { rate, channels };
}

/** The first channel (mono) of a sound, or a part of it, `from` to `to` in milliseconds. */
export function part(sound: Sound, from = 0, to = Number.POSITIVE_INFINITY, channel = 0): Float64Array {
  const samples = sound.channels[channel] ?? new Float64Array();
  return samples.subarray((from * sound.rate) / 1000, Math.min(samples.length, (to * sound.rate) / 1000));
}

/** Root mean square: 1 is a full-scale square wave, 0.707 a full-scale sine. */
export function level(samples: Float64Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, samples.length));
}

/** The amplitude (1 = full scale) of the sine of `hertz` in `samples`. */
export function amplitude(samples: Float64Array, hertz: number, rate = 8000): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / rate);
  let before = 0;
  let last = 0;
  for (const sample of samples) [before, last] = [last, sample + coefficient * last - before];
  const power = last * last + before * before - coefficient * last * before;
  return (2 * Math.sqrt(Math.max(0, power))) / Math.max(1, samples.length);
}

/**
 * The strongest frequency in Hz between `from` and `to`, to 20 Hz, over the longest 50 ms windows that are not silent: a tone
 * that a busy machine cut somewhere is still the one of all windows without a cut. Undefined in silence.
 */
export function pitch(samples: Float64Array, rate = 8000, from = 100, to = 3500): number | undefined {
  const window = rate / 20;
  const strength = new Map<number, number>();
  for (let at = 0; at + window <= samples.length; at += window) {
    const piece = samples.subarray(at, at + window);
    if (level(piece) < 0.003) continue;
    for (let hertz = from; hertz <= to; hertz += 20)
      strength.set(hertz, (strength.get(hertz) ?? 0) + amplitude(piece, hertz, rate));
  }
  let best: number | undefined;
  for (const [hertz, sum] of strength) if (best === undefined || sum > (strength.get(best) ?? 0)) best = hertz;
  return best;
}

/** How many milliseconds of `samples`, in windows of 20 ms, hold a sine of `hertz` at least as strong as `least`. */
export function duration(samples: Float64Array, hertz: number, least: number, rate = 8000): number {
  const window = rate / 50;
  let found = 0;
  for (let at = 0; at + window <= samples.length; at += window)
    if (amplitude(samples.subarray(at, at + window), hertz, rate) >= least) found += 20;
  return found;
}
