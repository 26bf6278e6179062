/**
 * Captures messages: keeps the octets as they pass, and looks into them only for whoever asks or follows. Where nobody does
 * and nothing is to be kept, it does not look on at all.
 */
import type { CaptureAddress, CaptureControl, CapturedMessage, CaptureFilter, CaptureState } from "./capture.ts";
import { mostMessages } from "./capture.ts";
import { masked } from "./mask.ts";
import { type Datagram, type PcapRecord, pcapFile, pcapRecord } from "./pcap.ts";
import { CaptureRing, type KeptMessage } from "./ring.ts";
import { summarize } from "./summary.ts";

/** Octets that are kept while somebody follows, where nothing is to be kept otherwise. */
const passing = 4 * 1024 * 1024;
/** Messages looked at in one turn of the event loop for those who follow. */
const atOnce = 200;
/** How long a capture file is made at a time, ms. */
const mostAtOnce = 5;
/** Octets of no message, but of a keep-alive. */
const shortest = 16;

type Flow = Pick<CapturedMessage, "transport" | "local" | "remote">;

export interface CaptureParts {
  /** Octets of messages to keep; 0: none, unless somebody follows. */
  readonly size: number;
  /** Has the tap see messages, or no longer. */
  watch(on: boolean): void;
  /** The RTP headers that are kept of these calls; our address in each, by Call-ID. */
  packets?(calls: ReadonlyMap<string, string>): Promise<readonly Datagram[]>;
  /** ms since 1970, with fractions; the wall clock by default. */
  now?(): number;
}

interface Follower {
  readonly filter: CaptureFilter;
  readonly heard: (message: CapturedMessage) => void;
}

export class Capture implements CaptureControl {
  readonly #parts: CaptureParts;
  readonly #now: () => number;
  readonly #followers = new Set<Follower>();
  #size: number;
  #ring: CaptureRing | undefined;
  /** The number of the last message, over all rings. */
  #last = 0;
  /** What the followers have seen. */
  #told = 0;
  #telling = false;

  constructor(parts: CaptureParts) {
    this.#parts = parts;
    this.#now = parts.now ?? wallClock();
    this.#size = parts.size;
    this.#arrange();
  }

