/** What can be asked of the calls that handlers have, and what they can be told. */
import type { Quality } from "./quality.ts";

export interface CallView {
  /** Short and unique in this process. */
  readonly id: string;
  readonly callId: string;
  /** The Call-ID of the call whose handler placed this one. */
  readonly placedBy?: string | undefined;
  readonly direction: "incoming" | "outgoing";
  readonly state: "ringing" | "answered" | "held";
  /** URIs without passwords. */
  readonly from: string;
  readonly to: string;
  /** The other side's display name; empty: none. */
  readonly name: string;
  /** The route's `script` or `exec`, or `api`. */
  readonly handler: string | undefined;
  /** ms since 1970. */
  readonly since: number;
  readonly answered: number | undefined;
  readonly codec: string | undefined;
  /** How its audio is encrypted. */
  readonly security: "none" | "sdes" | "dtls" | undefined;
  /** Where its INVITE came from: `udp:192.0.2.9:5060`. */
  readonly source: string | undefined;
  /** How its sound arrives, as it was counted last; undefined: nothing was counted yet. */
  readonly quality: Quality | undefined;
}

/** A call to place. */
export interface CallOrder {
  /** A URI, `user@host`, or with a trunk a number. */
  readonly to: string;
  readonly from?: string | undefined;
  readonly trunk?: string | undefined;
  /** Who handles it; neither: whoever gives commands by the API. */
  readonly script?: string | undefined;
  readonly exec?: readonly string[] | undefined;
  readonly variables?: Readonly<Record<string, string>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Given back in the feed. */
  readonly ref?: string | undefined;
}

/** Why something was not done. */
export interface Refusal {
  readonly refused: "not found" | "not allowed" | "wrong" | "busy" | "unavailable";
  readonly reason: string;
}

/** How a command went. `ref`: its number, by which the feed tells of it when it takes longer. */
export interface CommandOutcome {
  readonly ok: boolean;
  readonly reason?: string | undefined;
  readonly value?: unknown;
}

/** What an argument is: text, texts (or one alone), a number, a flag, or one of some words. */
export type WordType = "text" | "texts" | "number" | "flag" | { readonly words: readonly string[] };

/** A word of the vocabulary, for the API's document. */
export interface CommandWord {
  readonly name: string;
  readonly summary: string;
  readonly args: readonly {
    readonly name: string;
    readonly summary: string;
    readonly optional: boolean;
    readonly type: WordType;
    /** What a good value looks like. */
    readonly expected: string;
  }[];
}

export interface CallsControl {
  /** All words that `command` takes. */
  readonly vocabulary: readonly CommandWord[];
  /** At most `limit`, those first that began first. */
  list(limit: number): readonly CallView[];
  find(id: string): CallView | undefined;
  /** Checks a command and gives it to the call; `done` resolves when it is done, which may take as long as the call. */
  command(
    id: string,
    name: string,
    args: Readonly<Record<string, unknown>>,
  ): { readonly ref: string; readonly done: Promise<CommandOutcome> } | Refusal;
  place(order: CallOrder): CallView | Refusal;
}
