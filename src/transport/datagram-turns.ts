/**
 * Turns at the event loop for UDP: Bun reads a socket until it is empty, and calls back for each datagram, before it
 * looks at anything else. A peer that sends faster than messages are handled would so stop all timers and sockets for
 * as long as it likes (R1). After 10 ms of handling, what else comes in is only queued, and is worked off in turns.
 *
 * The queue is bounded and fair; ACK, BYE and responses go first. Each source has its own, and they take turns, so that a flood from some delays others
 * by little; each may fill as much as it leaves free, so a flood from one leaves half of the room to others. A source
 * that has filled its share, or that keeps us reading for more than 5 ms, is dropped by the kernel, at no cost to us,
 * until half of its share is free. Who still keeps us reading long after that has no face: all are dropped until the next
 * turn.
 */
import { type Dropped, maxSources } from "../udp-filter.ts";

/** Milliseconds of handling in one turn. */
const budget = 10;
/** Datagrams that are handled between two turns without a look at the clock; the next one asks the loop for a turn. */
const usualFree = 8;
/** Milliseconds of mere queueing after it: then a source that has much waiting is dropped. */
const reading = 5;
/** Then all are; later where one was dropped in this turn, since what it had in the socket's buffer is still to be read. */
const mostReading = { allAlike: 15, oneDropped: 25 };
/** So long between two datagrams that are only queued, in ms: it was not reading that took it, but the machine that had no time for us. */
const stall = 1;
/** What waits at most: about 200 ms of work. Beyond it datagrams are dropped, as a full socket buffer does. */
const maxWaiting = 8_192;
const maxWaitingOctets = 16 * 1024 * 1024;
/** From so many waiting datagrams on, a source is taken to be the one that keeps us reading. */
const many = 256;

interface Datagram {
  octets: Uint8Array;
  port: number;
  /** When it came. */
  at: number;
}

/** What waits from one host. */
class Source {
  /** In order, each; what belongs to calls that stand is taken first. */
  readonly #urgent = new Fifo();
  readonly #others = new Fifo();

  get size(): number {
    return this.#urgent.size + this.#others.size;
  }

  push(datagram: Datagram): void {
    (isUrgent(datagram.octets) ? this.#urgent : this.#others).push(datagram);
  }

  shift(): Datagram | undefined {
    return this.#urgent.shift() ?? this.#others.shift();
  }
}

class Fifo {
  #waiting: Datagram[] = [];
  /** How many of `#waiting` are taken. */
  #taken = 0;

  get size(): number {
    return this.#waiting.length - this.#taken;
  }

  push(datagram: Datagram): void {
    this.#waiting.push(datagram);
  }

  shift(): Datagram | undefined {
    const first = this.#waiting[this.#taken];
    if (first === undefined) return undefined;
    this.#taken++;
    if (this.#taken === this.#waiting.length) {
      this.#waiting = [];
      this.#taken = 0;
    } else if (this.#taken > 1024) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
    return first;
  }
}

/**
 * ACK, BYE and responses, by their first two octets: late ones make both sides send again what was received. They may
 * overtake; a CANCEL may not overtake its INVITE, nor one change of a session another.
 */
function isUrgent(octets: Uint8Array): boolean {
  const start = ((octets[0] ?? 0) << 8) | (octets[1] ?? 0);
  return start === 0x4143 || start === 0x4259 || start === 0x5349;
}

export interface DatagramTurnsOptions {
  take(octets: Uint8Array, port: number, host: string): void;
  /** Lets the kernel drop what comes from these sources, and from no others. */
  drop: (sources: Dropped) => void;
  /** Does what a turn has to do; what is sent meanwhile may be sent together. */
  gather?: (work: () => void) => void;
  /** Milliseconds since a fixed point; `performance.now` by default. */
  now?: () => number;
  /** Calls back at the loop's next turn; `setImmediate` by default. */
  later?: (go: () => void) => void;
  /** Datagrams that are handled between two turns without a look at the clock. */
  free?: number;
}

export class DatagramTurns {
  /** Datagrams that were read and found no room. */
  dropped = 0;
  /** Milliseconds that the datagram which is being taken has waited here; 0 between datagrams. */
  waited = 0;
  readonly #take: DatagramTurnsOptions["take"];
  readonly #drop: DatagramTurnsOptions["drop"];
  readonly #gather: (work: () => void) => void;
  readonly #now: () => number;
  readonly #later: (go: () => void) => void;
  /** By host; the first is the next to be taken from. None is empty. */
  readonly #sources = new Map<string, Source>();
  #waiting = 0;
  #octets = 0;
  /** The hosts that the kernel drops. */
  readonly #greedy = new Set<string>();
  #allDropped = false;
  #refusedInTurn = false;
  readonly #mostFree: number;
  #free: number;
  #inTurn = false;
  #turnEnds = 0;
  /** When the datagram before this one was queued; undefined when it was handled. */
  #queued: number | undefined;

