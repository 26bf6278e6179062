/** What the stateful proxy is given: by whom it sends, finds its way, and keeps time; and what may be set. */
import type { Log } from "../../log.ts";
import type { Clock } from "../../sip/clock.ts";
import type { Random } from "../../sip/random.ts";
import type { TransactionLayer } from "../../sip/transaction/index.ts";
import type { SipUri } from "../../sip/uri.ts";
import type { Hop, Resolution } from "../../transport/resolve/contract.ts";
import type { CallRecord } from "../call-record.ts";
import type { MediaGateway } from "../media-gateway-seam.ts";
import type { MediaWish } from "../media-profile.ts";
import type { MediaRelay } from "../media-relay-seam.ts";
import type { RecordRoute } from "../record-route.ts";
import type { ProxyTarget } from "../target.ts";
import type { Ways } from "../ways.ts";

/** Where a URI leads (RFC 3263): the resolver. */
export interface ProxyResolver {
  resolve(uri: SipUri, done: (result: Resolution) => void): void;
  failed(hop: Hop): void;
  worked(hop: Hop): void;
}

export interface StatefulProxyOptions {
  readonly transactions: TransactionLayer;
  readonly ways: Ways;
  readonly resolver: ProxyResolver;
  readonly recordRoute: RecordRoute;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Of the store, for the marks of loops; the same for all proxies of this server. */
  readonly secret: Uint8Array;
  /**
   * Where the Contact of a peer within a dialog leads when it is a GRUU of ours (RFC 5627 §6.1): to a device that is
   * registered here. Undefined: it is not one, and is found like any URI.
   */
  readonly gruu?: ((uri: string) => ProxyTarget | undefined) | undefined;
  /** Whether a realm is ours: credentials for it leave no request that goes on, whichever way it came. */
  readonly ownRealm?: ((realm: string) => boolean) | undefined;
  /** Asked for calls that are forwarded with `nat`. */
  readonly relay?: MediaRelay | undefined;
  /** Asked for calls that are forwarded with `media`. */
  readonly gateway?: MediaGateway | undefined;
  /** Is given the record of each call when it is over. Without it no call is followed. */
  readonly record?: ((record: CallRecord) => void) | undefined;
  readonly limits?: Partial<StatefulProxyLimits> | undefined;
  /** Milliseconds since 1970, for records; `Date.now` by default. */
  readonly wallClock?: (() => number) | undefined;
}

export interface StatefulProxyLimits {
  /** Requests that are being forwarded at once; above, new ones outside of dialogs get 503, with twice as many all. */
  readonly requests: number;
  /** Octets of these requests in all, with the same consequence: what waits is in memory some three times. */
  readonly octets: number;
  /** Branches of one request in all, those of redirections included. */
  readonly branches: number;
  /** Answered calls that are followed until their BYE; above, the record of the oldest is closed as lost. */
  readonly followed: number;
  /** Milliseconds without any request in the dialog after which a call is lost. */
  readonly silence: number;
}

export const defaultLimits: StatefulProxyLimits = {
  requests: 50_000,
  octets: 128 * 1024 * 1024,
  branches: 60,
  followed: 100_000,
  silence: 24 * 3_600_000,
};

/** What can be said of one request that is forwarded. Times in milliseconds. */
export interface ForwardOptions {
  /** Timer C (RFC 3261 §16.6 step 11): how long an INVITE may be without news; more than three minutes. */
  readonly timerC?: number | undefined;
  /** A hop that has said nothing for so long gives way to the next, where there is one; by default 64*T1. */
  readonly noResponse?: number | undefined;
  /** Targets that have not answered an INVITE for so long give way to those of lower q; by default they may ring on. */
  readonly noAnswer?: number | undefined;
  /** The media is relayed, and every Contact that is not where it came from gets its alias. */
  readonly nat?: boolean | undefined;
  /** When media is converted; never without it, and never where requests within the dialog do not come this way. */
  readonly media?: MediaWish | undefined;
  /** The request belongs to a dialog whose media is converted. */
  readonly converted?: boolean | undefined;
  /** False: requests within the dialog do not come this way. */
  readonly recordRoute?: boolean | undefined;
  /** Tries the contacts of a redirection instead of sending it on. */
  readonly recurse3xx?: boolean | undefined;
}

/** Just above the three minutes that RFC 3261 asks for. */
export const defaultTimerC = 185_000;

/** What all contexts of a proxy share. */
export interface Around extends StatefulProxyOptions {
  readonly limits: StatefulProxyLimits;
}
