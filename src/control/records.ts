/** Call records: what is kept of each call when it is over, and what can be asked of them. */
import type { Quality } from "./quality.ts";

/**
 * One call that is over. Times are ms since 1970; URIs stand without passwords and are cut at 256 characters. Never digits,
 * texts, keys or passwords.
 */
export interface CallRecord {
  /** Who had the call: a handler of ours, or it was forwarded by a proxy. */
  readonly kind: "handled" | "forwarded";
  /** Our id of the call, as the log has it; undefined for a forwarded one. */
  readonly call: string | undefined;
  readonly callId: string;
  /** The Call-ID of the call whose handler placed this one. */
  readonly placedBy?: string | undefined;
  /** `outgoing`: we placed it. */
  readonly direction: "incoming" | "outgoing";
  readonly caller: string;
  readonly callee: string;
  /** The users of both URIs. */
  readonly callerUser: string;
  readonly calleeUser: string;
  /** Whose password the call was let in by. */
  readonly user: string | undefined;
  /** Where the INVITE came from: `udp:192.0.2.9:5060`; undefined for a call that we placed. */
  readonly source: string | undefined;
  readonly begin: number;
  /** When the first 18x came or was sent. */
  readonly ring: number | undefined;
  readonly answer: number | undefined;
  readonly end: number;
  /** Seconds between answer and end, with tenths; 0 when it was not answered. */
  readonly seconds: number;
  /** The final status of the INVITE. */
  readonly status: number;
  /** What ended it; `lost`: nobody said so, it was followed no longer. `system`: we had to. */
  readonly ending: "caller" | "callee" | "cancelled" | "failed" | "lost" | "system";
  /** The end's cause, as in ENDED of docs/calls.md; undefined for a forwarded one. */
  readonly cause: string | undefined;
  /** As the route names it: `scripts/echo.ts`, `./ivr.sh`, `trunk provider`; undefined for a forwarded one. */
  readonly handler: string | undefined;
  /** Whom a forwarded call was sent to, in the order of trying; undefined status: nothing before the call was over. */
  readonly targets: readonly { readonly uri: string; readonly status: number | undefined }[];
  readonly codec: string | undefined;
  /** How its audio was encrypted: `none`, `sdes`, `dtls`; undefined: we do not know. */
  readonly security: string | undefined;
  /** Undefined: it had no audio through us. */
  readonly quality: Quality | undefined;
  /** The least mean opinion score that an interval had, in the worse direction. */
  readonly worstMos: number | undefined;
}

/** A record as it is kept. */
export interface KeptRecord extends CallRecord {
  /** Grows from record to record. */
  readonly id: number;
}

/** All that is not undefined must hold. */
export interface RecordQuery {
  /** At most so many, the newest first; 100 by default, 1,000 at most. */
  readonly limit?: number | undefined;
  /** Only those before this one: for the next page. */
  readonly before?: number | undefined;
  /** Begun at this time or later, and before that one: ms since 1970. */
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  /** The user of caller or callee, or who was let in: exactly. */
  readonly user?: string | undefined;
  readonly callId?: string | undefined;
  readonly answered?: boolean | undefined;
  /** A status such as 486, or a class: 4 means 400 to 499. */
  readonly status?: number | undefined;
  /** The handler: exactly. */
  readonly handler?: string | undefined;
  /** With a mean opinion score below this at some time. */
  readonly mosBelow?: number | undefined;
}

export interface RecordsControl {
  records(query: RecordQuery): Promise<readonly KeptRecord[]>;
  /** Told of each record when its call is over, until the returned function is called. */
  onRecord(heard: (record: CallRecord) => void): () => void;
}

export const defaultRecords = 100;
export const mostRecords = 1000;

/** Whether a record is asked for; `id` and `limit` are not looked at. */
export function matchesQuery(record: CallRecord, query: RecordQuery): boolean {
  const { from, until, user, callId, answered, status, handler, mosBelow } = query;
  if (from !== undefined && record.begin < from) return false;
  if (until !== undefined && record.begin >= until) return false;
  if (user !== undefined && ![record.callerUser, record.calleeUser, record.user].includes(user)) return false;
  if (callId !== undefined && record.callId !== callId) return false;
  if (answered !== undefined && (record.answer !== undefined) !== answered) return false;
  if (status !== undefined && (status < 10 ? Math.floor(record.status / 100) : record.status) !== status) return false;
  if (handler !== undefined && record.handler !== handler) return false;
  if (mosBelow !== undefined && (record.worstMos === undefined || record.worstMos >= mosBelow)) return false;
  return true;
}
