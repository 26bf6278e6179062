/**
 * The one table of what a call can be told and what it tells. The line protocol, the script API with its `.d.ts`, and
 * docs/calls.md all come from it: adding a command is one entry here and one function in `commands.ts`.
 */

/** How an argument reads: on a line, in a script, in the reference. */
interface Kind<T> {
  /** TypeScript's name for it in the script API. */
  type: string;
  /** What a good value looks like, for error messages. */
  expected: string;
  /** A value as a script gives it; undefined when it is not one. */
  fromValue(value: unknown): T | undefined;
  /** A value as one word (or, as the last argument, the rest) of a line gives it. */
  fromText(text: string): T | undefined;
}

const asText = (accept: (text: string) => boolean) => (value: unknown) =>
  typeof value === "string" && accept(value) ? value : undefined;

function textKind(expected: string, accept: (text: string) => boolean): Kind<string> {
  return { type: "string", expected, fromValue: asText(accept), fromText: asText(accept) };
}

function numberKind(expected: string, accept: (n: number) => boolean): Kind<number> {
  const fromValue = (value: unknown) => (typeof value === "number" && accept(value) ? value : undefined);
  return {
    type: "number",
    expected,
    fromValue,
    fromText: (text) => (/^\d+$/.test(text) ? fromValue(Number(text)) : undefined),
  };
}

const integer = (from: number, to: number) => (n: number) => Number.isInteger(n) && n >= from && n <= to;

/** The longest text that a command or event carries, in UTF-16 units: a MESSAGE larger than this is refused. */
export const maxText = 65_536;

