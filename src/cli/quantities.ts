/** Numbers with units, as options of the command line write them. */

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `30s`, `500ms`, `2m`, `1h`, or plain seconds; undefined for anything else. At most a day. */
export function readDuration(text: string): number | undefined {
  const [, digits, unit = "s"] = /^(\d{1,8}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text) ?? [];
  const factor = units[unit];
  if (digits === undefined || factor === undefined) return undefined;
  const ms = Math.round(Number(digits) * factor);
  return ms <= 86_400_000 ? ms : undefined;
}

/** Milliseconds between two of `5/s`, `30/m`, `100/h`, or plainly so many a second; undefined for anything else. */
export function readRate(text: string): number | undefined {
  const [, digits, unit = "s"] = /^(\d{1,6}(?:\.\d{1,3})?)(?:\/(s|m|h))?$/.exec(text) ?? [];
  const factor = units[unit];
  if (digits === undefined || factor === undefined || Number(digits) === 0) return undefined;
  return factor / Number(digits);
}

/** A time in seconds in words. */
export function spell(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** A whole number between the two; undefined for anything else. */
export function readCount(text: string, least: number, most: number): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined;
  const count = Number(text);
  return count >= least && count <= most ? count : undefined;
}
