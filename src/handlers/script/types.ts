/** The script API as a TypeScript declaration file, generated from the vocabulary: what `siproc types` prints. */
import {
  type Argument,
  argumentsOf,
  type CommandEntry,
  commands,
  type EventEntry,
  events,
  kindOf,
  parametersOf,
} from "../../call/vocabulary.ts";

/** Declares globals only: `export default async function (call: Call)` then type-checks with no import. */
export function scriptTypes(): string {
  return [
    "// The world of a siproc call script. Written by `siproc types`.",
    "",
    "/** A call, as the script that handles it sees it. Commands that fail reject with a CallError. */",
    "interface Call extends AsyncIterable<CallEvent> {",
    ...properties,
    ...Object.entries(commands).flatMap(([name, entry]) => commandLines(name, entry)),
    "}",
    "",
    `type CallEvent = ${Object.keys(events).map(eventType).join(" | ")};`,
    "",
    ...Object.entries(events).flatMap(([name, entry]) => eventLines(name, entry)),
    world,
  ].join("\n");
}

function commandLines(name: string, entry: CommandEntry): string[] {
  const args = argumentsOf(entry);
  const { positional, options } = parametersOf(entry);
  const doc = args.map(
    ([argName, argument]) =>
      `   * @param ${options.includes(argName) ? "options." : ""}${argName} ${describe(argument)}`,
  );
  const list = (wanted: readonly string[]) =>
    args
      .filter(([argName]) => wanted.includes(argName))
      .map(([argName, argument]) => `${argName}${argument.optional ? "?" : ""}: ${kindOf(argument).type}`);
  const optional = args.every(([argName, argument]) => !options.includes(argName) || argument.optional);
  const object = options.length === 0 ? [] : [`options${optional ? "?" : ""}: { ${list(options).join("; ")} }`];
  const parameters = [...list(positional), ...object].join(", ");
  return [
    "  /**",
    `   * ${entry.summary}`,
    ...doc,
    `   * @returns a promise that resolves ${entry.settles}`,
    "   */",
    `  ${name.toLowerCase()}(${parameters}): Promise<${entry.result}>;`,
  ];
}

function eventLines(name: string, entry: EventEntry): string[] {
  const members = argumentsOf(entry).flatMap(([argName, argument]) => [
    `  /** ${argument.summary} */`,
    `  ${argName}${argument.optional ? "?" : ""}: ${kindOf(argument).type};`,
  ]);
  return [
    `/** ${entry.summary} */`,
    `interface ${eventType(name)} {`,
    `  type: ${JSON.stringify(name.toLowerCase())};`,
    ...members,
    "}",
    "",
  ];
}

/** `DTMF` is `CallDtmfEvent`. */
function eventType(name: string): string {
  return `Call${name.slice(0, 1)}${name.slice(1).toLowerCase()}Event`;
}

function describe(argument: Argument): string {
  const fallback = argument.default === undefined ? "" : `; otherwise: ${argument.default}`;
  return `${argument.summary} (${kindOf(argument).expected})${fallback}`;
}

const properties = [
  "  /** Short and unique, for logs and file names. */",
  "  readonly id: string;",
  '  readonly direction: "incoming" | "outgoing";',
  "  /** The other end, as it presents itself: do not trust it. `id` is its From or To, `name` the display name. */",
  "  readonly remote: { readonly uri: string; readonly id: string; readonly contact: string; readonly name: string; readonly user: string; readonly host: string };",
  "  /** Our end: whom the caller has called. */",
  "  readonly local: { readonly uri: string; readonly user: string; readonly host: string };",
  "  /** The header fields of the INVITE, in order. Names are compared without regard to case. */",
  "  readonly headers: Iterable<readonly [name: string, value: string]> & { get(name: string): string | null; all(name: string): string[] };",
  "  /** What whoever placed the call gave along: the further columns of a target of `siproc call`. */",
  "  readonly variables: Readonly<Record<string, string>>;",
  "  /** Resolves when the call is over. */",
  "  readonly ended: Promise<CallEndedEvent>;",
];

