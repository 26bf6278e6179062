/**
 * STUN as clients of RFC 5626 use it on a SIP port (§8, RFC 8489): a Binding request asks whether the flow still stands, and
 * under which address it is seen. Without credentials, as §8 has it.
 */
import { ipv6Groups, isIPv4 } from "./host.ts";

const headerLength = 20;
const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const bindingError = 0x0111;
const errorCode = 0x0009;
const unknownAttributes = 0x000a;
const xorMappedAddress = 0x0020;
const cookie = [0x21, 0x12, 0xa4, 0x42] as const;
/** Attributes below must be understood (RFC 8489 §14). */
const optionalFrom = 0x8000;
/** USERNAME, MESSAGE-INTEGRITY, ERROR-CODE, UNKNOWN-ATTRIBUTES, REALM, NONCE, …-SHA256: of an authentication that we do not ask for. */
const understood: ReadonlySet<number> = new Set([
  0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x001c, 0x001e, 0x0020,
]);
/** What fits into an answer that is no larger than three requests. */
const mostUnknown = 4;

/** Is this datagram STUN and not SIP: two zero bits first, and the magic cookie (RFC 8489 §5)? */
export function isStun(datagram: Uint8Array): boolean {
  return (
    datagram.length >= headerLength &&
    (datagram[0] ?? 255) < 4 &&
    cookie.every((octet, at) => datagram[4 + at] === octet)
  );
}

/**
 * The answer to a Binding request from `source` (an IP literal and a port); undefined for what is not answered: responses,
 * indications, other methods, and what is cut short.
 */
export function answerStun(
  request: Uint8Array,
  source: { readonly host: string; readonly port: number },
): Uint8Array | undefined {
  if (!isStun(request)) return undefined;
  const view = new DataView(request.buffer, request.byteOffset, request.length);
  const length = view.getUint16(2);
  if (view.getUint16(0) !== bindingRequest || length % 4 !== 0 || headerLength + length !== request.length)
    return undefined;
  const unknown: number[] = [];
  for (let at = headerLength; at < request.length; ) {
    // Whole attributes only: each is padded to four octets.
    const type = view.getUint16(at);
    const next = at + 4 + ((view.getUint16(at + 2) + 3) & ~3);
    if (next > request.length) return undefined;
    if (type < optionalFrom && !understood.has(type) && unknown.length < mostUnknown) unknown.push(type);
    at = next;
  }
  const transaction = request.subarray(4, headerLength);
  if (unknown.length > 0) return message(bindingError, transaction, refusal(unknown));
  const address = addressOf(source.host);
  return address === undefined
    ? undefined
    : message(bindingSuccess, transaction, mapped(address, source.port, transaction));
}

/** `transaction` is the cookie and the transaction id; `attributes` are whole. */
function message(type: number, transaction: Uint8Array, attributes: Uint8Array): Uint8Array {
  const octets = new Uint8Array(headerLength + attributes.length);
  const view = new DataView(octets.buffer);
  view.setUint16(0, type);
  view.setUint16(2, attributes.length);
  octets.set(transaction, 4);
  octets.set(attributes, headerLength);
  return octets;
}

/** XOR-MAPPED-ADDRESS (§14.2): port and address, each xored with the cookie, and IPv6 with the transaction id, too. */
function mapped(address: Uint8Array, port: number, transaction: Uint8Array): Uint8Array {
  const octets = new Uint8Array(8 + address.length);
  const view = new DataView(octets.buffer);
  view.setUint16(0, xorMappedAddress);
  view.setUint16(2, 4 + address.length);
  octets[5] = address.length === 4 ? 1 : 2;
  view.setUint16(6, port ^ 0x2112);
  for (const [at, octet] of address.entries()) octets[8 + at] = octet ^ (transaction[at] ?? 0);
  return octets;
}

/** ERROR-CODE 420 (§14.8) and UNKNOWN-ATTRIBUTES (§14.13). */
function refusal(unknown: readonly number[]): Uint8Array {
  const list = (2 * unknown.length + 3) & ~3;
  const octets = new Uint8Array(8 + 4 + list);
  const view = new DataView(octets.buffer);
  view.setUint16(0, errorCode);
  view.setUint16(2, 4);
  octets[6] = 4;
  octets[7] = 20;
  view.setUint16(8, unknownAttributes);
  view.setUint16(10, 2 * unknown.length);
  for (const [at, type] of unknown.entries()) view.setUint16(12 + 2 * at, type);
  return octets;
}

function addressOf(host: string): Uint8Array | undefined {
  if (isIPv4(host)) return Uint8Array.from(host.split("."), Number);
  const groups = ipv6Groups(host.split("%", 1)[0] ?? "");
  return groups === undefined ? undefined : Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
}
