/** STUN as ICE uses it (RFC 8489, RFC 8445 §7): Binding requests and responses with MESSAGE-INTEGRITY and FINGERPRINT. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { isIpv4, parseIpv6 } from "../../ip.ts";

export type StunClass = "request" | "success" | "error";

export interface StunMessage {
  readonly class: StunClass;
  /** 12 octets. */
  readonly transaction: Uint8Array;
  readonly username: string | undefined;
  readonly priority: number | undefined;
  readonly useCandidate: boolean;
  /** The peer's tie-breaker, by the role that it takes. */
  readonly controlling: bigint | undefined;
  readonly controlled: bigint | undefined;
  readonly errorCode: number | undefined;
  readonly mapped: { host: string; port: number } | undefined;
  /** Where MESSAGE-INTEGRITY begins; -1 without one. */
  readonly integrityAt: number;
}

const headerLength = 20;
const cookie = 0x2112a442;
const classes = new Map<number, StunClass>([
  [0x0001, "request"],
  [0x0101, "success"],
  [0x0111, "error"],
]);
const attribute = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  controlled: 0x8029,
  controlling: 0x802a,
} as const;
const fingerprintXor = 0x5354554e;
/** Octets of a message, far more than ICE's have. */
const maxMessage = 1024;

/** Is it STUN, by its first octet (RFC 7983 §7)? */
export function isStunPacket(datagram: Uint8Array): boolean {
  return (datagram[0] ?? 255) <= 3;
}

/** Reads a Binding message; undefined for all else, without the right FINGERPRINT, and for what is cut short. */
export function readStun(datagram: Uint8Array): StunMessage | undefined {
  if (datagram.length < headerLength || datagram.length > maxMessage) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  const kind = classes.get(view.getUint16(0));
  if (kind === undefined || view.getUint32(4) !== cookie || view.getUint16(2) + headerLength !== datagram.length)
    return undefined;
  const message: { -readonly [Key in keyof StunMessage]: StunMessage[Key] } = {
    class: kind,
    transaction: datagram.slice(8, 20),
    username: undefined,
    priority: undefined,
    useCandidate: false,
    controlling: undefined,
    controlled: undefined,
    errorCode: undefined,
    mapped: undefined,
    integrityAt: -1,
  };
  for (let at = headerLength; at < datagram.length; ) {
    if (at + 4 > datagram.length) return undefined;
    const type = view.getUint16(at);
    const length = view.getUint16(at + 2);
    const from = at + 4;
    const next = from + ((length + 3) & ~3);
    if (next > datagram.length) return undefined;
    if (type === attribute.fingerprint) {
      if (length !== 4 || next !== datagram.length) return undefined;
      return view.getUint32(from) === fingerprintOf(datagram.subarray(0, at)) ? message : undefined;
    }
    // RFC 8489 §14.5: what follows MESSAGE-INTEGRITY, but FINGERPRINT, is ignored.
    if (message.integrityAt < 0) readAttribute(message, view, datagram, { type, at, from, length });
    at = next;
  }
  // RFC 8445 §7.1: ICE's messages end with it.
  return undefined;
}

function readAttribute(
  message: { -readonly [Key in keyof StunMessage]: StunMessage[Key] },
  view: DataView,
  datagram: Uint8Array,
  { type, at, from, length }: { type: number; at: number; from: number; length: number },
): void {
  switch (type) {
    case attribute.username:
      message.username = Buffer.from(datagram.subarray(from, from + length)).toString("latin1");
      return;
    case attribute.messageIntegrity:
      if (length === 20) message.integrityAt = at;
      return;
    case attribute.errorCode:
      if (length >= 4) message.errorCode = (view.getUint8(from + 2) & 7) * 100 + view.getUint8(from + 3);
      return;
    case attribute.priority:
      if (length === 4) message.priority = view.getUint32(from);
      return;
    case attribute.useCandidate:
      message.useCandidate = true;
      return;
    case attribute.controlling:
      if (length === 8) message.controlling = view.getBigUint64(from);
      return;
    case attribute.controlled:
      if (length === 8) message.controlled = view.getBigUint64(from);
      return;
    case attribute.xorMappedAddress:
      message.mapped = mappedAddress(datagram, from, length);
  }
}

/** Whether MESSAGE-INTEGRITY holds with this password (RFC 8489 §14.5). */
export function isAuthentic(datagram: Uint8Array, { integrityAt }: StunMessage, password: string): boolean {
  if (integrityAt < 0) return false;
  const wanted = integrityOf(datagram.subarray(0, integrityAt), password);
  return timingSafeEqual(wanted, datagram.subarray(integrityAt + 4, integrityAt + 24));
}

/** The HMAC of what stands before the attribute, whose length field counts the attribute. */
function integrityOf(before: Uint8Array, password: string): Buffer {
  const head = Buffer.from(before.subarray(0, headerLength));
  head.writeUInt16BE(before.length + 24 - headerLength, 2);
  return createHmac("sha1", Buffer.from(password, "latin1"))
    .update(head)
    .update(before.subarray(headerLength))
    .digest();
}

