/** HEP version 3 (the Homer Encapsulation Protocol): a captured message as Homer and its like take it. */
import { addressOctets } from "./addresses.ts";
import type { CapturedMessage } from "./capture.ts";

/** Chunk types of the generic vendor, 0. */
const chunk = {
  family: 1,
  protocol: 2,
  source4: 3,
  destination4: 4,
  source6: 5,
  destination6: 6,
  sourcePort: 7,
  destinationPort: 8,
  seconds: 9,
  microseconds: 10,
  payloadType: 11,
  agent: 12,
  password: 14,
  payload: 15,
  correlation: 17,
} as const;

const AF_INET = 2;
const AF_INET6 = 10;
const UDP = 17;
const TCP = 6;
const SIP = 1;
/** What a datagram of HEP can hold besides the payload is far below the difference to 65,507. */
const largestPayload = 64_000;

export interface HepIdentity {
  /** The capture agent's number, 32 bits. */
  readonly id: number;
  readonly password: string | undefined;
}

/** One packet. What of a message goes beyond 64,000 octets is cut. */
export function hepPacket(message: CapturedMessage, { id, password }: HepIdentity): Uint8Array {
  const { at, direction, transport, local, remote, callId, text } = message;
  const [from, to] = direction === "sent" ? [local, remote] : [remote, local];
  const source = addressOctets(from.host);
  const destination = addressOctets(to.host);
  const v6 = source.length === 16 && destination.length === 16;
  const seconds = Math.floor(at / 1000);
  const chunks = [
    u8(chunk.family, v6 ? AF_INET6 : AF_INET),
    u8(chunk.protocol, transport === "udp" ? UDP : TCP),
    octets(v6 ? chunk.source6 : chunk.source4, v6 ? source : source.subarray(0, 4)),
    octets(v6 ? chunk.destination6 : chunk.destination4, v6 ? destination : destination.subarray(0, 4)),
    u16(chunk.sourcePort, from.port),
    u16(chunk.destinationPort, to.port),
    u32(chunk.seconds, seconds),
    u32(chunk.microseconds, Math.min(999_999, Math.round((at - seconds * 1000) * 1000))),
    u8(chunk.payloadType, SIP),
    u32(chunk.agent, id),
    ...(password === undefined ? [] : [octets(chunk.password, Buffer.from(password, "utf8"))]),
    octets(chunk.correlation, Buffer.from(callId, "latin1")),
    octets(chunk.payload, Buffer.from(text.slice(0, largestPayload), "latin1")),
  ];
  const length = chunks.reduce((sum, each) => sum + each.length, 6);
  const head = Buffer.from("HEP3\0\0", "latin1");
  head.writeUInt16BE(length, 4);
  return Buffer.concat([head, ...chunks]);
}

function octets(type: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(6 + value.length);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(head.length, 4);
  head.set(value, 6);
  return head;
}

const u8 = (type: number, value: number) => octets(type, Uint8Array.of(value));
const u16 = (type: number, value: number) => octets(type, Uint8Array.of(value >> 8, value & 0xff));
const u32 = (type: number, value: number) =>
  octets(type, Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff));
