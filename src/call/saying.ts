/** Texts that a call is being told: first they become sound, which takes an engine its time, then they play like files. */
import type { Spoken } from "../speech/index.ts";
import type { Call } from "./call.ts";
import type { Command } from "./vocabulary.ts";

/** Texts at a time in one call. */
const maxSayings = 32;

interface Saying {
  readonly id: number;
  readonly text: string;
  readonly stop: AbortController;
  /** Undefined while the engine works. */
  spoken: Spoken | undefined;
}

export class Sayings {
  readonly #call: Call;
  /** In order of their start. */
  readonly #sayings = new Map<number, Saying>();

  constructor(call: Call) {
    this.#call = call;
  }

  get full(): boolean {
    return this.#sayings.size >= maxSayings;
  }

  /** @param id of the command, as `Call.track` gave it, which is settled when the text has been spoken */
  start(id: number, command: Command & { name: "SAY" }): void {
    const call = this.#call;
    const { text, voice, language, engine } = command;
    const saying: Saying = { id, text, stop: new AbortController(), spoken: undefined };
    this.#sayings.set(id, saying);
    const fail = (reason: string) => {
      if (!this.#sayings.delete(id)) return;
      call.log.warn("a text could not be spoken", { reason });
      call.settle(id, { ok: false, failure: { command: "SAY", reason } });
    };
    if (call.speech === undefined) return fail("speech is not set up here");
    call.speech.say(text, { voice, language, engine }, saying.stop.signal).then(
      (spoken) => {
        if (!this.#sayings.has(id) || call.audio === undefined) return spoken.release();
        saying.spoken = spoken;
        call.audio.play(id, spoken.file);
      },
      (error: unknown) => fail(error instanceof Error ? error.message : String(error)),
    );
  }

  /** Stops the text that an engine is working on and that was started last; false when there is none. */
  stop(): boolean {
    const last = [...this.#sayings.values()].findLast(({ spoken }) => spoken === undefined);
    if (last === undefined) return false;
    this.over(last.id);
    last.stop.abort();
    this.#call.settle(last.id);
    return true;
  }

  /** The sound of a command is over; true when that was a text, and SAID is told. */
  over(id: number): boolean {
    const saying = this.#sayings.get(id);
    if (saying === undefined) return false;
    this.#sayings.delete(id);
    saying.spoken?.release();
    this.#call.emit({ name: "SAID", text: saying.text });
    return true;
  }

  /** The sound of a command could not be played. */
  forget(id: number): void {
    this.#sayings.get(id)?.spoken?.release();
    this.#sayings.delete(id);
  }

  /** The call is over. */
  cancel(): void {
    for (const { stop, spoken } of this.#sayings.values()) {
      stop.abort();
      spoken?.release();
    }
    this.#sayings.clear();
  }
}