  /** Keeps so many octets from now on; what is kept in a ring of another size is forgotten. */
  set size(size: number) {
    if (size === this.#size) return;
    this.#size = size;
    this.#arrange();
  }

  // --- the transport layer's tap ---

  received(bytes: Uint8Array, { transport, local, remote }: Flow): void {
    this.#keep(bytes, "received", transport, local, remote);
  }

  sent(
    bytes: Uint8Array,
    transport: CapturedMessage["transport"],
    local: CaptureAddress,
    remote: CaptureAddress,
  ): void {
    if (bytes.length >= shortest) this.#keep(bytes, "sent", transport, local, remote);
  }

  // --- what is asked of it ---

  captureState(): CaptureState {
    const ring = this.#ring;
    return {
      active: ring !== undefined,
      messages: ring?.count ?? 0,
      octets: ring?.used ?? 0,
      size: ring?.size ?? 0,
      last: this.#last,
    };
  }

  messages(
    filter: CaptureFilter,
    { after = 0, limit = mostMessages }: { after?: number | undefined; limit?: number | undefined } = {},
  ): CapturedMessage[] {
    const found: CapturedMessage[] = [];
    const most = Math.min(limit, mostMessages);
    for (const message of this.#matching(filter, after)) {
      if (found.length >= most) break;
      found.push(message);
    }
    return found;
  }

  follow(filter: CaptureFilter, heard: (message: CapturedMessage) => void): () => void {
    const follower = { filter, heard };
    if (this.#followers.size === 0) this.#told = this.#last;
    this.#followers.add(follower);
    this.#arrange();
    return () => {
      if (this.#followers.delete(follower)) this.#arrange();
    };
  }

  async pcap(filter: CaptureFilter): Promise<Uint8Array> {
    const records: PcapRecord[] = [];
    const calls = new Map<string, string>();
    let since = performance.now();
    // A large ring takes longer to be looked through than calls may wait.
    const pause = async () => {
      if (performance.now() - since < mostAtOnce) return;
      await new Promise((resolve) => setImmediate(resolve));
      since = performance.now();
    };
    for (const { at, direction, local, remote, text, callId } of this.#matching(filter, 0)) {
      await pause();
      if (callId !== "") calls.set(callId, local.host);
      const [from, to] = direction === "sent" ? [local, remote] : [remote, local];
      records.push(pcapRecord({ at, from, to, payload: Buffer.from(text, "latin1") }));
    }
    for (const packet of (await this.#parts.packets?.(calls)) ?? []) {
      await pause();
      records.push(pcapRecord(packet));
    }
    return pcapFile(records);
  }

  close(): void {
    this.#followers.clear();
    this.#size = 0;
    this.#arrange();
  }

  #keep(
    bytes: Uint8Array,
    direction: CapturedMessage["direction"],
    transport: CapturedMessage["transport"],
    local: CaptureAddress,
    remote: CaptureAddress,
  ): void {
    const kept = this.#ring?.keep(bytes, this.#now(), direction, transport, local, remote);
    if (kept === undefined) return;
    this.#last = kept.id;
    if (this.#followers.size === 0 || this.#telling) return;
    this.#telling = true;
    setImmediate(this.#tell);
  }

  readonly #tell = (): void => {
    this.#telling = false;
    const ring = this.#ring;
    if (ring === undefined || this.#followers.size === 0) return;
    let looked = 0;
    for (const kept of ring.after(this.#told)) {
      if (looked++ === atOnce) break;
      this.#told = kept.id;
      const message = look(ring, kept);
      for (const { filter, heard } of this.#followers) if (matches(message, filter)) heard(message);
    }
    if (this.#told >= this.#last || this.#telling) return;
    this.#telling = true;
    setImmediate(this.#tell);
  };

  *#matching(filter: CaptureFilter, after: number): Iterable<CapturedMessage> {
    const ring = this.#ring;
    if (ring === undefined) return;
    const { callId, user, method, host } = filter;
    const escaped = Buffer.from("%");
    const named = user === undefined ? undefined : Buffer.from(user, "latin1");
    const needles = [callId, method].filter((each) => each !== undefined).map((each) => Buffer.from(each, "latin1"));
    for (const kept of ring.after(after)) {
      // Another may have been kept over it meanwhile.
      if (kept.id < ring.oldest) continue;
      if (host !== undefined && kept.remote.host !== host) continue;
      // Most messages are told apart without being read.
      const bytes = ring.bytes(kept);
      if (!needles.every((needle) => bytes.includes(needle))) continue;
      if (named !== undefined && !bytes.includes(named) && !bytes.includes(escaped)) continue;
      const message = look(ring, kept);
      if (matches(message, filter)) yield message;
    }
  }

  /** The ring and the tap as they are needed now. */
  #arrange(): void {
    const size = this.#size > 0 ? this.#size : this.#followers.size > 0 ? passing : 0;
    if ((this.#ring?.size ?? 0) === size) return;
    this.#ring = size === 0 ? undefined : new CaptureRing(size, this.#last);
    this.#parts.watch(size > 0);
  }
}

function look(ring: CaptureRing, kept: KeptMessage): CapturedMessage {
  const text = masked(ring.bytes(kept).toString("latin1"));
  const { start: _, length: __, ...rest } = kept;
  return { ...rest, ...summarize(text), text };
}

export function matches(message: CapturedMessage, { callId, user, method, host }: CaptureFilter): boolean {
  if (callId !== undefined && message.callId !== callId) return false;
  if (user !== undefined && !message.users.includes(user)) return false;
  if (method !== undefined && message.method !== method) return false;
  return host === undefined || message.remote.host === host;
}

/** The wall clock with the steady clock's resolution; follows when the wall clock is set. */
function wallClock(): () => number {
  let offset = Date.now() - performance.now();
  return () => {
    const wall = Date.now();
    const now = offset + performance.now();
    if (Math.abs(wall - now) < 5) return now;
    offset = wall - performance.now();
    return wall;
  };
}
