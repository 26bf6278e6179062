/** What is told of a call when it is over: one object, written as one line of JSON. */
import type { SessionEnd } from "../agent/index.ts";
import type { CallEvent } from "../call/index.ts";
import type { RtpStats } from "../media/index.ts";
import { reasonPhrase } from "../sip/status.ts";

/** Times in ms since the call was placed; absent for what did not happen. */
export interface CallResult {
  target: string;
  /** `invalid`: it could not even be placed, and `error` says why. */
  status: "answered" | "failed" | "invalid";
  /** The SIP status code that tells best how it ended: 200 for an answered call that was hung up. */
  code: number;
  /** The usual phrase of the code. */
  reason: string;
  cause: SessionEnd["cause"];
  by: SessionEnd["by"];
  ringMs?: number;
  answerMs?: number;
  endMs: number;
  /** How often it was tried, where that was more than once. */
  attempts?: number;
  /** Keys that the other side pressed. */
  digits?: string;
  /** Files that were recorded and are complete. */
  recordings?: string[];
  rtp?: RtpResult;
  /** What the script returned. */
  value?: unknown;
  /** Why the handler failed, or the call could not be placed. */
  error?: string;
  variables?: Readonly<Record<string, string>>;
}

/** Packets of RTP; jitter and round trip in ms. */
export interface RtpResult {
  sent: number;
  received: number;
  lost: number;
  jitterMs: number;
  roundTripMs?: number;
  /** What the other side said it lost of ours. */
  remoteLost?: number;
}

/** What a peer can make us remember. */
const mostDigits = 1024;
const mostRecordings = 100;

/** Takes down what happens in one call, for its result. */
export class Notes {
  #digits = "";
  #recordings: string[] = [];
  #times: Pick<CallResult, "ringMs" | "answerMs"> = {};
  #since: () => number;

  /** @param since ms since the call was placed */
  constructor(since: () => number) {
    this.#since = since;
  }

  get answered(): boolean {
    return this.#times.answerMs !== undefined;
  }

  event(event: CallEvent): void {
    switch (event.name) {
      case "RINGING":
        this.#times.ringMs ??= this.#since();
        return;
      case "CONNECTED":
        this.#times.answerMs ??= this.#since();
        return;
      case "DTMF":
        if (this.#digits.length < mostDigits) this.#digits += event.digit;
        return;
      case "RECORDED":
        this.recorded([event.file]);
    }
  }

  recorded(files: Iterable<string>): void {
    for (const file of files) if (this.#recordings.length < mostRecordings) this.#recordings.push(file);
  }

  result(target: string, end: SessionEnd, endMs: number): CallResult {
    return {
      target,
      status: this.answered ? "answered" : "failed",
      code: end.code,
      reason: reasonPhrase(end.code),
      cause: end.cause,
      by: end.by,
      ...this.#times,
      endMs,
      ...(this.#digits === "" ? {} : { digits: this.#digits }),
      ...(this.#recordings.length === 0 ? {} : { recordings: this.#recordings }),
    };
  }
}

/** A target that cannot be called at all. */
export function invalid(target: string, error: string): CallResult {
  const code = 400;
  return { target, status: "invalid", code, reason: reasonPhrase(code), cause: "error", by: "local", endMs: 0, error };
}

export function rtpResult(stats: RtpStats): RtpResult {
  const { sentPackets, receivedPackets, lost, jitter, roundTrip, remoteLost } = stats;
  return {
    sent: sentPackets,
    received: receivedPackets,
    lost,
    jitterMs: tenths(jitter),
    ...(roundTrip === undefined ? {} : { roundTripMs: tenths(roundTrip) }),
    ...(remoteLost === undefined ? {} : { remoteLost }),
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Whether another attempt may go better: nobody answered, busy, overloaded, not reached. */
export function mayRetry({ status, code, by }: CallResult): boolean {
  if (status !== "failed") return false;
  return code === 408 || code === 480 || code === 486 || code === 600 || (code >= 500 && code < 600 && by !== "local");
}
