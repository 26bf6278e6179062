/** IP addresses as this layer spells and judges them: canonical text, what may be sent to, listen URLs. */
import { isIP } from "node:net";
import { isIpv4 } from "../ip.ts";
import type { Address } from "../sip/flow.ts";
import { formatHost, ipv6Groups } from "../sip/host.ts";
import type { ListenUrl, Transport } from "./contract.ts";

/** Whether `host` is an IP address, in brackets or not. */
export function isIpLiteral(host: string): boolean {
  return isIP(unbracket(host)) !== 0;
}

/** 4, 6, or 0 when `host` is no IP address. */
export function ipFamily(host: string): 0 | 4 | 6 {
  if (isIpv4(host)) return 4;
  const family = isIP(host);
  return family === 4 || family === 6 ? family : 0;
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress(address: Address): string {
  return `${formatHost(address.host)}:${address.port}`;
}

/**
 * One spelling for each IP address, so that texts can be compared: no brackets, lower case, IPv6 compressed as RFC 5952
 * says, IPv4 carried in IPv6 (`::ffff:192.0.2.1`, as dual-stack sockets report it) as IPv4. Names are only put into
 * lower case.
 */
export function socketHost(host: string): string {
  if (isIpv4(host)) return host;
  const bare = unbracket(host).toLowerCase();
  if (isIP(bare) !== 6) return bare;
  const octets = parseIp(bare);
  if (octets === undefined) return bare;
  if (octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 0xff && octets[11] === 0xff) {
    return octets.subarray(12).join(".");
  }
  const zone = bare.indexOf("%");
  return formatIpv6(octets) + (zone < 0 ? "" : bare.slice(zone));
}

/** The 4 or 16 octets of an IP literal (a zone is ignored); undefined for anything else. */
export function parseIp(host: string): Uint8Array | undefined {
  const family = isIP(host);
  if (family === 4) return Uint8Array.from(host.split("."), Number);
  if (family !== 6) return undefined;
  const groups = ipv6Groups(host.split("%", 1)[0] ?? "");
  return groups === undefined ? undefined : Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** The canonical text of an address of 4 or 16 octets; undefined for any other number of them. */
export function formatIp(octets: Uint8Array): string | undefined {
  return octets.length === 4 ? octets.join(".") : octets.length === 16 ? socketHost(formatIpv6(octets)) : undefined;
}

function formatIpv6(octets: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && words[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: number[]) => part.map((word) => word.toString(16)).join(":");
  if (best.length < 2) return hex(words);
  return `${hex(words.slice(0, best.start))}::${hex(words.slice(best.start + best.length))}`;
}

/**
 * Why nothing may be sent to `address`, or undefined when it may. Responses and routed requests go where a peer's
 * message says; broadcast and multicast would make us an amplifier, 0.0.0.0 and :: would reach ourselves.
 */
export function refusesSending(address: Address): string | undefined {
  const { host, port } = address;
  if (!Number.isInteger(port) || port < 1 || port > 65535) return `bad port ${port}`;
  const family = ipFamily(host);
  if (family === 0) return `not an IP address: ${host}`;
  if (family === 4) {
    const first = Number.parseInt(host, 10);
    if (first === 0) return `unspecified address ${host}`;
    if (first >= 224 && first < 240) return `multicast address ${host}`;
    if (first >= 240) return `broadcast or reserved address ${host}`;
    return undefined;
  }
  if (host === "::") return `unspecified address ${host}`;
  if (host.startsWith("ff") && host.indexOf(":") === 4) return `multicast address ${host}`;
  return undefined;
}

const listenUrl = /^(udp|tcp|tls|wss?):\/\/(\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[0-9.]+)(?::(\d{1,5}))?$/;

/** The ports where none is said: RFC 3261 §19.1.2, RFC 7118 §5.5. */
export const defaultPorts: Readonly<Record<Transport, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };

export function isTransport(text: string): text is Transport {
  return Object.hasOwn(defaultPorts, text);
}

/**
 * Reads `udp://0.0.0.0:5060`, `tcp://[::1]:0`, `tls://192.0.2.1`, `wss://[::]:8443`; undefined when it is none. Without a
 * port it is that of the transport: 5060, for tls 5061, for ws 80, for wss 443.
 */
export function parseListenUrl(text: string): ListenUrl | undefined {
  const match = listenUrl.exec(text.toLowerCase());
  if (match === null) return undefined;
  const [, transport = "", literal = "", digits] = match;
  if (!isTransport(transport)) return undefined;
  const host = socketHost(literal);
  const port = digits === undefined ? defaultPorts[transport] : Number(digits);
  if (ipFamily(host) === 0 || port > 65535) return undefined;
  return { transport, host, port };
}

function unbracket(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}
