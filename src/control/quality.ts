/** How a call's sound arrives, both ways: what is counted of its packets, and what the E-model (ITU-T G.107) makes of that. */

/** One direction of a call's sound. */
export interface StreamQuality {
  readonly packets: number;
  /** Octets of sound, without headers. */
  readonly octets: number;
  /** Packets that were sent and did not arrive; undefined where nobody has told. */
  readonly lost: number | undefined;
  /** Which part of what was sent did not arrive, 0 to 1. */
  readonly loss: number | undefined;
  /** Interarrival jitter (RFC 3550 §6.4.1), ms. */
  readonly jitter: number | undefined;
  /** Mean opinion score as the E-model estimates it, 1 (bad) to 4.4 (as good as a telephone gets). */
  readonly mos: number | undefined;
}

/**
 * Both directions, seen from us towards one party: who called or was called, in a relayed call the caller. `received`: its
 * sound as it came to us. `sent`: what we sent to it, as its RTCP says it arrived; in a relayed call the callee's sound as it
 * came to us.
 */
export interface Quality {
  /** Such as `PCMU`; undefined where we do not know. */
  readonly codec: string | undefined;
  /** ms, by RTCP. */
  readonly roundTrip: number | undefined;
  readonly received: StreamQuality;
  readonly sent: StreamQuality;
}

/** How it stood in one interval: of a time series. */
export interface QualitySample {
  /** The interval's end, ms since 1970. */
  readonly at: number;
  /** Of the packets of this interval alone. */
  readonly received: QualityMoment;
  readonly sent: QualityMoment;
  /** ms; undefined: not measured yet. */
  readonly roundTrip: number | undefined;
}

export interface QualityMoment {
  /** Packets a second. */
  readonly rate: number;
  readonly loss: number | undefined;
  readonly jitter: number | undefined;
  readonly mos: number | undefined;
}

/** A call that is up. */
export interface LiveQuality {
  readonly now: Quality;
  /** From its beginning on, some hundred at most: the longer the call, the longer the intervals. */
  readonly series: readonly QualitySample[];
}

/** Below this mean opinion score many are dissatisfied (G.107 annex B). */
export const poorMos = 3.6;

/** What can be asked of the quality of calls that are up. */
export interface QualityControl {
  /**
   * By our id of a handler's call, or by the Call-ID of that or of a call whose media is relayed. As it stood at the last of the counts,
   * which are some seconds apart. Undefined: there is no such call, or nothing was counted yet.
   */
  quality(call: string): LiveQuality | undefined;
  /** The same without its past, which takes less to make. */
  standing(call: string): Quality | undefined;
  /** How many calls had a mean opinion score below this in their last interval. */
  below(mos: number): number;
}

/** What the E-model knows of a codec: its impairment, how badly it takes loss (G.113 appendix I), ms of a packet and its look-ahead. */
interface CodecImpairment {
  readonly equipment: number;
  readonly robustness: number;
  readonly delay: number;
}

/** G.711 with concealment; wider codecs are judged on its scale, where they lose nothing by themselves. */
const telephone: CodecImpairment = { equipment: 0, robustness: 25.1, delay: 20 };
const impairments: ReadonlyMap<string, CodecImpairment> = new Map([
  ["pcmu", telephone],
  ["pcma", telephone],
  ["g722", { equipment: 0, robustness: 20, delay: 22 }],
  ["opus", { equipment: 0, robustness: 20, delay: 26.5 }],
]);
/** R0 - Is with all defaults of G.107: what a connection without fault is worth. */
const faultless = 93.2;
/** What a jitter buffer holds back, in jitters: nearly all packets come within twice of it. */
const buffered = 2;

/**
 * A mean opinion score by the E-model (ITU-T G.107, its delay terms as G.107 §7.4 simplifies without echo).
 * @param loss 0 to 1, spread at random
 * @param jitter ms @param roundTrip ms
 */
export function estimateMos({
  codec,
  loss,
  jitter = 0,
  roundTrip = 0,
}: {
  readonly codec?: string | undefined;
  readonly loss: number;
  readonly jitter?: number | undefined;
  readonly roundTrip?: number | undefined;
}): number {
  const { equipment, robustness, delay } = impairments.get(codec?.toLowerCase() ?? "") ?? telephone;
  const oneWay = roundTrip / 2 + buffered * jitter + delay;
  const late = 0.024 * oneWay + (oneWay > 177.3 ? 0.11 * (oneWay - 177.3) : 0);
  const percent = 100 * Math.min(1, Math.max(0, loss));
  const lossy = equipment + (95 - equipment) * (percent / (percent + robustness));
  return mosOf(faultless - late - lossy);
}

/** G.107 annex B: from the rating R to the mean opinion score. */
function mosOf(rating: number): number {
  if (rating <= 0) return 1;
  const r = Math.min(100, rating);
  const mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
  return Math.round(Math.max(1, mos) * 100) / 100;
}
