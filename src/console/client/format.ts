/** Numbers, times and addresses as people read them. */

/** `0:07`, `12:34`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** `5 s`, `12 min`, `3 h 20 min`, `2 d 4 h`: roughly. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** `12,345`. */
export function count(n: number): string {
  return plain.format(n);
}

/** With as many digits after the point as make sense: `0.42`, `3.1`, `128`. */
export function measure(n: number | undefined, unit = ""): string {
  if (n === undefined || !Number.isFinite(n)) return "–";
  const digits = Math.abs(n) >= 100 || Number.isInteger(n) ? 0 : Math.abs(n) >= 10 ? 1 : 2;
  return `${n.toFixed(digits)}${unit}`;
}

/** A part of one: `0.3 %`. */
export function percent(part: number | undefined): string {
  if (part === undefined || !Number.isFinite(part)) return "–";
  const hundred = part * 100;
  const digits = hundred === 0 || hundred >= 10 ? 0 : hundred < 0.1 ? 2 : 1;
  return `${hundred.toFixed(digits)} %`;
}

/** `1.2 MB`. */
export function octets(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (n >= 1000 && at < units.length - 1) {
    n /= 1000;
    at++;
  }
  return `${at === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[at]}`;
}

/** `14:03:27`, in the reader's time zone. */
export function time(ms: number): string {
  return new Date(ms).toLocaleTimeString("en-GB");
}

/** `14:03:27.512`. */
export function preciseTime(ms: number): string {
  const date = new Date(ms);
  return `${date.toLocaleTimeString("en-GB")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** `21 Nov 14:03:27`; without the day where it is today. */
export function moment(ms: number, now = Date.now()): string {
  const date = new Date(ms);
  if (date.toDateString() === new Date(now).toDateString()) return time(ms);
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time(ms)}`;
}

/** A URI as a person says it: `sip:alice@example.com;transport=tcp` is `alice@example.com`. */
export function shortUri(uri: string): string {
  const [, rest = uri] = /^sips?:(.*)$/i.exec(uri) ?? [];
  return rest.replace(/[;?].*$/, "") || uri;
}
