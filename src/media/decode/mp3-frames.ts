/** The frames of an MP3 file (ISO 11172-3, 13818-3: layer III), without tags, garbage and halves between and behind them. */

const bitratesV1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320] as const;
const bitratesV2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160] as const;
const rates = [44_100, 48_000, 32_000] as const;

/** The length of the frame whose header is at `at`, octets; 0 when there is none. Frames of no stated bitrate are none. */
export function frameLength(octets: Uint8Array, at: number): number {
  const second = octets[at + 1] ?? 0;
  const third = octets[at + 2] ?? 0;
  if (at + 4 > octets.length || octets[at] !== 0xff || (second & 0xe6) !== 0xe2) return 0;
  const version = (second >> 3) & 3;
  const bitrate = (version === 3 ? bitratesV1 : bitratesV2)[third >> 4] ?? 0;
  const rate = rates[(third >> 2) & 3] ?? 0;
  if (version === 1 || bitrate === 0 || rate === 0) return 0;
  // MPEG 1; MPEG 2 has half the samples at half the rate, MPEG 2.5 at a quarter.
  const halvings = version === 3 ? 0 : version === 2 ? 1 : 2;
  const samples = version === 3 ? 1152 : 576;
  return Math.floor((samples / 8) * ((bitrate * 1000) / (rate >> halvings))) + ((third >> 1) & 1);
}

/** What must not change from one frame to the next: version, layer, sampling rate. */
const sameStream = (octets: Uint8Array, a: number, b: number) =>
  octets[a + 1] === octets[b + 1] && ((octets[a + 2] ?? 0) & 0x0c) === ((octets[b + 2] ?? 0) & 0x0c);

/** All whole frames of the stream that begins first, one after the other. */
export function framesOf(octets: Uint8Array): Uint8Array {
  const frames: Uint8Array[] = [];
  let first: number | undefined;
  for (let at = 0; at < octets.length; ) {
    const length = frameLength(octets, at);
    const end = at + length;
    const fits = length > 0 && end <= octets.length && (first === undefined || sameStream(octets, first, at));
    // Four octets that look like a header are one if another follows where it says, or nothing does.
    if (fits && (end === octets.length || frameLength(octets, end) > 0 || first !== undefined)) {
      first ??= at;
      frames.push(octets.subarray(at, end));
      at = end;
    } else at++;
  }
  return Buffer.concat(frames);
}
