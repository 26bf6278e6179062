/** What main thread and media worker say to each other. Each message is a batch: an array of these, in order. */
import type { Configuration, Family, LatchRule, MediaEvent } from "./types.ts";

export type ToWorker =
  | { type: "start"; ports: readonly [number, number]; latch: LatchRule; mediaTimeout: number }
  /** Bind so many further pairs; answered by `ports`. */
  | { type: "grow"; family: Family; count: number }
  | { type: "open"; session: number; family: Family; rtpPort: number }
  | { type: "configure"; session: number; configuration: Configuration }
  | { type: "play"; session: number; id: number; file: string }
  | { type: "stop"; session: number }
  | { type: "record"; session: number; file: string | undefined; layout: "mono" | "stereo" }
  | { type: "dtmf"; session: number; id: number; digits: string }
  | { type: "mute"; session: number; on: boolean }
  | { type: "close"; session: number }
  /** Ends all sessions; answered by `ended`. */
  | { type: "end" };

export type ToMain =
  /** RTP ports of pairs newly bound. Fewer than asked for: there are no more. */
  | { type: "ports"; family: Family; asked: number; ports: number[] }
  | { type: "event"; session: number; event: MediaEvent }
  /** The pair of a closed session can be used again. */
  | { type: "free"; family: Family; rtpPort: number }
  | { type: "log"; level: "warn" | "error"; message: string; reason: string }
  | { type: "ended" };

/** Collects messages and posts them together at the end of the turn. */
export class Batch<Message> {
  #post: (batch: Message[]) => void;
  #waiting: Message[] = [];

  constructor(post: (batch: Message[]) => void) {
    this.#post = post;
  }

  add(message: Message): void {
    if (this.#waiting.push(message) === 1) setImmediate(this.#flush);
  }

  #flush = (): void => {
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length > 0) this.#post(batch);
  };
}
