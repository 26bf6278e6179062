/** How the words of the vocabulary are described: kinds of arguments, and what the entries of the tables hold. */

import { isHeaderValue, isOpenHeader } from "./header-names.ts";
import { parseStreamUrl, type StreamFormat, streamFormats } from "./stream/target.ts";

/** How an argument reads: on a line, in a script, in the reference. */
export interface Kind<T> {
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

const streamFormat = (text: string) => streamFormats.find((format) => format === text);

const isUri = (text: unknown): text is string =>
  typeof text === "string" && /^(sips?|tel):[\x21-\x7e]+$/i.test(text) && text.length <= 2048;
/** Whom one DIAL may call. */
const maxTargets = 16;

function targetsFrom(value: unknown): readonly string[] | undefined {
  const targets: readonly unknown[] = Array.isArray(value) ? value : [value];
  return targets.length >= 1 && targets.length <= maxTargets && targets.every(isUri) ? targets : undefined;
}

function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  const find = (value: unknown) => words.find((word) => word === value);
  return {
    type: words.map((word) => JSON.stringify(word)).join(" | "),
    expected: words.map((word) => `\`${word}\``).join(" or "),
    fromValue: find,
    fromText: find,
  };
}

export const kinds = {
  text: textKind(`text of at most ${maxText} characters`, (t) => t.length <= maxText),
  file: textKind("a file name", (t) => t.length > 0 && t.length <= 4096 && !t.includes("\0")),
  uri: textKind("a sip:, sips: or tel: URI", (t) => /^(sips?|tel):[\x21-\x7e]+$/i.test(t) && t.length <= 2048),
  destination: textKind(
    "a sip:, sips: or tel: URI, or the id of a call",
    (t) => (/^(sips?|tel):[\x21-\x7e]+$/i.test(t) && t.length <= 2048) || /^[a-z0-9]{1,64}$/.test(t),
  ),
  headerName: textKind("the name of a header field that SIP itself does not need", isOpenHeader),
  headerValue: textKind("a value of up to 1024 characters on one line", isHeaderValue),
  eventPackage: textKind("an event package such as message-summary or dialog", (t) =>
    /^[a-z][a-z0-9.-]{0,63}$/.test(t),
  ),
  digits: textKind("digits out of 0-9 * # A-D", (t) => /^[0-9*#A-Da-d]{1,256}$/.test(t)),
  terminator: textKind("one or more of 0-9 * # A-D, or `none`", (t) => /^([0-9*#A-Da-d]{1,16}|none)$/.test(t)),
  failure: numberKind("a code from 400 to 699", integer(400, 699)),
  status: numberKind("a SIP status code", integer(100, 699)),
  reason: textKind("a phrase on one line", (t) => t.length <= 256 && !/[\x00-\x1f\x7f]/.test(t)),
  count: numberKind("a number from 1 to 256", integer(1, 256)),
  milliseconds: numberKind("milliseconds from 0 to 3600000", integer(0, 3_600_000)),
  targets: {
    type: "string | readonly string[]",
    expected: `one to ${maxTargets} sip:, sips: or tel: URIs, divided by commas on a line`,
    fromValue: (value: unknown): string | readonly string[] | undefined => targetsFrom(value),
    fromText: (text: string) => targetsFrom(text.split(/,(?=(?:sips?|tel):)/i)),
  },
  order: oneOf("parallel", "sequential"),
  tone: oneOf("ringback", "busy", "congestion", "off"),
  nameAddr: textKind(
    'a URI, or a name and a URI such as "Alice" <sip:alice@example.com>',
    (t) => t.length > 0 && t.length <= 1024 && !/[\x00-\x1f\x7f]/.test(t),
  ),
  trunkName: textKind("the name of a trunk", (t) => /^[\w.-]{1,64}$/.test(t)),
  callId: textKind("the id of a call", (t) => /^[a-z0-9]{1,64}$/.test(t)),
  roomName: textKind("a name of up to 64 letters, digits and . _ - + @", (t) => /^[\w.@+-]{1,64}$/.test(t)),
  duration: numberKind("milliseconds from 1 to 86400000", integer(1, 86_400_000)),
  elapsed: numberKind("milliseconds", Number.isInteger),
  members: numberKind("a number", integer(0, 1_000_000)),
  flag: {
    type: "boolean",
    expected: "`on` or `off`",
    fromValue: (value: unknown) => (typeof value === "boolean" ? value : undefined),
    fromText: (text: string) => (text === "on" ? true : text === "off" ? false : undefined),
  } satisfies Kind<boolean>,
  voice: textKind("a word out of letters, digits and . _ + -", (t) => /^[A-Za-z0-9][\w.+-]{0,63}$/.test(t)),
  streamUrl: textKind("a ws:, wss: or audiosocket: URL", (t) => parseStreamUrl(t) !== undefined),
  streamFormat: {
    type: streamFormats.map((format) => JSON.stringify(format)).join(" | "),
    expected: streamFormats.join(", "),
    fromValue: (value: unknown) => (typeof value === "string" ? streamFormat(value) : undefined),
    fromText: streamFormat,
  } satisfies Kind<StreamFormat>,
  loops: numberKind("a number from 0 to 10000", integer(0, 10_000)),
  decibels: {
    type: "number",
    expected: "decibels from -60 to 20",
    fromValue: (value: unknown) => (typeof value === "number" && value >= -60 && value <= 20 ? value : undefined),
    fromText: (text: string) => {
      const value = /^[+-]?\d{1,2}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
      return value >= -60 && value <= 20 ? value : undefined;
    },
  } satisfies Kind<number>,
  keys: textKind("keys out of 0-9 * # A-D, and the pauses `,` and `w`", (t) => /^[0-9*#A-D,w]{1,256}$/i.test(t)),
  dtmfWay: oneOf("auto", "rfc4733", "info", "info-digit", "inband"),
  token: textKind("visible characters without spaces", (t) => /^[\x21-\x7e]{1,4096}$/.test(t)),
} as const;
export type KindName = keyof typeof kinds;
export type Value<K extends KindName> = NonNullable<ReturnType<(typeof kinds)[K]["fromValue"]>>;

export interface Argument {
  readonly kind: KindName;
  readonly summary: string;
  readonly optional?: true;
  /** What an omitted optional argument means. */
  readonly default?: string;
  /** Follows the arguments that stand in order: `name=value` at the end of a line, one object of options in a script. */
  readonly option?: true;
}

export interface CommandEntry {
  readonly summary: string;
  /** In order, options last. With `named`, all are options. */
  readonly args: Readonly<Record<string, Argument>>;
  readonly named?: true;
  /** What the script's promise resolves to, as TypeScript; and when it does. */
  readonly result: string;
  readonly settles: string;
}

export interface EventEntry {
  readonly summary: string;
  readonly args: Readonly<Record<string, Argument & { readonly ours?: true }>>;
}

/** The arguments of a command or event as a list, in order. */
export function argumentsOf(entry: CommandEntry | EventEntry): [name: string, argument: Argument & { ours?: true }][] {
  return Object.entries(entry.args);
}

/** The names of the arguments that stand in order, and of those that are named. */
export function parametersOf(entry: CommandEntry): { positional: string[]; options: string[] } {
  const isOption = ([, argument]: [string, Argument]) => entry.named === true || argument.option === true;
  const args = argumentsOf(entry);
  return {
    positional: args.filter((arg) => !isOption(arg)).map(([name]) => name),
    options: args.filter(isOption).map(([name]) => name),
  };
}

export function kindOf(argument: Argument): Kind<unknown> {
  return kinds[argument.kind];
}
