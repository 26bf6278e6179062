/** Calls all targets, with the sound that was asked for, and tells how each call went. */
import type { Call, CallEvent, Handler } from "../call/index.ts";
import type { Log } from "../log.ts";
import type { Server } from "../server/index.ts";
import { SystemClock } from "../transport/index.ts";
import { Attempt, type AttemptSettings } from "./attempt.ts";
import { type AudioSettings, CallAudio } from "./audio.ts";
import { Filter, type FilterSettings, type Tally } from "./filter.ts";
import { Output } from "./output.ts";
import { Progress } from "./progress.ts";
import type { CallResult } from "./result.ts";
import type { Target } from "./targets.ts";

export interface CallerSettings {
  readonly filter: FilterSettings;
  readonly attempt: AttemptSettings;
  readonly audio: AudioSettings;
  /** How long to listen on when all is said, ms; undefined: somebody else hangs up. */
  readonly linger: number | undefined;
  readonly targets: AsyncIterable<Target>;
  /** How many targets there are, where that is known. */
  readonly total: number | undefined;
  /** The URI of a target as it was typed. */
  uri(target: string): string;
}

/** How long a call waits for media ports, ms; then it is tried without. */
const longestBinding = 2000;

export interface Told extends Tally {
  /** Targets that could not even be called; they count as failed. */
  invalid: number;
}

/** @param terminal takes what is said of arguments that cannot be called */
export async function callAll(
  server: Server,
  handler: Handler,
  settings: CallerSettings,
  log: Log,
  terminal: { complain(line: string): void },
): Promise<Told> {
  const { filter: pace, targets, total, audio } = settings;
  const clock = new SystemClock();
  // Sound on stdout leaves no room for anything else there.
  const output = new Output(audio.out === "-" ? process.stderr : process.stdout);
  const up = new Set<Attempt>();
  let invalid = 0;
  const progress = new Progress(clock, (text) => process.stderr.write(text), total);
  const shows = process.stderr.isTTY === true && total !== 1;
  const filter = new Filter(pace, {
    clock,
    targets,
    call: async (target) => {
      // A burst at the start is faster than ports are bound.
      for (let waited = 0; server.calls.room === 0 && waited < longestBinding; waited += 20) await Bun.sleep(20);
      const result = await one(target);
      return { ...result, target: target.uri };
    },
    report: async (result) => {
      if (result.status === "invalid") invalid++;
      if (result.status === "invalid" && total !== undefined) terminal.complain(`siproc: ${result.error}`);
      else await output.write(`${JSON.stringify(result)}\n`);
    },
    ...(shows && { changed: (tally: Tally) => progress.show(tally) }),
  });
  const stop = () => {
    filter.stop();
    for (const attempt of up) attempt.end();
  };

  async function one(target: Target): Promise<CallResult> {
    const sound = new CallAudio(audio, log, stop);
    let placed: Call | undefined;
    const attempt: Attempt = new Attempt(server, clock, { ...target, uri: settings.uri(target.uri) }, handler, {
      ...settings.attempt,
      placed: (call) => {
        placed = call;
      },
      note: (event: CallEvent) => {
        if (event.name === "CONNECTED" && placed !== undefined) sound.start(placed);
      },
    });
    up.add(attempt);
    const { linger } = settings;
    if (linger !== undefined) void sound.said.then(() => clock.after(linger, () => attempt.end()));
    const result = await attempt.result;
    up.delete(attempt);
    await sound.end();
    return result;
  }

  // Results that nobody takes are no reason to call anybody.
  output.onClosed = stop;
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
  try {
    const tally = await filter.run();
    await output.flushed();
    return { ...tally, invalid };
  } finally {
    if (shows) progress.end();
    clock.stop();
  }
}
