/** Counts the packets of all calls that are up, every few seconds, and keeps what that says of their quality. */
import type { Call } from "../call/index.ts";
import type { LiveQuality, Quality, QualityControl } from "../control/quality.ts";
import type { RtpStats } from "../media/index.ts";
import type { RelayCount, RelayReport } from "../routing/index.ts";
import type { Clock, Timer } from "../sip/clock.ts";
import { type QualityChange, type QualityCount, QualityTrack } from "./quality-track.ts";

/** Each call is counted so often, ms; at each step one of the shares of all calls is. */
const interval = 5000;
const shares = 5;

/** The relay as far as it is needed here. */
export interface CountedRelay {
  readonly size: number;
  counts(): Promise<readonly Omit<RelayReport, "reason">[]>;
}

export interface QualityParts {
  readonly clock: Clock;
  /** ms since 1970. */
  readonly now: () => number;
  readonly relay: CountedRelay;
  /** Told when a call begins to sound bad, and when it sounds well again. `call`: our id of it, if a handler has it. */
  readonly changed?: ((call: string | undefined, callId: string, change: QualityChange) => void) | undefined;
}

export class QualityMonitor implements QualityControl {
  readonly #parts: QualityParts;
  readonly #calls = new Map<Call, QualityTrack>();
  readonly #byId = new Map<string, QualityTrack>();
  readonly #byCallId = new Map<string, QualityTrack>();
  readonly #relayed = new Map<string, QualityTrack>();
  #timer: Timer | undefined;
  #step = 0;

  constructor(parts: QualityParts) {
    this.#parts = parts;
  }

  /** Counts a call's packets from now on. */
  add(call: Call): QualityTrack {
    const track = new QualityTrack(this.#parts.now());
    this.#calls.set(call, track);
    this.#byId.set(call.facts.id, track);
    this.#byCallId.set(call.facts.callId, track);
    this.wake();
    return track;
  }

  /** A call's packets were counted. */
  counted(call: Call, stats: RtpStats): void {
    const track = this.#calls.get(call);
    if (track === undefined) return;
    track.codec = call.codec;
    const change = track.count(countOf(stats), this.#parts.now());
    if (change !== undefined) this.#parts.changed?.(call.facts.id, call.facts.callId, change);
  }

  remove(call: Call): void {
    this.#calls.delete(call);
    const { id, callId } = call.facts;
    if (this.#byCallId.get(callId) === this.#byId.get(id)) this.#byCallId.delete(callId);
    this.#byId.delete(id);
  }

  /** A relayed call is over: what is known of it, its last count among that; undefined: nothing came or went. */
  relayEnded({ callId, stats }: Pick<RelayReport, "callId" | "stats">): QualityTrack | undefined {
    const { now } = this.#parts;
    const track = this.#relayed.get(callId) ?? new QualityTrack(now() - stats.age);
    this.#relayed.delete(callId);
    const count = relayedCount(stats);
    if (count === undefined) return undefined;
    track.count(count, now());
    return track;
  }

  quality(call: string): LiveQuality | undefined {
    return this.#track(call)?.live;
  }

  standing(call: string): Quality | undefined {
    return this.#track(call)?.now;
  }

  below(mos: number): number {
    let count = 0;
    for (const tracks of [this.#byId, this.#relayed])
      for (const { recent } of tracks.values()) if (recent !== undefined && recent < mos) count++;
    return count;
  }

  #track(call: string): QualityTrack | undefined {
    return this.#byId.get(call) ?? this.#byCallId.get(call) ?? this.#relayed.get(call);
  }

  /** There may be something to count: a call is relayed. */
  wake(): void {
    this.#timer ??= this.#parts.clock.after(interval / shares, this.#count);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #count = (): void => {
    const { clock, relay } = this.#parts;
    this.#step = (this.#step + 1) % shares;
    let at = 0;
    for (const call of this.#calls.keys()) if (at++ % shares === this.#step) call.audio?.count();
    if (relay.size === 0) this.#relayed.clear();
    else if (this.#step === 0) void this.#countRelayed();
    this.#timer = undefined;
    if (this.#calls.size > 0 || relay.size > 0) this.#timer = clock.after(interval / shares, this.#count);
  };

  async #countRelayed(): Promise<void> {
    const { now, relay } = this.#parts;
    const up = new Set<string>();
    for (const { callId, confirmed, stats } of await relay.counts()) {
      const count = confirmed ? relayedCount(stats) : undefined;
      if (count === undefined) continue;
      up.add(callId);
      let track = this.#relayed.get(callId);
      if (track === undefined) {
        track = new QualityTrack(now() - stats.age);
        this.#relayed.set(callId, track);
      }
      const change = track.count(count, now());
      if (change !== undefined) this.#parts.changed?.(undefined, callId, change);
    }
    for (const callId of this.#relayed.keys()) if (!up.has(callId)) this.#relayed.delete(callId);
  }
}

function countOf(stats: RtpStats): QualityCount {
  const { receivedPackets, receivedOctets, lost, jitter, sentPackets, sentOctets, remoteLost, remoteJitter } = stats;
  // `packets` are those that arrived: of ours, what the other side does not miss.
  const arrived = remoteLost === undefined ? sentPackets : Math.max(0, sentPackets - Math.max(0, remoteLost));
  return {
    received: {
      packets: receivedPackets,
      octets: receivedOctets,
      lost: receivedPackets === 0 ? undefined : lost,
      jitter: receivedPackets === 0 ? undefined : jitter,
    },
    sent: { packets: arrived, octets: sentOctets, lost: remoteLost, jitter: remoteJitter },
    roundTrip: stats.roundTrip,
  };
}

/** The first m-line that carries anything: the audio, usually. */
function relayedCount({ lines }: RelayReport["stats"]): QualityCount | undefined {
  const line = lines.find(({ a, b }) => a.packets + b.packets > 0);
  if (line === undefined) return undefined;
  const side = ({ packets, octets, lost, jitter }: RelayCount) => ({
    packets,
    octets,
    lost: packets === 0 ? undefined : lost,
    jitter: packets === 0 ? undefined : jitter,
  });
  return { received: side(line.a), sent: side(line.b), roundTrip: undefined };
}
