/** A call as its handler sees it: facts, a stream of events, and one way to perform a command. */
import type { CallEvent, Command, CommandFailure, CommandValue } from "./vocabulary.ts";

/** What is known of a call before its handler starts. Texts are what the peer sent: untrusted, control characters included. */
export interface CallFacts {
  /** Short and unique in this process, for logs and file names: `[a-z0-9]+`. */
  id: string;
  direction: "incoming" | "outgoing";
  callId: string;
  /** The URI of the remote end, such as `sip:alice@example.com`. */
  remoteUri: string;
  /** The remote end as From or To gave it: `"Alice" <sip:alice@example.com>`. */
  remoteId: string;
  /** The remote end's Contact URI; empty when not known yet. */
  remoteContact: string;
  /** Our end: the Request-URI that was called, or the From that we call with. */
  localUri: string;
  /** Display name, user and host of the remote end, decoded. */
  remoteName: string;
  remoteUser: string;
  remoteHost: string;
  localUser: string;
  localHost: string;
  /** The INVITE's header fields (incoming) in order, names as sent. */
  headers: readonly (readonly [name: string, value: string])[];
  /** What whoever placed the call gave its handler to work with. */
  variables?: Readonly<Record<string, string>> | undefined;
  /** The Call-ID of the call whose handler placed this one. */
  placedBy?: string | undefined;
}

/** Why a command fails that comes, or is still under way, when its call has ended: no fault of the handler's. */
export const callOver = "the call is over";

export type Outcome = { ok: true; value?: CommandValue | undefined } | { ok: false; failure: CommandFailure };

/** How a handler ended. `logged`: the log has its failure already, and in more words. `value`: what it returned, as JSON. */
export type Finish =
  | { type: "returned"; value?: string | undefined }
  | { type: "failed"; reason: string; logged?: true };

export interface CallControl {
  readonly facts: CallFacts;
  /** Takes the one listener. Events that came before are delivered at once, in order. ENDED is always the last. */
  listen(listener: (event: CallEvent) => void): void;
  /** Starts a command. `done` is called exactly once, never before `perform` returns its caller's turn for slow ones. */
  perform(command: Command, done: (outcome: Outcome) => void): void;
  /**
   * The handler is through with the call. A call still up is ended: `returned` with BYE (or 480 while unanswered),
   * `failed` with BYE (or 500). No effect after ENDED.
   */
  finish(how: Finish): void;
}

/** Runs calls: a script host, a process spawner, or a function of a library user's. */
export interface Handler {
  start(call: CallControl): void;
  /** As its route names it: `scripts/echo.ts`, `./ivr.sh`, `trunk provider`. */
  readonly name?: string | undefined;
  /** It is part of the program that embeds siproc, and may call whom it likes. */
  readonly trusted?: true;
  /** Milliseconds that a call waits at the moment until it is taken up, where that is known. */
  delay?(): number | undefined;
}
