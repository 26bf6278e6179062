/** The words of every call: answer, refuse, play, record, keys, texts, hold, end. */
import type { CommandEntry, EventEntry } from "../kinds.ts";

export const basicCommands = {
  RINGING: {
    summary: "Tells the caller that we are ringing (180).",
    args: {},
    result: "void",
    settles: "when the 180 is sent",
  },
  EARLY: {
    summary: "Opens the audio before the call is answered (183 with SDP), so that PLAY and GATHER work unbilled.",
    args: {},
    result: "void",
    settles: "when the 183 is sent, or with a caller that wants it reliable (100rel), acknowledged",
  },
  ANSWER: {
    summary: "Answers an incoming call (200).",
    args: {},
    result: "void",
    settles: "when the caller has acknowledged the answer: the moment of CONNECTED",
  },
  REJECT: {
    summary: "Refuses an incoming call that is not answered yet.",
    args: {
      code: { kind: "failure", summary: "the SIP status code", optional: true, default: "603" },
      reason: { kind: "reason", summary: "the reason phrase", optional: true, default: "the code's usual phrase" },
    },
    result: "void",
    settles: "when the refusal is sent",
  },
  REDIRECT: {
    summary:
      "Sends an incoming call that is not answered yet elsewhere (302): the caller's side calls that address itself.",
    args: { uri: { kind: "uri", summary: "where the caller should call instead" } },
    result: "void",
    settles: "when the 302 is sent",
  },
  HANGUP: {
    summary: "Ends the call: BYE, or CANCEL or a refusal (480) while it is not answered.",
    args: {},
    result: "void",
    settles: "when the call has ended",
  },
  STEREO: {
    summary:
      "Lets the recordings that follow have a channel for each side, ours on the left, instead of one mix of both.",
    args: { on: { kind: "flag", summary: "a channel each, or mixed", optional: true, default: "on" } },
    result: "void",
    settles: "at once",
  },
  MESSAGE: {
    summary: "Sends a text to the other side (SIP MESSAGE, within the call).",
    args: { text: { kind: "text", summary: "the text" } },
    result: "void",
    settles: "when the other side has accepted it",
  },
  HOLD: {
    summary: "Puts the other side on hold.",
    args: {},
    result: "void",
    settles: "when the other side has agreed",
  },
  RESUME: {
    summary: "Takes the other side off hold.",
    args: {},
    result: "void",
    settles: "when the other side has agreed",
  },
  MUTE: {
    summary: "Sends silence instead of our sound, or sound again.",
    args: { on: { kind: "flag", summary: "mute or unmute", optional: true, default: "on" } },
    result: "void",
    settles: "at once",
  },
  ECHO: {
    summary: "Sends the other side its own sound back, as an echo test does, or stops doing so.",
    args: { on: { kind: "flag", summary: "echo or not", optional: true, default: "on" } },
    result: "void",
    settles: "at once",
  },
  GATHER: {
    summary:
      "Collects keys that the other side presses. Ends by itself by count, by terminator or by time; with `speech`, also when the other side has said something.",
    named: true,
    args: {
      max: { kind: "count", summary: "how many keys at most", optional: true, default: "32" },
      terminator: {
        kind: "terminator",
        summary: "keys that end the entry and are not part of it",
        optional: true,
        default: "#",
      },
      timeout: {
        kind: "milliseconds",
        summary: "how long to wait for the first key",
        optional: true,
        default: "10000",
      },
      interdigit: {
        kind: "milliseconds",
        summary: "how long to wait for each further key",
        optional: true,
        default: "4000",
      },
      speech: { kind: "flag", summary: "listen for words, too", optional: true, default: "off" },
      silence: {
        kind: "milliseconds",
        summary: "how much quiet ends what is said",
        optional: true,
        default: "800",
      },
      language: { kind: "voice", summary: "the language to listen for", optional: true, default: "the engine's" },
      engine: { kind: "voice", summary: "the engine that listens", optional: true, default: "the first" },
    },
    result: "Gathered",
    settles: "when the entry has ended; keys pressed since the last GATHER, or since the call began, count",
  },
} as const satisfies Record<string, CommandEntry>;

/** In `args`, `ours` marks what seed programs of the original siproc do not expect on the line. */
export const basicEvents = {
  RINGING: { summary: "The other side rings (outgoing calls).", args: {} },
  CONNECTED: { summary: "The call is answered: both sides can be heard.", args: {} },
  DTMF: {
    summary: "The other side pressed a key.",
    args: {
      digit: { kind: "digits", summary: "the key" },
      duration: { kind: "milliseconds", summary: "how long it was held, in ms", ours: true },
    },
  },
  GATHERED: {
    summary: "A GATHER has ended.",
    args: {
      reason: {
        kind: "reason",
        summary: "`count`, `terminator`, `timeout`, or `speech`, whose SPEECH event came before",
      },
      digits: { kind: "text", summary: "the keys, without the terminator; may be empty" },
    },
  },
  STOPPED: {
    summary: "A file has been played to its end or was stopped.",
    args: { file: { kind: "file", summary: "as PLAY named it" } },
  },
  RECORDED: {
    summary: "A recording is complete on disk.",
    args: { file: { kind: "file", summary: "as RECORD named it" } },
  },
  MESSAGE: { summary: "The other side sent a text.", args: { text: { kind: "text", summary: "the text" } } },
  HOLD: {
    summary: "The other side put us on hold, or took us off.",
    args: { on: { kind: "flag", summary: "on hold or not" } },
  },
  ERROR: {
    summary: "A command failed; the call goes on.",
    args: {
      command: { kind: "reason", summary: "which one" },
      reason: { kind: "text", summary: "why" },
    },
  },
  ENDED: {
    summary: "The call is over. The last event.",
    args: {
      by: { kind: "reason", summary: "who ended it: `remote`, `local` (the handler) or `system`" },
      cause: {
        kind: "reason",
        summary:
          "`hangup`, `cancelled`, `rejected`, `redirected`, `transferred`, `unanswered`, `timeout`, `expired`, `error` or `shutdown`",
      },
      code: { kind: "status", summary: "the SIP status code that tells it best: 200 for an ordinary end" },
    },
  },
} as const satisfies Record<string, EventEntry>;