const world = `/** What GATHER has collected. */
interface Gathered {
  digits: string;
  reason: "count" | "terminator" | "timeout" | "speech";
  /** What the other side said instead of pressing keys; empty where it was not understood. */
  speech?: string;
}

/** How a DIAL went. */
interface Dialed {
  status: "answered" | "busy" | "refused" | "unanswered" | "unreachable" | "cancelled";
  /** The SIP status code that tells it best. */
  code: number;
  /** How long the two were joined, in ms. */
  duration: number;
  /** Who answered, or whose refusal this is. */
  target: string;
}

/** What RECOGNIZE has understood: \`speech\`, where the other side has finished; \`max\`, where it was cut off; \`timeout\`. */
interface Recognized {
  text: string;
  /** 0 to 1, where the engine says so. */
  confidence?: number;
  reason: "speech" | "max" | "timeout";
}

/** Why a command could not be done. */
declare class CallError extends Error {
  /** Such as \`PLAY\`. */
  readonly command: string;
  readonly reason: string;
}

/** The log of siproc, at the level of the method's name (\`log\`: info). */
declare const console: Record<"debug" | "log" | "info" | "warn" | "error", (...values: unknown[]) => void>;

declare function setTimeout<A extends unknown[]>(fire: (...args: A) => void, ms: number | undefined, ...args: A): number;
declare function setTimeout(fire: (...args: never[]) => void, ms?: number): number;
declare function setInterval<A extends unknown[]>(fire: (...args: A) => void, ms: number | undefined, ...args: A): number;
declare function setInterval(fire: (...args: never[]) => void, ms?: number): number;
declare function clearTimeout(id: number | undefined): void;
declare function clearInterval(id: number | undefined): void;
declare function queueMicrotask(fire: () => void): void;

/** Whole files, where \`allow: read\` and \`allow: write\` let the script. Relative names count from the script's folder first. */
declare const files: {
  readText(path: string): Promise<string>;
  readBytes(path: string): Promise<Uint8Array>;
  writeText(path: string, text: string): Promise<void>;
  writeBytes(path: string, bytes: Uint8Array | ArrayBuffer): Promise<void>;
  appendText(path: string, text: string): Promise<void>;
  /** Whether there is a file of this name that the script may read. */
  exists(path: string): Promise<boolean>;
};

/** Environment variables that \`allow: env\` names. */
declare const env: { get(name: string): string | undefined };

declare const crypto: { randomUUID(): string };

/** Milliseconds since the script began. */
declare const performance: { now(): number };

/** Only to hosts that \`allow: net\` names; at most 16 at once, 4 MB and 30 s each. */
declare function fetch(
  url: string | URL,
  init?: {
    method?: string;
    headers?: Iterable<readonly [string, string]> | Record<string, string>;
    body?: string | Uint8Array | ArrayBuffer | URLSearchParams;
    redirect?: "follow" | "manual" | "error";
  },
): Promise<Response>;

declare class Headers implements Iterable<[string, string]> {
  constructor(init?: Iterable<readonly [string, string]> | Record<string, string>);
  append(name: string, value: string): void;
  set(name: string, value: string): void;
  get(name: string): string | null;
  has(name: string): boolean;
  delete(name: string): void;
  forEach(visit: (value: string, name: string, headers: Headers) => void): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare class Response {
  constructor(body?: string | Uint8Array | ArrayBuffer | null, init?: { status?: number; statusText?: string; headers?: Record<string, string> });
  readonly status: number;
  readonly statusText: string;
  readonly ok: boolean;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: Headers;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  json(): Promise<any>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  readonly searchParams: URLSearchParams;
  hash: string;
  toString(): string;
  toJSON(): string;
}

declare class URLSearchParams implements Iterable<[string, string]> {
  constructor(init?: string | Iterable<readonly [string, string]> | Record<string, string>);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  forEach(visit: (value: string, name: string, params: URLSearchParams) => void): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  toString(): string;
}

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array;
}

/** Knows utf-8, utf-16le and latin1 (windows-1252). */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  decode(bytes?: Uint8Array | ArrayBuffer): string;
}
`;
