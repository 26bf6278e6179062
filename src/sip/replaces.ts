/** The Replaces header field (RFC 3891 §6.1): which dialog a new INVITE takes the place of; and a Refer-To that asks for it. */
import { InvalidHeaderValue } from "./errors.ts";
import type { NameAddr } from "./name-addr.ts";
import { Params } from "./params.ts";
import { escapeUser, isSipUri, unescapeUri } from "./uri.ts";

/** A dialog as the one who reads it knows it: `toTag` is the reader's own, `fromTag` that of the reader's peer. */
export interface Replaces {
  readonly callId: string;
  readonly toTag: string;
  readonly fromTag: string;
  /** Only while the dialog is early. */
  readonly earlyOnly: boolean;
}

const callIdForm = /^[^\s;,"<>\x00-\x1f\x7f\u0100-\uffff]{1,1024}$/;
const tagForm = /^[\w.!%*+`'~-]{1,1024}$/;

/** Reads the value of a Replaces header field; undefined when it is malformed. */
export function parseReplaces(value: string): Replaces | undefined {
  const semicolon = value.indexOf(";");
  if (semicolon < 0) return undefined;
  const callId = value.slice(0, semicolon).trim();
  const params = Params.parse(value, semicolon, value.length, "header");
  const toTag = params?.get("to-tag");
  const fromTag = params?.get("from-tag");
  if (params === undefined || toTag === undefined || fromTag === undefined) return undefined;
  if (!callIdForm.test(callId) || !tagForm.test(toTag) || !tagForm.test(fromTag)) return undefined;
  return { callId, toTag, fromTag, earlyOnly: params.has("early-only") };
}

/** @throws InvalidHeaderValue */
export function formatReplaces({ callId, toTag, fromTag, earlyOnly }: Replaces): string {
  const text = `${callId};to-tag=${toTag};from-tag=${fromTag}${earlyOnly ? ";early-only" : ""}`;
  if (!callIdForm.test(callId) || !tagForm.test(toTag) || !tagForm.test(fromTag))
    throw new InvalidHeaderValue("Replaces", text);
  return text;
}

/** Where a Refer-To leads: a URI that can be called, without the headers that stood in it, and what that call replaces. */
export interface Referred {
  readonly uri: string;
  readonly replaces: Replaces | undefined;
}

/**
 * Takes a Refer-To apart (RFC 3515 §2.1, RFC 3891 §5). Of the headers in its URI Replaces alone is heeded: all others are
 * a stranger's wish to write our request (RFC 3261 §19.1.5). Undefined: nobody can be called there.
 */
export function referredTo({ uri, uriText }: NameAddr): Referred | undefined {
  if (!isSipUri(uri)) return uri.scheme === "tel" ? { uri: uriText, replaces: undefined } : undefined;
  // RFC 3515 §2.1: to ask for another method than INVITE is to ask for what we do not do.
  const method = uri.params.get("method");
  if (method !== undefined && method.toUpperCase() !== "INVITE") return undefined;
  const question = uriText.indexOf("?");
  const plain = (question < 0 ? uriText : uriText.slice(0, question)).replace(/;method=[^;?]*/i, "");
  for (const header of (uri.headers ?? "").split("&")) {
    const equals = header.indexOf("=");
    if (equals < 0 || header.slice(0, equals).toLowerCase() !== "replaces") continue;
    const replaces = parseReplaces(unescapeUri(header.slice(equals + 1)));
    return replaces === undefined ? undefined : { uri: plain, replaces };
  }
  return { uri: plain, replaces: undefined };
}

/** The value of a Refer-To (RFC 3515 §2.1). `uri` stands without brackets. @throws InvalidHeaderValue */
export function formatReferTo({ uri, replaces }: Referred): string {
  if (/[<>"\s\x00-\x1f\x7f\u0100-\uffff]/.test(uri)) throw new InvalidHeaderValue("Refer-To", uri);
  if (replaces === undefined) return `<${uri}>`;
  const question = uri.indexOf("?");
  const escaped = escapeUser(formatReplaces(replaces)).replace(/[;?=&@$,/+]/g, percent);
  return `<${question < 0 ? uri : uri.slice(0, question)}?Replaces=${escaped}>`;
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
