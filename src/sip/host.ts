/** `host` of RFC 3261 §25.1: names, IPv4 addresses and IPv6 addresses, which stand in brackets on the wire and bare inside. */

/** Letters, digits, dot, underscore (1) and hyphen (2). */
const nameChars = new Uint8Array(256).map((_, code) => {
  const char = String.fromCharCode(code);
  return /[A-Za-z0-9._]/.test(char) ? 1 : char === "-" ? 2 : 0;
});

const ipv4 = /^(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

/** Is `text` a host name or an IPv4 address? Underscores are tolerated: machines are named so. */
export function isHostName(text: string): boolean {
  const last = text.length - 1;
  if (last < 0 || last > 254 || text.charCodeAt(0) === 0x2e) return false;
  for (let at = 0; at <= last; at++) {
    const kind = nameChars[text.charCodeAt(at)] ?? 0;
    if (kind === 0 || (kind === 2 && (at === 0 || at === last))) return false;
  }
  return true;
}

export function isIPv4(text: string): boolean {
  return ipv4.test(text);
}

/** Is `text` an IPv6 address (without brackets)? */
export function isIPv6(text: string): boolean {
  return ipv6Groups(text) !== undefined;
}

/** `host` as it stands in a URI or Via: an IPv6 address in brackets. */
export function formatHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** A form of `host` equal for equal hosts: lower case, IPv6 by its value (RFC 5954 §4.2). */
export function canonicalHost(host: string): string {
  if (!host.includes(":")) return host.toLowerCase();
  const groups = ipv6Groups(host);
  return groups === undefined ? host.toLowerCase() : groups.map((group) => group.toString(16)).join(":");
}

/** The eight 16-bit groups of an IPv6 address without brackets and zone; undefined when it is none. */
export function ipv6Groups(text: string): number[] | undefined {
  if (text.length < 2 || text.length > 45) return undefined;
  // ":::" before an IPv4 part is what the grammar of RFC 3261 wrongly allowed and RFC 5118 §4.10 asks to tolerate.
  const halves = text.replace(":::", "::").split("::");
  const [left, right] = halves;
  if (left === undefined || halves.length > 2) return undefined;
  const head = groupsOf(left, right === undefined);
  if (right === undefined) return head?.length === 8 ? head : undefined;
  const tail = groupsOf(right, true);
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined;
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [at, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else if (last && at === parts.length - 1 && isIPv4(part)) {
      const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
      groups.push(a * 256 + b, c * 256 + d);
    } else {
      return undefined;
    }
  }
  return groups;
}

/** Host and port at `from` in `text`, with where they end; undefined when there is no valid host or port. */
export function parseHostPort(
  text: string,
  from: number,
  to: number,
): { host: string; port: number | undefined } | undefined {
  let host: string;
  let at: number;
  if (text.charCodeAt(from) === 0x5b) {
    const close = text.indexOf("]", from);
    if (close < 0 || close >= to) return undefined;
    host = text.slice(from + 1, close);
    if (!isIPv6(host)) return undefined;
    at = close + 1;
  } else {
    const colon = text.indexOf(":", from);
    at = colon < 0 || colon > to ? to : colon;
    let end = at;
    while (end > from && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0x09)) end--;
    host = text.slice(from, end);
    if (!isHostName(host)) return undefined;
  }
  while (at < to && (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09)) at++;
  if (at === to) return { host, port: undefined };
  if (text.charCodeAt(at) !== 0x3a) return undefined;
  const port = parsePort(text, at + 1, to);
  return port === undefined ? undefined : { host, port };
}

function parsePort(text: string, from: number, to: number): number | undefined {
  while (from < to && (text.charCodeAt(from) === 0x20 || text.charCodeAt(from) === 0x09)) from++;
  while (to > from && (text.charCodeAt(to - 1) === 0x20 || text.charCodeAt(to - 1) === 0x09)) to--;
  if (from === to) return undefined;
  let port = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    port = port * 10 + digit;
    if (port > 65535) return undefined;
  }
  return port === 0 ? undefined : port;
}