/** Of what stands before FINGERPRINT, whose length field counts it already. */
function fingerprintOf(before: Uint8Array): number {
  return (crc32(before) ^ fingerprintXor) >>> 0;
}

function attributeOf(type: number, value: Uint8Array): Buffer {
  const octets = Buffer.alloc(4 + ((value.length + 3) & ~3));
  octets.writeUInt16BE(type, 0);
  octets.writeUInt16BE(value.length, 2);
  octets.set(value, 4);
  return octets;
}

function finished(type: number, transaction: Uint8Array, password: string, attributes: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(headerLength);
  head.writeUInt16BE(type, 0);
  head.writeUInt32BE(cookie, 4);
  head.set(transaction, 8);
  const plain = Buffer.concat([head, ...attributes]);
  const whole = Buffer.concat([plain, attributeOf(attribute.messageIntegrity, integrityOf(plain, password))]);
  whole.writeUInt16BE(whole.length - headerLength + 8, 2);
  const print = Buffer.alloc(4);
  print.writeUInt32BE(fingerprintOf(whole));
  return Buffer.concat([whole, attributeOf(attribute.fingerprint, print)]);
}

const uint32 = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
};

export interface Check {
  /** 12 unpredictable octets. */
  readonly transaction: Uint8Array;
  /** `theirs:ours`, of the ufrags. */
  readonly username: string;
  /** The peer's. */
  readonly password: string;
  readonly priority: number;
  readonly controlling: boolean;
  readonly tieBreaker: bigint;
  readonly nominates: boolean;
}

/** A connectivity check (RFC 8445 §7.2.2). */
export function writeCheck(check: Check): Buffer {
  const tieBreaker = Buffer.alloc(8);
  tieBreaker.writeBigUInt64BE(check.tieBreaker);
  return finished(0x0001, check.transaction, check.password, [
    attributeOf(attribute.username, Buffer.from(check.username, "latin1")),
    attributeOf(attribute.priority, uint32(check.priority)),
    attributeOf(check.controlling ? attribute.controlling : attribute.controlled, tieBreaker),
    ...(check.nominates ? [attributeOf(attribute.useCandidate, Buffer.alloc(0))] : []),
  ]);
}

/** The success response to a check from this address, which the peer learns (RFC 8445 §7.3.1.2). */
export function writeSuccess(
  request: StunMessage,
  source: { readonly host: string; readonly port: number },
  password: string,
): Buffer {
  const value = xorAddress(source.host, source.port, request.transaction);
  return finished(0x0101, request.transaction, password, [attributeOf(attribute.xorMappedAddress, value)]);
}

/** 487 Role Conflict (RFC 8445 §7.3.1.1). */
export function writeRoleConflict(request: StunMessage, password: string): Buffer {
  const value = Buffer.concat([Buffer.from([0, 0, 4, 87]), Buffer.from("Role Conflict")]);
  return finished(0x0111, request.transaction, password, [attributeOf(attribute.errorCode, value)]);
}

/** What addresses are xored with (RFC 8489 §14.2). */
function mask(transaction: Uint8Array): Buffer {
  return Buffer.concat([uint32(cookie), transaction]);
}

function xorAddress(host: string, port: number, transaction: Uint8Array): Buffer {
  // Peers that have connected are told where from.
  const bare = host.replace(/^tcp:/, "").split("%", 1)[0] ?? "";
  const address = isIpv4(bare)
    ? Uint8Array.from(bare.split("."), Number)
    : Uint8Array.from((parseIpv6(bare) ?? []).flatMap((group) => [group >> 8, group & 255]));
  const key = mask(transaction);
  const octets = Buffer.alloc(4 + address.length);
  octets.writeUInt8(address.length === 4 ? 1 : 2, 1);
  octets.writeUInt16BE(port ^ (cookie >>> 16), 2);
  address.forEach((octet, i) => {
    octets[4 + i] = octet ^ (key[i] ?? 0);
  });
  return octets;
}

/** The value of XOR-MAPPED-ADDRESS (RFC 8489 §14.2). */
export function mappedAddress(datagram: Uint8Array, from: number, length: number): StunMessage["mapped"] {
  if (length !== 8 && length !== 20) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  const key = mask(datagram.subarray(8, 20));
  const octets = Array.from({ length: length - 4 }, (_, i) => view.getUint8(from + 4 + i) ^ (key[i] ?? 0));
  const port = view.getUint16(from + 2) ^ (cookie >>> 16);
  if (length === 8) return { host: octets.join("."), port };
  const groups = Array.from({ length: 8 }, (_, i) => (octets[2 * i] ?? 0) * 256 + (octets[2 * i + 1] ?? 0));
  return { host: groups.map((group) => group.toString(16)).join(":"), port };
}
