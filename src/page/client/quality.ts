/** How good a call sounds, judged by what the browser counts (RTCStatsReport). */

export interface Quality {
  /** From 1 to 4.5, as the E-model (ITU-T G.107) guesses it. */
  readonly score: number;
  readonly words: "good" | "fair" | "poor";
  /** Share of packets lost since the last look, 0 to 1. */
  readonly lost: number;
  /** Milliseconds. */
  readonly jitter: number;
  readonly roundTrip: number | undefined;
  readonly codec: string | undefined;
}

/** What has come in so far. */
export interface Received {
  readonly packets: number;
  readonly lost: number;
}

/** A simple E-model: delay and loss cost points, from 93. `lost`: 0 to 1; times in ms. */
export function scoreOf(lost: number, jitter: number, roundTrip: number): number {
  const delay = roundTrip / 2 + 2 * jitter + 20;
  const late = delay < 160 ? delay / 40 : (delay - 120) / 10;
  // Bursts are concealed less well than single packets; Opus and the jitter buffer hide the first percents.
  const r = Math.max(0, Math.min(93, 93 - late - (40 * lost * 100) / (lost * 100 + 10)));
  return 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r);
}

const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);

/** What the browser's statistics say since `before`; undefined while nothing has come in. */
export function judge(
  statistics: Iterable<Readonly<Record<string, unknown>>>,
  before: Received,
): { quality: Quality; received: Received } | undefined {
  const reports = [...statistics];
  const inbound = reports.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
  if (inbound === undefined) return undefined;
  const received = { packets: number(inbound.packetsReceived), lost: number(inbound.packetsLost) };
  if (received.packets === 0) return undefined;
  const lostNow = Math.max(0, received.lost - before.lost);
  const all = lostNow + Math.max(0, received.packets - before.packets);
  const lost = all === 0 ? 0 : lostNow / all;
  const pair = reports.find(
    ({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded",
  );
  const seconds = pair?.currentRoundTripTime;
  const roundTrip = typeof seconds === "number" ? 1000 * seconds : undefined;
  const jitter = 1000 * number(inbound.jitter);
  const mime = reports.find(({ id }) => id === inbound.codecId)?.mimeType;
  const codec = typeof mime === "string" ? mime.replace(/^audio\//i, "") : undefined;
  const score = scoreOf(lost, jitter, roundTrip ?? 0);
  const words = score >= 3.8 ? "good" : score >= 3 ? "fair" : "poor";
  return { quality: { score, words, lost, jitter, roundTrip, codec }, received };
}
