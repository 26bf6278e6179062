/** What is told of each call that a stateful proxy forwarded, once it is over: for accounting. */

/** Times are milliseconds since 1970 in UTC. URIs stand as in the messages, without passwords and cut at 256 octets. */
export interface CallRecord {
  readonly callId: string;
  /** The From URI: who says to call. */
  readonly caller: string;
  /** The Request-URI: whom they call. */
  readonly callee: string;
  /** Whose credentials the INVITE had. */
  readonly user: string | undefined;
  /** Where the INVITE came from: `udp:192.0.2.9:5060`. */
  readonly source: string;
  /** When the INVITE came. */
  readonly begin: number;
  /** When the first 18x was sent on. */
  readonly ring: number | undefined;
  /** When the first 2xx was sent on. */
  readonly answer: number | undefined;
  readonly end: number;
  /** Whom the call was sent to, in the order of trying, with what each said; the first 20. */
  readonly targets: readonly TriedTarget[];
  /** The final status that the caller got. */
  readonly status: number;
  readonly ending: CallEnding;
}

export interface TriedTarget {
  readonly uri: string;
  /** Undefined: nothing before the call was over. */
  readonly status: number | undefined;
}

/**
 * What ended the call: who hung up; for a call that was not answered, the CANCEL or the failure; `lost`: it was answered,
 * but no BYE came this way for so long that it is followed no more.
 */
export type CallEnding = "caller" | "callee" | "cancelled" | "failed" | "lost";