  constructor(options: DatagramTurnsOptions) {
    this.#take = options.take;
    this.#drop = options.drop;
    this.#gather = options.gather ?? ((work) => work());
    this.#now = options.now ?? (() => performance.now());
    this.#later = options.later ?? setImmediate;
    this.#mostFree = options.free ?? usualFree;
    this.#free = this.#mostFree;
  }

  /** Whether datagrams wait for the next turn. */
  get busy(): boolean {
    return this.#waiting > 0;
  }

  push(octets: Uint8Array, port: number, host: string): void {
    if (this.#free > 0 && !this.#inTurn) {
      this.#free--;
      this.#take(octets, port, host);
      return;
    }
    const now = this.#now();
    if (this.#waiting === 0) {
      if (!this.#inTurn) this.#begin(now);
      if (now < this.#turnEnds) {
        this.#queued = undefined;
        this.#take(octets, port, host);
        return;
      }
    }
    // The reading counts from its first datagram on: what was handled before it may have taken longer than it should.
    if (this.#queued === undefined) this.#turnEnds = Math.max(this.#turnEnds, now);
    else if (now - this.#queued > stall) this.#turnEnds += now - this.#queued;
    this.#queued = now;
    const share = this.#share(host);
    if (now >= this.#turnEnds + reading) {
      const most = this.#refusedInTurn ? mostReading.oneDropped : mostReading.allAlike;
      if (share >= many || now >= this.#turnEnds + most) this.#refuse(host, share);
    }
    if (share >= maxWaiting - this.#waiting || this.#octets + octets.length > maxWaitingOctets) {
      this.dropped++;
      this.#refuse(host, share);
      return;
    }
    let source = this.#sources.get(host);
    if (source === undefined) {
      source = new Source();
      this.#sources.set(host, source);
    }
    source.push({ octets, port, at: now });
    this.#octets += octets.length;
    this.#waiting++;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#sources.clear();
    this.#waiting = 0;
    this.#octets = 0;
  }

  #begin(now: number): void {
    this.#inTurn = true;
    this.#turnEnds = now + budget;
    this.#later(this.#next);
  }

  readonly #next = (): void => {
    this.#inTurn = false;
    this.#refusedInTurn = false;
    this.#free = this.#mostFree;
    this.#queued = undefined;
    if (this.#waiting > 0) {
      const now = this.#now();
      this.#begin(now);
      this.#gather(() => this.#work(now));
    }
    this.#readAgain();
  };

  #work(began: number): void {
    let now = began;
    // A source that is put back comes behind the others, and this iteration comes to it again.
    for (const [host, source] of this.#sources) {
      const first = source.shift();
      this.#sources.delete(host);
      if (first === undefined) continue;
      if (source.size > 0) this.#sources.set(host, source);
      this.#waiting--;
      this.#octets -= first.octets.length;
      this.waited = now - first.at;
      this.#take(first.octets, first.port, host);
      now = this.#now();
      if (now >= this.#turnEnds) break;
    }
    this.waited = 0;
  }

  #share(host: string): number {
    return this.#sources.get(host)?.size ?? 0;
  }

  /** Lets the kernel drop this host, or all when it has no large part in what waits. */
  #refuse(host: string, share: number): void {
    if (this.#allDropped || this.#greedy.has(host)) return;
    if (share >= many && this.#greedy.size < maxSources) {
      this.#greedy.add(host);
      this.#refusedInTurn = true;
      this.#drop([...this.#greedy]);
    } else {
      this.#allDropped = true;
      this.#drop("all");
    }
  }

  /** Behind each turn: everybody is heard again but those who have more than half of their share waiting. */
  #readAgain(): void {
    if (!this.#allDropped && this.#greedy.size === 0) return;
    let changed = this.#allDropped;
    this.#allDropped = false;
    for (const host of this.#greedy) {
      if (this.#share(host) > (maxWaiting - this.#waiting) / 2) continue;
      this.#greedy.delete(host);
      changed = true;
    }
    if (changed) this.#drop([...this.#greedy]);
  }
}
