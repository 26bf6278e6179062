/**
 * All that the feed tells, once: the type of each event, when it is told, and what it carries. The API's document, the reference
 * in docs/api.md and the webhooks' filter come from here.
 */

/** How one member of an event's data reads; `?`: it may be missing. */
export type FeedKind = "string" | "number" | "boolean" | "object" | "string?" | "number?" | "boolean?" | "object?";

export interface FeedField {
  readonly kind: FeedKind;
  readonly doc: string;
}

export interface FeedEntryType {
  readonly doc: string;
  readonly data: Readonly<Record<string, FeedField>>;
}

const text = (doc: string) => ({ kind: "string", doc }) as const;
const number = (doc: string) => ({ kind: "number", doc }) as const;
const flag = (doc: string) => ({ kind: "boolean", doc }) as const;
const textOrNot = (doc: string) => ({ kind: "string?", doc }) as const;
const numberOrNot = (doc: string) => ({ kind: "number?", doc }) as const;
const objectOrNot = (doc: string) => ({ kind: "object?", doc }) as const;

const contact = {
  user: text("The address of record, `alice@example.com`."),
  contact: text("The contact's URI."),
  transport: text("`udp`, `tcp`, `tls`, `ws` or `wss`."),
  source: text("Where it registered from, `192.0.2.7:5060`."),
} as const;

export const feedEvents = {
  "call.began": {
    doc: "A call has begun: it came in and has a handler, or it was placed.",
    data: {
      direction: text("`incoming` or `outgoing`."),
      from: text("The caller's URI."),
      to: text("The URI that was called."),
      name: textOrNot("The other side's display name."),
      handler: textOrNot("What handles it, as its route names it."),
      ref: textOrNot("What whoever placed it by the API calls it."),
    },
  },
  "call.answered": { doc: "A call is answered, and that is acknowledged.", data: {} },
  "call.event": {
    doc: "Something happens in a call: the events of docs/calls.md but CONNECTED and ENDED. Digits and texts are told as so many stars.",
    data: {
      event: text("Its name, such as `HOLD`."),
      args: objectOrNot("Its arguments."),
    },
  },
  "call.command": {
    doc: "A command that the API gave to a call is done, or has failed.",
    data: {
      command: text("Its name, such as `PLAY`."),
      ref: text("The number that the API gave it."),
      ok: flag("Whether it could be done."),
      reason: textOrNot("Why not."),
    },
  },
  "call.ended": {
    doc: "A call is over.",
    data: {
      by: text("Who ended it: `local`, `remote` or `system`."),
      cause: text("Why, as in ENDED of docs/calls.md."),
      code: numberOrNot("The SIP status code that tells it best."),
      seconds: number("How long it was up, with tenths."),
    },
  },
  "call.quality": {
    doc: "A call has begun to sound bad, or sounds well again: its score in an interval of some seconds fell below 3.1, or rose above 3.6.",
    data: {
      poor: flag("Whether it sounds bad now."),
      direction: text("Which way: `received` or `sent`."),
      mos: number("The interval's mean opinion score, 1 to 4.4."),
      loss: numberOrNot("Which part of the packets was lost, 0 to 1."),
      jitter: numberOrNot("Milliseconds."),
    },
  },
  "call.recorded": {
    doc: "The record of a call that is over is made: handled here, or forwarded.",
    data: { record: objectOrNot("As `GET /v1/records` has it, without its number.") },
  },
  "registration.added": {
    doc: "A phone has registered.",
    data: { ...contact, expires: number("Seconds."), agent: textOrNot("Its User-Agent.") },
  },
  "registration.removed": {
    doc: "A phone is registered no longer: it said so, its time is over, or its account is gone.",
    data: contact,
  },
  "trunk.changed": {
    doc: "The registration of a trunk has changed.",
    data: {
      trunk: text("Its name."),
      state: text("`registering`, `registered`, `failed`, `ended` or `unregistered`."),
      code: numberOrNot("The registrar's answer, when it failed."),
      reason: textOrNot("Its reason phrase."),
      retry: numberOrNot("Seconds until it is tried again."),
    },
  },
  "ban.began": {
    doc: "An address is answered no longer.",
    data: { source: text("The IP address."), why: text("What for."), until: numberOrNot("ms since 1970.") },
  },
  "ban.lifted": { doc: "An operator has ended a ban.", data: { source: text("The IP address.") } },
  "account.changed": {
    doc: "An account of the store was added or changed.",
    data: { user: text("Its user."), domain: textOrNot("Its domain; missing: all of ours.") },
  },
  "account.removed": {
    doc: "An account was taken out of the store.",
    data: { user: text("Its user."), domain: textOrNot("Its domain; missing: all of ours.") },
  },
  "config.reloaded": {
    doc: "The configuration was read again and holds from now on.",
    data: { routes: number("How many routes there are."), warnings: number("How many warnings there were.") },
  },
  "config.refused": {
    doc: "The configuration was read again and has mistakes: the old one stays.",
    data: { problems: number("How many mistakes.") },
  },
  "overload.began": {
    doc: "The server is late, and refuses calls with 503 until it is not.",
    data: { late: numberOrNot("How late, ms.") },
  },
  "overload.passed": {
    doc: "Calls are taken again.",
    data: { refused: numberOrNot("How many requests were refused.") },
  },
  "server.draining": {
    doc: "The server was told to stop, and takes no new calls.",
    data: { calls: number("How many are still up.") },
  },
  "feed.gap": {
    doc: "What happened before was told too long ago to be kept, or came faster than it was read: ask for the state anew.",
    data: { after: number("The last event that was surely told.") },
  },
} as const satisfies Readonly<Record<string, FeedEntryType>>;

export type FeedType = keyof typeof feedEvents;

interface Kinds {
  string: string;
  number: number;
  boolean: boolean;
  object: object;
}
type Fields<T extends FeedType> = (typeof feedEvents)[T]["data"];
type Optional<F> = { [N in keyof F]: F[N] extends { kind: `${string}?` } ? N : never }[keyof F];

/** What an event of that type carries. */
export type FeedData<T extends FeedType> = {
  readonly [N in Exclude<keyof Fields<T>, Optional<Fields<T>>>]: Fields<T>[N] extends {
    kind: infer K extends keyof Kinds;
  }
    ? Kinds[K]
    : never;
} & {
  readonly [N in Optional<Fields<T>>]?: Fields<T>[N] extends { kind: `${infer K extends keyof Kinds}?` }
    ? Kinds[K] | undefined
    : never;
};

export const feedTypes = Object.keys(feedEvents);

/** Whether a name, or a pattern such as `call.*` or `*`, means this type. */
export function feedTypeMatches(pattern: string, type: string): boolean {
  return pattern === "*" || pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1)));
}

/** Whether a name or pattern means any type at all. */
export function isFeedPattern(pattern: string): boolean {
  return feedTypes.some((type) => feedTypeMatches(pattern, type));
}
