/**
 * The datagrams of a UDP socket in batches, by recvmmsg and sendmmsg: one system call for dozens of them, and no text of
 * an address made anew for each, as Bun does it.
 */
import { type Libc, MSG_DONTWAIT, memory, type Pointer } from "./libc.ts";
import {
  ipv4Number,
  isIpv4Address,
  largestSocketAddress,
  readSocketHost,
  readSocketPort,
  readSocketZone,
  writeSocketAddress,
} from "./socket-address.ts";

/** Datagrams of one system call. */
export const batchSize = 64;
/** No datagram is longer. */
const slot = 65_536;
/** Hosts whose text is remembered; beyond, all are forgotten. */
const maxHosts = 4096;

// struct mmsghdr in 32-bit words: a msghdr of 14 words, then the octets received or sent. The same for glibc and musl.
const headerWords = 16;
const nameLength = 2;
const octetCount = 14;
// struct iovec in 32-bit words: where, and how much.
const vectorWords = 4;
const vectorLength = 2;

/** An array of `struct mmsghdr`, each with a slot for octets and room for an address. */
class Headers {
  readonly data = memory(batchSize * slot);
  readonly octets = Buffer.from(this.data.octets.buffer);
  readonly addresses = memory(batchSize * largestSocketAddress);
  readonly memory = memory(batchSize * headerWords * 4);
  readonly words = new Uint32Array(this.memory.octets.buffer);
  readonly #vectors = memory(batchSize * vectorWords * 4);
  readonly vectorWords = new Uint32Array(this.#vectors.octets.buffer);

  constructor() {
    const headers = new BigUint64Array(this.memory.octets.buffer);
    const vectors = new BigUint64Array(this.#vectors.octets.buffer);
    for (let i = 0; i < batchSize; i++) {
      const at = (i * headerWords) / 2;
      headers[at] = BigInt(this.addresses.at + i * largestSocketAddress);
      headers[at + 2] = BigInt(this.#vectors.at + i * vectorWords * 4);
      headers[at + 3] = 1n;
      vectors[2 * i] = BigInt(this.data.at + i * slot);
      vectors[2 * i + 1] = BigInt(slot);
    }
  }

  /** Where the header of that index is. */
  from(index: number): Pointer {
    // A sum of a pointer and an offset inside its memory is a pointer, which its type, a branded number, cannot tell.
    return (this.memory.at + index * headerWords * 4) as Pointer;
  }
}

const none: readonly number[] = [];

/** What all sockets of this thread read into: nothing of it is kept between two calls. */
let shared: Headers | undefined;

export type TakeDatagram = (datagram: Uint8Array, port: number, host: string) => void;

export interface UdpBatchOptions {
  descriptor: number;
  take: TakeDatagram;
  /** The kernel refused to send a datagram. `context` is what it was pushed with. */
  unsent(datagram: Uint8Array, port: number, host: string, context: unknown): void;
  /** The name of the network interface of that number, for link-local addresses. */
  zone(index: number): string;
}

export class UdpBatch {
  readonly #libc: Libc;
  readonly #options: UdpBatchOptions;
  readonly #in: Headers;
  readonly #out = new Headers();
  readonly #hosts = new Map<number, string>();
  #waiting = 0;
  readonly #contexts: unknown[] = [];
  #closed = false;

  constructor(libc: Libc, options: UdpBatchOptions) {
    this.#libc = libc;
    this.#options = options;
    shared ??= new Headers();
    this.#in = shared;
  }

  /** Reads what is there, at most one batch; gives how many datagrams came. */
  receive(): number {
    const { words, octets, addresses, memory: headers } = this.#in;
    for (let i = 0; i < batchSize; i++) words[i * headerWords + nameLength] = largestSocketAddress;
    const count = this.#libc.recvmmsg(this.#options.descriptor, headers.at, batchSize, MSG_DONTWAIT, null);
    for (let i = 0; i < count && !this.#closed; i++) {
      const length = words[i * headerWords + octetCount] ?? 0;
      const datagram = Buffer.allocUnsafeSlow(length);
      octets.copy(datagram, 0, i * slot, i * slot + length);
      const at = i * largestSocketAddress;
      this.#options.take(datagram, readSocketPort(addresses.octets, at), this.#host(addresses.octets, at));
    }
    return count;
  }

  #host(address: Uint8Array, at: number): string {
    if (!isIpv4Address(address, at)) {
      const zone = readSocketZone(address, at);
      const host = readSocketHost(address, at);
      return zone === 0 ? host : `${host}%${this.#options.zone(zone)}`;
    }
    const key = ipv4Number(address, at);
    let host = this.#hosts.get(key);
    if (host === undefined) {
      if (this.#hosts.size >= maxHosts) this.#hosts.clear();
      host = readSocketHost(address, at);
      this.#hosts.set(key, host);
    }
    return host;
  }

  /** Takes a datagram into the batch that `flush` sends. False: it cannot be sent so (no IP address, one with a zone, too long). */
  push(datagram: Uint8Array, port: number, host: string, context: unknown): boolean {
    const i = this.#waiting;
    const { octets, addresses, words, vectorWords: vectors } = this.#out;
    const length =
      datagram.length < slot && port > 0
        ? writeSocketAddress(addresses.octets, i * largestSocketAddress, host, port)
        : 0;
    if (length === 0) return false;
    octets.set(datagram, i * slot);
    vectors[i * vectorWords + vectorLength] = datagram.length;
    words[i * headerWords + nameLength] = length;
    this.#contexts[i] = context;
    this.#waiting = i + 1;
    if (this.#waiting === batchSize) this.flush();
    return true;
  }

  /** Sends what was pushed. What the kernel refuses is told to `unsent`; the others go all the same. */
  flush(): void {
    const refused = this.#send();
    if (refused.length === 0) return;
    const unsent = refused.map((i) => this.#pushed(i));
    this.#contexts.fill(undefined);
    // Last, since it may push.
    for (const [datagram, port, host, context] of unsent) this.#options.unsent(datagram, port, host, context);
  }

  /** Sends one datagram at once, behind those that were pushed. False: `push` does not take it, or the kernel refuses. */
  sendNow(datagram: Uint8Array, port: number, host: string): boolean {
    this.flush();
    return this.push(datagram, port, host, undefined) && this.#send().length === 0;
  }

  /** The indices of those that the kernel refused. */
  #send(): readonly number[] {
    const count = this.#waiting;
    this.#waiting = 0;
    if (count === 0 || this.#closed) return none;
    let refused = none;
    for (let sent = 0; sent < count; ) {
      const now = this.#libc.sendmmsg(this.#options.descriptor, this.#out.from(sent), count - sent, MSG_DONTWAIT);
      // None: it is the first one that cannot be sent.
      if (now <= 0) refused = [...refused, sent];
      sent += Math.max(now, 1);
    }
    if (refused.length === 0) this.#contexts.fill(undefined, 0, count);
    return refused;
  }

  #pushed(i: number): [datagram: Uint8Array, port: number, host: string, context: unknown] {
    const { octets, addresses, vectorWords: vectors } = this.#out;
    const at = i * largestSocketAddress;
    const end = i * slot + (vectors[i * vectorWords + vectorLength] ?? 0);
    const host = readSocketHost(addresses.octets, at);
    return [
      Uint8Array.from(octets.subarray(i * slot, end)),
      readSocketPort(addresses.octets, at),
      host,
      this.#contexts[i],
    ];
  }

  /** To be called before the socket is closed: its descriptor may be somebody else's after that. Sends what was pushed. */
  close(): void {
    this.flush();
    this.#closed = true;
  }
}
