/** One call of the terminal's, from its placing to its result: how long it may ring and last, and what becomes of it. */
import type { InviteOptions, SessionEnd } from "../agent/index.ts";
import type { Call, CallControl, CallEvent, Handler } from "../call/index.ts";
import type { RtpStats } from "../media/index.ts";
import type { Server } from "../server/index.ts";
import type { Clock, Timer } from "../sip/clock.ts";
import { type CallResult, invalid, Notes, rtpResult } from "./result.ts";
import type { Target } from "./targets.ts";

export interface AttemptSettings {
  /** Who calls, which way. */
  readonly invite: Omit<InviteOptions, "uri">;
  /** Milliseconds that it may ring; undefined: the agent's three minutes. */
  readonly timeout?: number | undefined;
  /** Milliseconds that it may last once it is answered. */
  readonly duration?: number | undefined;
  /** Told of each event, and of the call itself as soon as there is one. */
  readonly note?: ((event: CallEvent) => void) | undefined;
  readonly placed?: ((call: Call) => void) | undefined;
}

/** How long a call that is told to stop may take to say goodbye, in ms. */
const farewell = 2000;
/** How long after its call a handler may take to say what it returns, and the media worker what it counted, in ms. */
const lastWords = 2000;

/** One call that is being placed or up. */
export class Attempt {
  /** Never rejects. */
  readonly result: Promise<CallResult>;
  readonly #clock: Clock;
  #placed: Call | undefined;
  /** The call was told to end before it was there. */
  #abandoned = false;

  constructor(server: Server, clock: Clock, target: Target, handler: Handler, settings: AttemptSettings) {
    this.#clock = clock;
    this.result = this.#run(server, target, handler, settings);
  }

  /** Ends the call; one that does not answer is forgotten after a while. */
  end(how: SessionEnd = { by: "local", cause: "hangup", code: 480 }): void {
    const call = this.#placed;
    if (call === undefined) {
      this.#abandoned = true;
      return;
    }
    call.session.end(how);
    this.#clock.after(farewell, () => call.session.over(how));
  }

  async #run(server: Server, target: Target, handler: Handler, settings: AttemptSettings): Promise<CallResult> {
    const clock = this.#clock;
    const started = clock.now();
    const since = () => Math.round(clock.now() - started);
    const notes = new Notes(since);
    const over = Promise.withResolvers<SessionEnd>();
    const stats = Promise.withResolvers<RtpStats | undefined>();
    let lasting: Timer | undefined;
    const { observed, finished } = observe(handler, target.variables, (event) => {
      notes.event(event);
      if (event.name === "CONNECTED" && settings.duration !== undefined)
        lasting = clock.after(settings.duration, () => this.end());
      settings.note?.(event);
    });
    const placed = server.call({ ...settings.invite, uri: target.uri }, observed, (end) => over.resolve(end));
    if ("failure" in placed) return withVariables(invalid(target.uri, placed.failure), target);
    placed.onStats = (counted, last) => {
      if (last) stats.resolve(counted);
    };
    this.#placed = placed;
    settings.placed?.(placed);
    if (this.#abandoned) this.end();
    const ringing =
      settings.timeout === undefined
        ? undefined
        : clock.after(settings.timeout, () => {
            if (!notes.answered) this.end({ by: "system", cause: "unanswered", code: 408 });
          });
    const end = await over.promise;
    // What is still being recorded is complete when its packets are counted.
    notes.recorded(placed.recordings);
    const endMs = since();
    ringing?.cancel();
    lasting?.cancel();
    if (placed.audio === undefined) stats.resolve(undefined);
    const late = clock.after(lastWords, () => {
      stats.resolve(undefined);
      finished.resolve({});
    });
    const [counted, handled] = await Promise.all([stats.promise, finished.promise]);
    late.cancel();
    const result = { ...notes.result(target.uri, end, endMs), ...handled };
    return withVariables(counted === undefined ? result : { ...result, rtp: rtpResult(counted) }, target);
  }
}

function withVariables(result: CallResult, { variables }: Target): CallResult {
  return Object.keys(variables).length === 0 ? result : { ...result, variables };
}

interface Observed {
  /** The same handler, for the call. */
  observed: Handler;
  /** What came of it. */
  finished: PromiseWithResolvers<Pick<CallResult, "value" | "error">>;
}

/**
 * The same handler, with a look at each event as it happens: a script may be loading while the call is over already. The
 * handler gets `variables` with its call.
 */
export function observe(
  handler: Handler,
  variables: Readonly<Record<string, string>>,
  note: (event: CallEvent) => void,
): Observed {
  const finished: Observed["finished"] = Promise.withResolvers();
  const start = (control: CallControl) => {
    let early: CallEvent[] = [];
    let listener = (event: CallEvent): void => void early.push(event);
    control.listen((event) => {
      note(event);
      listener(event);
    });
    handler.start({
      facts: { ...control.facts, variables },
      listen: (real) => {
        listener = real;
        const waiting = early;
        early = [];
        for (const event of waiting) real(event);
      },
      perform: (command, done) => control.perform(command, done),
      finish: (how) => {
        if (how.type === "failed") finished.resolve({ error: how.reason });
        // The script host has made it: JSON, or nothing.
        else finished.resolve(how.value === undefined ? {} : { value: JSON.parse(how.value) });
        control.finish(how);
      },
    });
  };
  return { observed: { start }, finished };
}

/** Nobody's: the call lasts until the other side, or a signal, ends it. */
export const idleHandler: Handler = {
  start: (control) =>
    control.listen((event) => {
      if (event.name === "ENDED") control.finish({ type: "returned" });
    }),
};
