/** How a call calls others, and finds those that are up: what a handler can reach beyond its own call. */
import type {
  InviteFailure,
  Session,
  SessionUser,
  SubscribeOptions,
  Subscription,
  SubscriptionUser,
} from "../agent/index.ts";
import type { HeaderList } from "../sip/message.ts";
import type { Call } from "./call.ts";
import type { Handler } from "./control.ts";
import type { Rooms } from "./rooms.ts";

export interface DialOptions {
  /** Who calls, as a name-addr: `"Alice" <sip:alice@example.com>`; by default as the server sees fit. */
  from?: string | undefined;
  /** Through this trunk, whatever the target's host; by default through the one whose domain it is, if there is one. */
  trunk?: string | undefined;
  /** Which of the phones that `devices` has counted, from 0. */
  device?: number | undefined;
  /** Further header fields of the INVITE. */
  headers?: HeaderList | undefined;
  /** Runs the new call. It is started before the INVITE leaves. */
  handler: Handler;
}

/** The one way by which handlers cause calls: whoever stands behind it decides who may be called, and through whom. */
export interface Dialer {
  /** How many phones a target has that are to ring at once: 1 for whoever is no registered user of ours. */
  devices?(target: string, trunk?: string): number;
  /**
   * Calls `target`, a URI, because the handler of `by` asked for it.
   * @returns the new call, or why there is none: not allowed, no URI, no room
   */
  dial(by: Call, target: string, options: DialOptions): Call | InviteFailure;
  /**
   * Calls `target` for `by` itself, which goes on with who answers (a transfer that it follows): under the same rules as
   * `dial`, but as no call of its own. `user` is told nothing before this returns.
   */
  dialOn(
    by: Call,
    target: string,
    options: Omit<DialOptions, "handler"> & { user: SessionUser },
  ): Session | InviteFailure;
  /**
   * Subscribes to the state of `target` because the handler of `by` asked for it, under the same rules as `dial`. Nothing is
   * told to `user` before this returns.
   */
  subscribe?(
    by: Call,
    target: string,
    what: Pick<SubscribeOptions, "event" | "accept">,
    user: SubscriptionUser,
  ): Subscription | InviteFailure;
}

/** The calls of this process. */
export interface Peers {
  /** The call of that id, while it is up. */
  find(id: string): Call | undefined;
  /** Where they meet, if they may. */
  readonly rooms?: Rooms;
}
