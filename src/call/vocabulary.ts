/**
 * The one table of what a call can be told and what it tells. The line protocol, the script API with its `.d.ts`, and
 * docs/calls.md all come from it: adding a command is one entry in a file of
 * tables/ and one function in the file of the same name in performers/.
 */
import {
  type Argument,
  argumentsOf,
  type CommandEntry,
  type EventEntry,
  type Kind,
  kindOf,
  type Value,
} from "./kinds.ts";
import { basicCommands, basicEvents } from "./tables/basic.ts";
import { bridgingCommands, bridgingEvents } from "./tables/bridging.ts";
import { headerCommands } from "./tables/headers.ts";
import { soundCommands } from "./tables/sound.ts";
import { speechCommands, speechEvents } from "./tables/speech.ts";
import { streamCommands, streamEvents } from "./tables/stream.ts";
import { subscriptionCommands, subscriptionEvents } from "./tables/subscriptions.ts";
import { transferCommands, transferEvents } from "./tables/transfer.ts";

export {
  type Argument,
  argumentsOf,
  type CommandEntry,
  type EventEntry,
  type KindName,
  kindOf,
  maxText,
  parametersOf,
} from "./kinds.ts";

export const commands = {
  ...basicCommands,
  ...soundCommands,
  ...bridgingCommands,
  ...headerCommands,
  ...speechCommands,
  ...streamCommands,
  ...subscriptionCommands,
  ...transferCommands,
} as const satisfies Record<string, CommandEntry>;

export const events = {
  ...basicEvents,
  ...bridgingEvents,
  ...speechEvents,
  ...streamEvents,
  ...subscriptionEvents,
  ...transferEvents,
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
  reason: "count" | "terminator" | "timeout" | "speech";
  /** What the other side said instead of pressing keys; empty where it was not understood. */
  speech?: string;
}

/** What RECOGNIZE has understood. */
export interface Recognized {
  /** Empty where nothing was. */
  text: string;
  /** 0 to 1, where the engine says so. */
  confidence?: number;
  /** `speech`: the other side has finished; `max`: it was cut off; `timeout`: it has not begun. */
  reason: "speech" | "max" | "timeout";
}

/** How a DIAL went. */
export interface Dialed {
  status: "answered" | "busy" | "refused" | "unanswered" | "unreachable" | "cancelled";
  /** The SIP status code that tells it best. */
  code: number;
  /** How long the two were joined, ms. */
  duration: number;
  /** Who answered, or whose refusal this is. */
  target: string;
}

/** What a script's promise resolves to, for commands that tell more than that they are done. */
export interface CommandValues {
  GATHER: Gathered;
  RECOGNIZE: Recognized;
  DIAL: Dialed;
}
export type CommandValue = CommandValues[keyof CommandValues];

/** Why a command could not be done, in words that a script's author can act on. */
export interface CommandFailure {
  command: string;
  reason: string;
}

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
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
