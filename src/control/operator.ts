/** What operators ask of a server and tell it, besides its state: calls, routes, recordings, texts, registrations. */
import type { CallsControl, Refusal } from "./calls.ts";

export interface RouteView {
  /** Its place among the routes, from 0. */
  readonly index: number;
  /** Where it stands in the configuration, from 1. */
  readonly line: number;
  /** Patterns as they are written. */
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly methods: readonly string[] | undefined;
  readonly trunk: string | undefined;
  readonly action: string;
  /** What the action is about: a file, a URI, a code. */
  readonly target: string;
  /** Whether a password is asked for. */
  readonly auth: boolean;
}

/** A request that is not made. */
export interface RouteQuestion {
  /** A SIP URI, or `user@host`, or a user of ours. */
  readonly to: string;
  readonly from?: string | undefined;
  /** INVITE by default. */
  readonly method?: string | undefined;
  /** As if it came by this trunk. */
  readonly trunk?: string | undefined;
}

export interface RouteAnswer {
  readonly outcome: "route" | "register" | "answer" | "refuse";
  readonly route?: RouteView | undefined;
  /** What was tried. */
  readonly uri: string;
  /** What happens, in a sentence. */
  readonly says: string;
  /** What the pattern of `to` found. */
  readonly groups?: readonly string[] | undefined;
  /** The routes before it. */
  readonly passed: readonly { readonly index: number; readonly line: number; readonly why: string }[];
}

export interface RoutesControl {
  list(): readonly RouteView[];
  /** Which route would take such a request. Nothing is sent, and nobody is asked for a password. */
  test(question: RouteQuestion): RouteAnswer | Refusal;
}

export interface RecordingView {
  /** From the configuration's folder where it lies below that; else absolute. */
  readonly name: string;
  /** Octets. */
  readonly size: number;
  /** ms since 1970. */
  readonly changed: number;
}

export interface RecordingsControl {
  /** Those that lie where scripts may write, the newest first; at most `limit`. */
  list(limit: number): Promise<readonly RecordingView[]>;
  /** The path of a recording: a WAV file that lies, links followed, where scripts may write. */
  find(name: string): Promise<string | Refusal>;
  /** Deletes a recording that nobody is writing. */
  remove(name: string): Promise<Refusal | undefined>;
}

export interface TextOrder {
  readonly to: string;
  readonly from?: string | undefined;
  readonly trunk?: string | undefined;
  readonly text: string;
}

export interface TextResult {
  readonly to: string;
  readonly status: "delivered" | "failed";
  /** The final response; 408: nobody answered; 503: nobody could be reached. */
  readonly code: number;
  readonly reason: string;
}

export interface OperatorControl {
  readonly calls: CallsControl;
  readonly routes: RoutesControl;
  readonly recordings: RecordingsControl;
  /** Sends a text (RFC 3428), and tells how that went. */
  text(order: TextOrder): Promise<TextResult | Refusal>;
  /** Ends the registrations of a user, `alice@example.com`: all, or that of one contact's URI. How many there were. */
  unregister(aor: string, contact: string | undefined): number;
}

export function isRefusal(value: object | string | undefined): value is Refusal {
  return typeof value === "object" && "refused" in value;
}
