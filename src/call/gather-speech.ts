/** GATHER that takes words as well as keys: whichever the other side begins with decides. */
import type { Call } from "./call.ts";
import type { GatherRules } from "./gather.ts";
import { Recognition } from "./recognition.ts";
import type { Command, Gathered } from "./vocabulary.ts";

type Gather = Command & { name: "GATHER" };

/** The entry's own time is up before that of the listening is: ms. */
const margin = 1000;

/** Why nobody can listen in this call; undefined when somebody can. */
export function whyNotListen(call: Call): string | undefined {
  if (call.speech === undefined) return "speech is not set up here";
  return [...call.attachments].some((one) => one instanceof Recognition) ? "somebody is listening already" : undefined;
}

/** @param ended called once, unless listening could not begin: then this answers why */
export function gatherWithSpeech(
  call: Call,
  command: Gather,
  rules: GatherRules,
  ended: (gathered: Gathered) => void,
): string | undefined {
  const { gatherer } = call;
  let recognition: Recognition | undefined;
  gatherer.start({ ...rules, pressed: () => recognition?.cancel() }, (gathered) => {
    recognition?.cancel();
    ended(gathered);
  });
  // Keys that were pressed before may have been enough.
  if (!gatherer.untouched) return undefined;
  try {
    recognition = new Recognition(
      call,
      {
        timeout: rules.timeout + margin,
        silence: command.silence ?? 800,
        max: 30_000,
        language: command.language,
        engine: command.engine,
      },
      {
        speaking: () => gatherer.hold(),
        done: ({ text, reason }) => {
          if (reason !== "timeout") gatherer.understand(text);
        },
        failed: (reason) => {
          call.emit({ name: "ERROR", command: command.name, reason });
          gatherer.resume();
        },
      },
    );
    return undefined;
  } catch (error) {
    gatherer.cancel();
    return error instanceof Error ? error.message : String(error);
  }
}
