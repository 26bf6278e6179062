/** Responses of a session: with its tag, its Contact, and what we support. */

import { retryAfterSeconds } from "../sip/glare.ts";
import { buildResponse, type HeaderList } from "../sip/message.ts";
import type { Refusal } from "../sip/offer-answer.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { allow, supported } from "./capabilities.ts";
import type { AgentContext } from "./context.ts";
import type { Session } from "./session.ts";

const encoder = new TextEncoder();
const allows = ["Allow", allow] as const;
const supports = ["Supported", supported] as const;
const describesSession = ["Content-Type", "application/sdp"] as const;

export interface ResponseParts {
  reason?: string | undefined;
  headers?: HeaderList;
  sdp?: string | undefined;
}

/** A response within the session's dialog. Those that make or refresh a dialog carry Contact and Record-Route. */
export function respond(session: Session, tx: ServerTransaction, status: number, parts: ResponseParts = {}): void {
  const { method } = tx.request;
  const dialogForming = (method === "INVITE" || method === "UPDATE") && status > 100 && status < 300;
  const headers: (readonly [string, string])[] = dialogForming ? [["Contact", session.contact], allows, supports] : [];
  if (method === "INVITE") headers.push(...session.headers);
  if (parts.headers !== undefined) headers.push(...parts.headers);
  if (parts.sdp !== undefined) headers.push(describesSession);
  tx.respond(
    buildResponse(tx.request, status, {
      reason: parts.reason,
      body: parts.sdp === undefined ? undefined : encoder.encode(parts.sdp),
      toTag: session.localTag,
      source: tx.flow.remote,
      copyRecordRoute: dialogForming,
      headers,
    }),
  );
}

/** The response to an offer that cannot be taken (RFC 3261 §14.2, §20.43). */
export function refuseOffer(session: Session, tx: ServerTransaction, refusal: Refusal): void {
  respond(session, tx, refusal.status, { reason: refusal.reason, headers: refusalHeaders(session.context, refusal) });
}

export function refusalHeaders(context: AgentContext, refusal: Refusal): HeaderList {
  const headers: [string, string][] = [];
  if (refusal.warning !== undefined)
    headers.push(["Warning", `${refusal.warning.code} siproc "${refusal.warning.text}"`]);
  if (refusal.retryAfter) headers.push(["Retry-After", String(retryAfterSeconds(fraction(context)))]);
  return headers;
}

/** Numbers from [0, 1) out of the agent's randomness. */
export function fraction(context: AgentContext): () => number {
  return () => Number.parseInt(context.random.token(4), 16) / 2 ** 32;
}
