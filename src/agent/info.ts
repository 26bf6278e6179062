/** INFO within a call, as phones used it for keys before telephone-events: `application/dtmf-relay` and `application/dtmf`. */
import type { Request } from "../sip/message.ts";
import { decodeUtf8 } from "../sip/text.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { endIfGone } from "./end.ts";
import { request, unanswered } from "./request.ts";
import { respond } from "./respond.ts";
import type { Done, Session } from "./session.ts";

/** `relay`: Signal and Duration, a line each; `digit`: the key alone. */
export type DtmfInfo = "relay" | "digit";

const types: Readonly<Record<DtmfInfo, string>> = { relay: "application/dtmf-relay", digit: "application/dtmf" };
/** What a key lasts that comes without a length, ms. */
const usualDuration = 160;
const longest = 60_000;

/** The type and body of an INFO that presses `key` for `duration` ms. */
export function dtmfBody(form: DtmfInfo, key: string, duration: number): { contentType: string; body: string } {
  return { contentType: types[form], body: form === "relay" ? `Signal=${key}\r\nDuration=${duration}\r\n` : key };
}

/**
 * The key in the body of an INFO; undefined when there is none. Takes what phones write: spaces, bare line feeds, and the event
 * codes of RFC 4733 for what is no digit.
 */
export function dtmfOf(contentType: string, body: string): { digit: string; duration: number } | undefined {
  const type = (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
  if (body.length > 512) return undefined;
  if (type === types.digit) {
    const digit = keyOf(body);
    return digit === undefined ? undefined : { digit, duration: usualDuration };
  }
  if (type !== types.relay) return undefined;
  let digit: string | undefined;
  let duration = usualDuration;
  for (const line of body.split(/[\r\n]+/)) {
    const [name = "", value = ""] = line.split(/[=:]/, 2);
    if (/^\s*signal\s*$/i.test(name)) digit ??= keyOf(value);
    if (/^\s*duration\s*$/i.test(name) && /^\s*\d{1,5}\s*$/.test(value)) duration = Math.min(Number(value), longest);
  }
  return digit === undefined ? undefined : { digit, duration };
}

function keyOf(text: string): string | undefined {
  const key = text.trim().toUpperCase();
  if (/^[0-9*#A-D]$/.test(key)) return key;
  return /^1[0-5]$/.test(key) ? "*#ABCD".charAt(Number(key) - 10) : undefined;
}

/** Sends an INFO; done when it is answered. */
export function sendInfo(session: Session, contentType: string, body: string, done: Done): void {
  if (session.phase.name !== "confirmed") return done("keys can be sent by INFO once the call is connected");
  const parts = { headers: [["Content-Type", contentType]] as const, body: new TextEncoder().encode(body) };
  request(session, "INFO", parts, {
    response: (response) => {
      if (response.status < 200) return;
      const refused = `the other side answered ${response.status} ${decodeUtf8(response.reason)}`;
      done(response.status < 300 ? undefined : refused);
      endIfGone(session, response.status);
    },
    failed: (status) => {
      done(unanswered(status));
      endIfGone(session, status);
    },
  });
}

/** Takes a key; an INFO without a body asks whether we are there (RFC 6086 appendix A), all else is not understood. */
export function receiveInfo(session: Session, tx: ServerTransaction, received: Request): void {
  const { body } = received;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  const key = dtmfOf(received.header("content-type") ?? "", text);
  if (key === undefined && body.length > 0)
    return respond(session, tx, 415, { headers: [["Accept", `${types.relay}, ${types.digit}`]] });
  respond(session, tx, 200);
  if (key !== undefined && session.phase.name !== "over") session.user.key?.(key.digit, key.duration);
}
