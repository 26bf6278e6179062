/** What is spoken and understood: texts to speech, and speech to texts. */
import type { CommandEntry, EventEntry } from "../kinds.ts";

const language = {
  kind: "voice",
  summary: "the language, as the engine calls it, such as `en` or `de`",
  optional: true,
  option: true,
  default: "the engine's",
} as const;

const engine = {
  kind: "voice",
  summary: "an engine of `speech:` in the configuration",
  optional: true,
  option: true,
  default: "the first, or what the system has",
} as const;

export const speechCommands = {
  SAY: {
    summary: "Speaks a text, by an engine of the configuration or of the system. STOP ends it.",
    args: {
      text: { kind: "text", summary: "the text" },
      voice: {
        kind: "voice",
        summary: "a voice, as the engine calls it",
        optional: true,
        option: true,
        default: "the engine's",
      },
      language,
      engine,
    },
    result: "void",
    settles: "when it has been spoken or stopped",
  },
  RECOGNIZE: {
    summary:
      "Listens for what the other side says, until it has finished. What is understood meanwhile comes as SPEECH events.",
    named: true,
    args: {
      timeout: {
        kind: "milliseconds",
        summary: "how long to wait until the other side begins to speak",
        optional: true,
        default: "10000",
      },
      silence: { kind: "milliseconds", summary: "how much quiet ends it", optional: true, default: "800" },
      max: { kind: "milliseconds", summary: "how long it may be", optional: true, default: "30000" },
      language,
      engine,
    },
    result: "Recognized",
    settles: "when the other side has finished speaking, or has not begun in time",
  },
} as const satisfies Record<string, CommandEntry>;

export const speechEvents = {
  SAID: {
    summary: "A text has been spoken to its end or was stopped.",
    args: { text: { kind: "text", summary: "as SAY had it" } },
  },
  SPEAKING: { summary: "The other side begins to speak, while RECOGNIZE or GATHER listens.", args: {} },
  SPEECH: {
    summary: "What the other side has said, as far as it is understood.",
    args: {
      final: { kind: "flag", summary: "whether that is all; before, the next SPEECH replaces it" },
      text: { kind: "text", summary: "the words; the last ones are empty where nothing was understood" },
    },
  },
} as const satisfies Record<string, EventEntry>;
