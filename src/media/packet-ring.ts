/**
 * The headers of the last RTP packets, both ways, in a ring that never grows: when, whose, between which ports, how long, and the
 * twelve octets of RFC 3550 §5.1, which SRTP leaves in clear. Never a payload.
 */

import type { Receiving } from "./transport/transport.ts";

/** Packets that are told of at a time: the thread that counts them has calls to serve. */
export const mostPackets = 20_000;

/** One packet's header. */
export interface PacketHeader {
  /** ms since 1970, with fractions. */
  readonly at: number;
  /** The number of the session that it belongs to. */
  readonly session: number;
  readonly direction: "received" | "sent";
  readonly localPort: number;
  readonly remote: { readonly host: string; readonly port: number };
  /** Octets of UDP's payload. */
  readonly length: number;
  readonly header: Uint8Array;
}

/** at, session, ports, length, index of the host, direction, header. */
const rowSize = 8 + 4 + 2 + 2 + 2 + 2 + 12;
const headerAt = 20;
const sentBit = 0x8000;
/** Hosts that are told apart; more of them than this at a time are not. */
const mostHosts = 0x7fff;

export class PacketRing {
  readonly #rows: number;
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  #next = 0;
  #count = 0;
  #hosts = new Map<string, number>();
  #names: string[] = [];

  readonly #now: () => number;

  /** @param size octets @param now ms since 1970, with fractions */
  constructor(size: number, now: () => number) {
    this.#now = now;
    this.#rows = Math.max(1, Math.floor(size / rowSize));
    this.#octets = new Uint8Array(this.#rows * rowSize);
    this.#view = new DataView(this.#octets.buffer);
  }

  /** Keeps a packet's header, if it is RTP. @param length octets of the packet, where it lies in a larger buffer */
  note(
    session: number,
    sent: boolean,
    localPort: number,
    port: number,
    host: string,
    packet: Uint8Array,
    length = packet.length,
  ): void {
    const second = packet[1] ?? 0;
    // Neither STUN nor DTLS, nor RTCP (RFC 7983, RFC 5761 §4).
    if (length < 12 || (packet[0] ?? 0) >> 6 !== 2 || (second >= 192 && second <= 223)) return;
    const start = this.#next * rowSize;
    const view = this.#view;
    view.setFloat64(start, this.#now());
    view.setUint32(start + 8, session);
    view.setUint16(start + 12, localPort);
    view.setUint16(start + 14, port);
    view.setUint16(start + 16, Math.min(0xffff, length));
    view.setUint16(start + 18, this.#hostIndex(host) | (sent ? sentBit : 0));
    for (let i = 0; i < 12; i++) this.#octets[start + headerAt + i] = packet[i] ?? 0;
    this.#next = (this.#next + 1) % this.#rows;
    if (this.#count < this.#rows) this.#count++;
  }

  /** The last `most` packets of these sessions, the oldest first, as `readPackets` takes them. */
  of(sessions: ReadonlySet<number>, most: number): { rows: Uint8Array; hosts: string[] } {
    const found: number[] = [];
    for (let i = 1; i <= this.#count && found.length < most; i++) {
      const row = (this.#next - i + this.#rows) % this.#rows;
      if (sessions.has(this.#view.getUint32(row * rowSize + 8))) found.push(row);
    }
    const rows = new Uint8Array(found.length * rowSize);
    for (const [i, row] of found.reverse().entries())
      rows.set(this.#octets.subarray(row * rowSize, (row + 1) * rowSize), i * rowSize);
    return { rows, hosts: this.#names };
  }

  #hostIndex(host: string): number {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    if (this.#names.length === mostHosts) {
      // So many are nobody's usual peers: all is forgotten, and begins anew.
      this.#hosts.clear();
      this.#names = [];
      this.#count = 1;
    }
    this.#hosts.set(host, this.#names.length);
    return this.#names.push(host) - 1;
  }
}

/** A port whose packets are noted. */
export class NotedPort {
  readonly #ring: PacketRing;
  readonly #session: number;
  readonly #port: number;

  constructor(ring: PacketRing, session: number, port: number) {
    this.#ring = ring;
    this.#session = session;
    this.#port = port;
  }

  sent(packet: Uint8Array, port: number, host: string): void {
    this.#ring.note(this.#session, true, this.#port, port, host, packet);
  }

  /** Notes what comes before `user` has it. */
  before(user: Receiving): Receiving {
    return {
      receiveRtp: (packet, port, host) => {
        this.#ring.note(this.#session, false, this.#port, port, host, packet);
        user.receiveRtp(packet, port, host);
      },
      receiveRtcp: (packet, port, host) => user.receiveRtcp(packet, port, host),
    };
  }
}

/** What `PacketRing.of` gave, on another thread of this program. */
export function readPackets(rows: Uint8Array, hosts: readonly string[]): PacketHeader[] {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  return Array.from({ length: Math.floor(rows.length / rowSize) }, (_, i): PacketHeader => {
    const start = i * rowSize;
    const host = view.getUint16(start + 18);
    return {
      at: view.getFloat64(start),
      session: view.getUint32(start + 8),
      direction: host & sentBit ? "sent" : "received",
      localPort: view.getUint16(start + 12),
      remote: { host: hosts[host & ~sentBit] ?? "0.0.0.0", port: view.getUint16(start + 14) },
      length: view.getUint16(start + 16),
      header: rows.subarray(start + headerAt, start + rowSize),
    };
  });
}
