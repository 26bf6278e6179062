/** The speech engines' only door: texts to sound and sound to texts, by programs and services outside. */
import { Listener } from "./listener.ts";
import { Synthesizer } from "./synthesizer.ts";
import type { Speech, SpeechSettings } from "./types.ts";

export { Endpointer, type EndpointerRules } from "./endpointer.ts";
export * from "./types.ts";

export const defaultSpeech: SpeechSettings = { say: [], recognize: [], cache: 64 << 20, atOnce: 8 };

/** @param log told why a text could not be spoken */
export function createSpeech(settings: SpeechSettings = defaultSpeech, log?: (message: string) => void): Speech {
  // Which programs there are is looked up when somebody first wants to know.
  let synthesizer: Synthesizer | undefined;
  let listener: Listener | undefined;
  return {
    say: (text, options, signal) => {
      synthesizer ??= new Synthesizer(settings, log);
      return synthesizer.say(text, options, signal);
    },
    recognize: (options, events) => {
      listener ??= new Listener(settings);
      return listener.recognize(options, events);
    },
    close: () => {
      synthesizer?.close();
      listener?.close();
    },
  };
}
