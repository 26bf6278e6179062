/** A request of SIPWS's protocol: what stands in its JSON, read from whatever a stranger has sent. */

export const signals = ["start", "stop", "clear", "list", "put"] as const;
export type Signal = (typeof signals)[number];

/** What an answer's `errorcode` says; it is text there. */
export const errorCodes = {
  done: "0",
  /** The key is missing or not known. */
  key: "1",
  /** The body is no JSON object, or too large. */
  body: "2",
  /** What it asks for cannot be done; nothing has changed. */
  request: "3",
  /** It is done, and could not be written to the disk. */
  unwritten: "4",
} as const;

export type ErrorCode = (typeof errorCodes)[keyof typeof errorCodes];

export interface SipwsRequest {
  readonly signal: Signal;
  readonly key: string | undefined;
  /** In lower case; undefined: it names none. */
  readonly domain: string | undefined;
  /** What `entryOf` makes entries of. */
  readonly data: readonly unknown[];
  /** The version that the accounts have afterwards; undefined: the next one. */
  readonly version: number | undefined;
}

/** One account of a `put`. What is undefined is not named, and stays as it is. */
export interface SipwsEntry {
  readonly operation: "+" | "-";
  readonly user: string;
  readonly password: string | undefined;
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly image: string | undefined;
}

export interface SipwsRefusal {
  /** The signal where one was named, for the answer. */
  readonly signal: Signal | undefined;
  readonly key: string | undefined;
  readonly code: ErrorCode;
  readonly reason: string;
}

type Fields = ReadonlyMap<string, unknown>;

/** Reads the text of a body. What is wrong is told after the key, which decides whether it is told at all. */
export function readRequest(text: string): SipwsRequest | SipwsRefusal {
  const root = objectOf(parsed(text));
  if (root === undefined)
    return { signal: undefined, key: undefined, code: errorCodes.body, reason: "the body is no JSON object" };
  const key = textOf(root.get("key"));
  const signal = signals.find((one) => one === root.get("q"));
  const wrong = (reason: string): SipwsRefusal => ({ signal, key, code: errorCodes.request, reason });
  if (signal === undefined) return wrong(`q is one of ${signals.join(", ")}`);
  const domain = root.get("domain") ?? "";
  if (typeof domain !== "string") return wrong("domain is text");
  const version = versionOf(root.get("v"));
  if (version === "wrong") return wrong("v is a whole number from 0 on");
  const given = root.get("data") ?? [];
  if (!Array.isArray(given)) return wrong("data is a list of entries");
  return { signal, key, domain: domain.toLowerCase() || undefined, data: given, version };
}

/** One of `data`; a text says what is wrong with it. */
export function entryOf(given: unknown): SipwsEntry | string {
  const fields = objectOf(given);
  if (fields === undefined) return "expected an object";
  for (const name of ["o", "u", "k", "cn", "description", "i", "image"])
    if (fields.has(name) && fields.get(name) !== null && textOf(fields.get(name)) === undefined)
      return `${name} is text`;
  const operation = textOf(fields.get("o")) ?? "+";
  if (operation !== "+" && operation !== "-") return "o is + to add or edit, or - to delete";
  const user = textOf(fields.get("u")) ?? "";
  if (user === "") return "u, the user's name, is missing";
  return {
    operation,
    user,
    // Nobody means an account without a password.
    password: textOf(fields.get("k")) || undefined,
    name: textOf(fields.get("cn")),
    description: textOf(fields.get("description")),
    // The page of SIPWS says `i`; its program reads `image`.
    image: textOf(fields.get("i")) ?? textOf(fields.get("image")),
  };
}

function versionOf(value: unknown): number | "wrong" | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : "wrong";
}

/** Text, or a number as text: `"u": 100` is meant as `"u": "100"`. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" && Number.isSafeInteger(value) ? String(value) : undefined;
}

function objectOf(value: unknown): Fields | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Too deeply nested, too.
    return undefined;
  }
}
