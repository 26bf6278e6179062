/**
 * Requests too large for a datagram (RFC 3261 §18.1.1): over TCP, and over UDP after all when the peer has no TCP.
 *
 * The Via that the user built says TCP. On the way back to UDP its transport and sent-by are rewritten here, so that
 * the response comes to the UDP listener; the branch stays, so the transaction matches it. Such a request is sent once:
 * its transaction believes in a reliable transport. The peer is remembered, and later requests to it are plain UDP
 * with retransmissions.
 */
import type { Clock } from "../sip/clock.ts";
import type { Address, Flow } from "../sip/flow.ts";
import { formatHost } from "../sip/host.ts";
import { formatAddress } from "./address.ts";
import type { StreamFlow } from "./streams.ts";

const refusalHolds = 300_000;
const maxRefusals = 1_000;

/** Peers that lately had no TCP. */
export class TcpRefusals {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(peer: Address): void {
    const key = formatAddress(peer);
    this.#until.delete(key);
    this.#until.set(key, this.#clock.now() + refusalHolds);
    if (this.#until.size <= maxRefusals) return;
    const oldest = this.#until.keys().next();
    if (!oldest.done) this.#until.delete(oldest.value);
  }

  has(peer: Address): boolean {
    return (this.#until.get(formatAddress(peer)) ?? 0) > this.#clock.now();
  }
}

export class OversizeFlow implements Flow {
  readonly id: string;
  readonly #tcp: StreamFlow;
  readonly udp: Flow;
  readonly #sentBy: () => Address;
  readonly #refusals: TcpRefusals;
  #way: Flow;

  /** `sentBy`: what a Via on `udp` says. */
  constructor(tcp: StreamFlow, udp: Flow, sentBy: () => Address, refusals: TcpRefusals) {
    this.#tcp = tcp;
    this.udp = udp;
    this.#sentBy = sentBy;
    this.#refusals = refusals;
    this.#way = tcp;
    this.id = tcp.id;
  }

  get transport(): Flow["transport"] {
    return this.#way.transport;
  }

  get reliable(): boolean {
    return this.#way.reliable;
  }

  get local(): Address {
    return this.#way.local;
  }

  get remote(): Address {
    return this.#tcp.remote;
  }

  send(bytes: Uint8Array, failed?: (reason: string) => void): void {
    if (this.#way === this.udp) {
      this.#sendDatagram(bytes, failed);
      return;
    }
    this.#tcp.send(bytes, (reason, kind) => {
      if (kind !== "connect") return failed?.(reason);
      this.#way = this.udp;
      this.#refusals.add(this.remote);
      this.#sendDatagram(bytes, failed);
    });
  }

  #sendDatagram(bytes: Uint8Array, failed: ((reason: string) => void) | undefined): void {
    this.udp.send(viaOverUdp(bytes, this.#sentBy()), failed);
  }
}

const topmostVia = /\r\n(?:via|v)[ \t]*:\s*sip\s*\/\s*2\.0\s*\/\s*([\w-]+)\s+([^;,\s]+)/i;

/** `request` with the topmost Via saying UDP and `sentBy` where it said TCP; unchanged when it did not. */
export function viaOverUdp(request: Uint8Array, sentBy: Address): Uint8Array {
  const octets = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
  const end = octets.indexOf("\r\n\r\n");
  const head = octets.toString("latin1", 0, end < 0 ? octets.length : end);
  const via = topmostVia.exec(head);
  if (via === null || via[1]?.toUpperCase() !== "TCP") return request;
  const line = `\r\nVia: SIP/2.0/UDP ${formatHost(sentBy.host)}:${sentBy.port}`;
  return Buffer.concat([
    octets.subarray(0, via.index),
    Buffer.from(line, "latin1"),
    octets.subarray(via.index + via[0].length),
  ]);
}
