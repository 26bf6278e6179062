/** Listening to what the other side says: its sound goes to an engine until it has finished speaking, and the words come back. */
import type { MediaTap } from "../media/index.ts";
import { Endpointer, type EndpointerRules, type Recognizer } from "../speech/index.ts";
import type { Attachment } from "./attachment.ts";
import type { Call } from "./call.ts";
import type { Recognized } from "./vocabulary.ts";

export interface RecognitionOptions extends EndpointerRules {
  readonly language: string | undefined;
  readonly engine: string | undefined;
}

export interface RecognitionEvents {
  speaking(): void;
  done(recognized: Recognized): void;
  failed(reason: string): void;
}

export class Recognition implements Attachment {
  readonly #call: Call;
  readonly #events: RecognitionEvents;
  readonly #endpointer: Endpointer;
  readonly #recognizer: Recognizer;
  readonly #tap: MediaTap;
  /** finishing: all was heard, and the engine's last words are waited for. */
  #state: "listening" | "finishing" | "over" = "listening";

  /** @throws SpeechError when no engine can listen */
  constructor(call: Call, options: RecognitionOptions, events: RecognitionEvents) {
    const { speech, audio } = call;
    if (speech === undefined || audio === undefined)
      throw new TypeError("a call without audio or speech cannot listen");
    this.#call = call;
    this.#events = events;
    this.#endpointer = new Endpointer(options);
    let reason: Recognized["reason"] = "speech";
    this.#recognizer = speech.recognize(options, {
      partial: (text) => {
        if (this.#state !== "over") call.emit({ name: "SPEECH", final: false, text });
      },
      done: (text, confidence) => {
        if (!this.#end()) return;
        call.emit({ name: "SPEECH", final: true, text });
        events.done({ text, reason, ...(confidence === undefined ? {} : { confidence }) });
      },
      failed: (why) => {
        if (this.#end()) events.failed(why);
      },
    });
    this.#tap = audio.tap(
      { encoding: "L16", rate: 16_000, hear: true },
      {
        sound: (sound) => {
          if (this.#state !== "listening") return;
          this.#recognizer.write(sound);
          if (this.#hear(sound) === "too-long") reason = "max";
        },
      },
    );
    call.attachments.add(this);
  }

  /** Ends it without an outcome. */
  cancel(): void {
    if (this.#end()) this.#recognizer.cancel();
  }

  over(): void {
    this.cancel();
  }

  #hear(sound: Uint8Array): string {
    const before = this.#endpointer.state;
    const now = this.#endpointer.push(sound);
    if (now === before) return now;
    if (now === "speaking") {
      this.#call.emit({ name: "SPEAKING" });
      this.#events.speaking();
    } else if (now === "timeout") {
      this.cancel();
      this.#events.done({ text: "", reason: "timeout" });
    } else if (now === "finished" || now === "too-long") {
      this.#state = "finishing";
      this.#tap.close();
      this.#recognizer.end();
    }
    return now;
  }

  /** False when it has ended already. */
  #end(): boolean {
    if (this.#state === "over") return false;
    this.#state = "over";
    this.#tap.close();
    this.#call.attachments.delete(this);
    return true;
  }
}
