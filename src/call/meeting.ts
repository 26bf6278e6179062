/** What a call's sound is joined to: another call here, a room in `rooms.ts`. One at a time; a new one ends the one before. */
import { type Attachment, unasked } from "./attachment.ts";
import type { Call } from "./call.ts";

/** Why a call leaves; `hangup`: one of them is over, `moved`: it goes elsewhere. */
export type Leaving = "hangup" | "unbridge" | "moved" | "limit" | "kicked";

export interface Meeting {
  leave(call: Call, why: Leaving): void;
}

/** Calls of one process in what they have joined. Weak: an ended call leaves by itself, but nothing hangs on that. */
const meetings = new WeakMap<Call, Meeting>();

export function meetingOf(call: Call): Meeting | undefined {
  return meetings.get(call);
}

/** Takes a call out of what it is in. */
export function leave(call: Call, why: Leaving): void {
  meetings.get(call)?.leave(call, why);
}

/** Notes where a call is, which has left what it was in before. */
export function meet(call: Call, meeting: Meeting | undefined): void {
  if (meeting === undefined) meetings.delete(call);
  else meetings.set(call, meeting);
}

const lonely = new WeakMap<Call, () => void>();

/** Has `work` done each time when a call has left what it was in, and goes nowhere else: for calls that nobody handles. */
export function whenAlone(call: Call, work: () => void): void {
  lonely.set(call, work);
}

let bridges = 0;

/** Two calls that hear each other, and each other's keys. */
export class Bridge implements Meeting {
  readonly #calls: readonly [Call, Call];
  readonly #over: (why: Leaving, by: Call) => void;
  readonly #attachments: [Call, Attachment][];
  #state: "apart" | "heard" | "told" | "over" = "apart";

  /** @param over is told once that they are apart, and by whom */
  constructor(a: Call, b: Call, over: (why: Leaving, by: Call) => void) {
    this.#calls = [a, b];
    this.#over = over;
    this.#attachments = this.#calls.map((call) => [
      call,
      {
        // A tone goes through with the sound: it is not to be heard twice.
        digit: (digit, _, inSound) => inSound || this.#other(call).audio?.dtmf(unasked, digit),
        over: () => this.leave(call, "hangup"),
      },
    ]);
  }

  /** Joins the sound: of a call that is answered, or of early media. Both have audio. */
  join(): void {
    if (this.#state !== "apart") return;
    this.#state = "heard";
    const room = `bridge ${++bridges}`;
    for (const [call, attachment] of this.#attachments) {
      leave(call, "moved");
      meet(call, this);
      call.attachments.add(attachment);
      call.audio?.join(room);
    }
  }

  /** Tells both handlers. */
  tell(): void {
    if (this.#state !== "heard") return;
    this.#state = "told";
    for (const call of this.#calls) call.emit({ name: "BRIDGED", call: this.#other(call).facts.id });
  }

  leave(by: Call, why: Leaving): void {
    const before = this.#state;
    if (before === "over") return;
    this.#state = "over";
    if (before === "apart") return this.#over(why, by);
    for (const [call, attachment] of this.#attachments) {
      call.attachments.delete(attachment);
      call.audio?.leave();
      meet(call, undefined);
    }
    if (before === "told")
      for (const call of this.#calls) call.emit({ name: "UNBRIDGED", call: this.#other(call).facts.id, reason: why });
    this.#over(why, by);
    for (const call of this.#calls) if (why !== "moved" || call !== by) lonely.get(call)?.();
  }

  #other(call: Call): Call {
    const [a, b] = this.#calls;
    return call === a ? b : a;
  }
}
