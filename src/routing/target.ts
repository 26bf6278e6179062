/** Where a proxy sends a request: one target of the target set (RFC 3261 §16.5), as routes and the registrar give it. */
import type { Flow } from "../sip/flow.ts";
import type { SipUri } from "../sip/uri.ts";

/**
 * @example
 * const target: ProxyTarget = { uri: "sip:bob@192.0.2.7", q: 0.5 };
 */
export interface ProxyTarget {
  /** The new Request-URI. */
  readonly uri: string;
  /** Route values to put on top, the first one topmost: a Path (RFC 3327), an outbound proxy. */
  readonly route?: readonly string[] | undefined;
  /** Where it is sent instead of where Route or Request-URI say; nothing is added to the message. */
  readonly nextHop?: SipUri | undefined;
  /** Sent on this very flow and nowhere else: a registered connection, the source of a client behind a NAT. */
  readonly flow?: Flow | undefined;
  /** 0 to 1, by default 1. Targets of equal q are tried in parallel, higher ones first. */
  readonly q?: number | undefined;
  /** `flow` is known to be gone: this target fails at once, with this status. */
  readonly lost?: 430 | 480 | undefined;
  /**
   * Other ways to the same client, tried in order when this one's flow is gone (430, or it cannot be sent to): the
   * further flows of one instance (RFC 5626 §5.3).
   */
  readonly failover?: readonly ProxyTarget[] | undefined;
}
