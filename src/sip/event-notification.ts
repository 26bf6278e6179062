/** What NOTIFY carries: Event (RFC 6665 §8.2.1), Subscription-State (§8.2.3), and the status line of a sipfrag (RFC 3420). */
import { Params } from "./params.ts";
import { isToken } from "./text.ts";

/** The media types of the bodies that the packages we read have (RFC 3842 §3.5, RFC 4235 §3.5). */
export const bodyTypes: ReadonlyMap<string, string> = new Map([
  ["message-summary", "application/simple-message-summary"],
  ["dialog", "application/dialog-info+xml"],
]);

export interface EventField {
  /** The package in lower case: `refer`, `message-summary`. */
  readonly package: string;
  readonly id: string | undefined;
}

export interface SubscriptionState {
  /** In lower case: `active`, `pending`, `terminated`, or what else its sender made up. */
  readonly state: string;
  readonly reason: string | undefined;
  /** Seconds. */
  readonly expires: number | undefined;
  readonly retryAfter: number | undefined;
}

/** Undefined when it is malformed. */
export function parseEvent(value: string): EventField | undefined {
  const parsed = tokenAndParams(value);
  return parsed && { package: parsed.token, id: parsed.params.get("id") };
}

/** Undefined when it is malformed. */
export function parseSubscriptionState(value: string): SubscriptionState | undefined {
  const parsed = tokenAndParams(value);
  if (parsed === undefined) return undefined;
  const { token, params } = parsed;
  return {
    state: token,
    reason: params.get("reason")?.toLowerCase(),
    expires: seconds(params.get("expires")),
    retryAfter: seconds(params.get("retry-after")),
  };
}

/** The status line that a body of type message/sipfrag begins with; undefined where there is none. */
export function parseStatusLine(body: Uint8Array): { status: number; reason: string } | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, 1024)).toString("latin1");
  const match = /^SIP\/2\.0 ([1-6]\d\d)(?: ([^\r\n]{0,256}))?/i.exec(text.trimStart());
  return match === null ? undefined : { status: Number(match[1]), reason: match[2] ?? "" };
}

function tokenAndParams(value: string): { token: string; params: Params } | undefined {
  const semicolon = value.indexOf(";");
  const end = semicolon < 0 ? value.length : semicolon;
  const token = value.slice(0, end).trim().toLowerCase();
  const params = Params.parse(value, end, value.length, "header");
  return params === undefined || !isToken(token) ? undefined : { token, params };
}

/** `delta-seconds`, at most what fits a clock. */
function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Math.min(Number(text), 2 ** 31) : undefined;
}
