/** The one line that says how a phone stands. */
import type { RtpStats } from "../media/index.ts";

export interface Standing {
  /** Such as `ringing`, `connected`, `on hold`. */
  readonly state: string;
  readonly peer?: string | undefined;
  /** Milliseconds since the call was answered. */
  readonly duration?: number | undefined;
  readonly codec?: string | undefined;
  readonly stats?: RtpStats | undefined;
}

/** `connected bob@example.com 1:05 PCMU loss 0.4% jitter 2.1 ms`. */
export function statusLine({ state, peer, duration, codec, stats }: Standing): string {
  return [
    state,
    ...(peer === undefined ? [] : [peer]),
    ...(duration === undefined ? [] : [clockText(duration)]),
    ...(codec === undefined ? [] : [codec]),
    ...(stats === undefined ? [] : [lossText(stats), `jitter ${stats.jitter.toFixed(1)} ms`]),
  ].join(" ");
}

function lossText({ lost, receivedPackets }: RtpStats): string {
  const expected = receivedPackets + Math.max(0, lost);
  return `loss ${expected === 0 ? "0" : ((100 * Math.max(0, lost)) / expected).toFixed(1)}%`;
}

/** `1:05`, or from an hour on `1:00:05`. */
export function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const tail = two(seconds % 60);
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`;
}