const kinds = {
  text: textKind(`text of at most ${maxText} characters`, (t) => t.length <= maxText),
  file: textKind("a file name", (t) => t.length > 0 && t.length <= 4096 && !t.includes("\0")),
  uri: textKind("a sip:, sips: or tel: URI", (t) => /^(sips?|tel):[\x21-\x7e]+$/i.test(t) && t.length <= 2048),
  digits: textKind("digits out of 0-9 * # A-D", (t) => /^[0-9*#A-Da-d]{1,256}$/.test(t)),
  terminator: textKind("one or more of 0-9 * # A-D, or `none`", (t) => /^([0-9*#A-Da-d]{1,16}|none)$/.test(t)),
  failure: numberKind("a code from 400 to 699", integer(400, 699)),
  status: numberKind("a SIP status code", integer(100, 699)),
  reason: textKind("a phrase on one line", (t) => t.length <= 256 && !/[\x00-\x1f\x7f]/.test(t)),
  count: numberKind("a number from 1 to 256", integer(1, 256)),
  milliseconds: numberKind("milliseconds from 0 to 3600000", integer(0, 3_600_000)),
  flag: {
    type: "boolean",
    expected: "`on` or `off`",
    fromValue: (value: unknown) => (typeof value === "boolean" ? value : undefined),
    fromText: (text: string) => (text === "on" ? true : text === "off" ? false : undefined),
  } satisfies Kind<boolean>,
} as const;
export type KindName = keyof typeof kinds;
type Value<K extends KindName> = NonNullable<ReturnType<(typeof kinds)[K]["fromValue"]>>;

export interface Argument {
  readonly kind: KindName;
  readonly summary: string;
  readonly optional?: true;
  /** What an omitted optional argument means. */
  readonly default?: string;
}

export interface CommandEntry {
  readonly summary: string;
  /** In order. With `named`, the line writes `name=value` and a script passes one object. */
  readonly args: Readonly<Record<string, Argument>>;
  readonly named?: true;
  /** What the script's promise resolves to, as TypeScript; and when it does. */
  readonly result: string;
  readonly settles: string;
}

export const commands = {
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
  PLAY: {
    summary: "Plays a WAV file. Several play at once, mixed.",
    args: { file: { kind: "file", summary: "a file that the configuration lets this handler read" } },
    result: "void",
    settles: "when the file has been played or stopped",
  },
  STOP: {
    summary: "Stops the file that was started last.",
    args: {},
    result: "void",
    settles: "when it is silent",
  },
  DTMF: {
    summary: "Presses keys: RFC 4733 telephone-events, 160 ms each with 80 ms between them.",
    args: { digits: { kind: "digits", summary: "the keys, in order" } },
    result: "void",
    settles: "when the last key is released",
  },
  RECORD: {
    summary: "Records both sides of the call to a WAV file; without a file, stops the recording.",
    args: {
      file: {
        kind: "file",
        summary: "a file that the configuration lets this handler write",
        optional: true,
        default: "stop the current recording",
      },
    },
    result: "void",
    settles: "when the recording runs, or, when stopping, when the file is complete",
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
    summary: "Collects keys that the other side presses. Ends by itself by count, by terminator or by time.",
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
    },
    result: "Gathered",
    settles: "when the entry has ended; keys pressed since the last GATHER, or since the call began, count",
  },
} as const satisfies Record<string, CommandEntry>;

export interface EventEntry {
  readonly summary: string;
  readonly args: Readonly<Record<string, Argument & { readonly ours?: true }>>;
}

/** In `args`, `ours` marks what seed programs of the original siproc do not expect on the line. */
export const events = {
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
      reason: { kind: "reason", summary: "`count`, `terminator` or `timeout`" },
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
          "`hangup`, `cancelled`, `rejected`, `redirected`, `unanswered`, `timeout`, `expired`, `error` or `shutdown`",
      },
      code: { kind: "status", summary: "the SIP status code that tells it best: 200 for an ordinary end" },
    },
  },
} as const satisfies Record<string, EventEntry>;

export type CommandName = keyof typeof commands;
export type EventName = keyof typeof events;
type Args<A extends Readonly<Record<string, Argument>>> = {
  -readonly [N in keyof A as A[N] extends { optional: true } ? never : N]: Value<A[N]["kind"]>;
} & { -readonly [N in keyof A as A[N] extends { optional: true } ? N : never]?: Value<A[N]["kind"]> };

/** A command with its arguments, checked. */
export type Command = { [N in CommandName]: { name: N } & Args<(typeof commands)[N]["args"]> }[CommandName];
/** An event with its arguments. */
export type CallEvent = { [N in EventName]: { name: N } & Args<(typeof events)[N]["args"]> }[EventName];

export interface Gathered {
  digits: string;
  reason: "count" | "terminator" | "timeout";
}

/** Why a command could not be done, in words that a script's author can act on. */
export interface CommandFailure {
  command: string;
  reason: string;
}

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

/** The arguments of a command or event as a list, in order. */
export function argumentsOf(entry: CommandEntry | EventEntry): [name: string, argument: Argument & { ours?: true }][] {
  return Object.entries(entry.args);
}

export function kindOf(argument: Argument): Kind<unknown> {
  return kinds[argument.kind];
}

/**
 * A command from outside (a script's values, or a line's words by way of `read`), checked against the table.
 * `args` may be anything: what the table does not name is an error, as is what does not fit its kind.
 */
export function readCommand(
  name: string,
  args: Readonly<Record<string, unknown>>,
  read: (kind: Kind<unknown>, value: unknown) => unknown = (kind, value) => kind.fromValue(value),
): { ok: true; command: Command } | { ok: false; failure: CommandFailure } {
  const fail = (reason: string) => ({ ok: false, failure: { command: name, reason } }) as const;
  if (!isCommandName(name)) return fail(`there is no such command; there are ${Object.keys(commands).join(", ")}`);
  const entry: CommandEntry = commands[name];
  for (const given of Object.keys(args))
    if (!Object.hasOwn(entry.args, given) && args[given] !== undefined) return fail(`it takes no argument “${given}”`);
  const checked: Record<string, unknown> = { name };
  for (const [argName, argument] of argumentsOf(entry)) {
    const given = Object.hasOwn(args, argName) ? args[argName] : undefined;
    if (given === undefined) {
      if (argument.optional === undefined) return fail(`it needs ${argName}: ${kindOf(argument).expected}`);
      continue;
    }
    const value = read(kindOf(argument), given);
    if (value === undefined) return fail(`${argName} must be ${kindOf(argument).expected}`);
    checked[argName] = value;
  }
  // Each property was checked against the table's entry for this very name just above.
  return { ok: true, command: checked as unknown as Command };
}
