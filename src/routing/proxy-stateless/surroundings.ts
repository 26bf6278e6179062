/** What the stateless proxy is given: its ways to peers, who finds its targets, and its secret. */
import type { Log } from "../../log.ts";
import type { Random } from "../../sip/random.ts";
import type { TransactionLayer } from "../../sip/transaction/index.ts";
import type { SipUri } from "../../sip/uri.ts";
import type { Resolution } from "../../transport/resolve/contract.ts";
import type { MediaRelay } from "../media-relay-seam.ts";
import type { RecordRoute } from "../record-route.ts";
import type { ProxyTarget } from "../target.ts";
import type { Ways } from "../ways.ts";

/** Where a URI leads (RFC 3263): the resolver. */
export interface StatelessResolver {
  /** `random` decides among equals: from the same one, the same order. */
  resolve(uri: SipUri, done: (result: Resolution) => void, random?: Random): void;
}

export interface StatelessProxyOptions {
  /** Answers what cannot be forwarded. */
  readonly transactions: Pick<TransactionLayer, "replyStateless">;
  readonly ways: Ways;
  readonly resolver: StatelessResolver;
  readonly recordRoute: RecordRoute;
  /** Kept in the store: what is under way while we restart finds its way then. */
  readonly secret: Uint8Array;
  readonly log: Log;
  /**
   * Where the Contact of a peer within a dialog leads when it is a GRUU of ours (RFC 5627 §6.1): to a device that is
   * registered here. Undefined: it is not one, and is found like any URI.
   */
  readonly gruu?: ((uri: string) => ProxyTarget | undefined) | undefined;
  /** Whether a realm is ours: what is said to its proxies is for no one behind us (RFC 3261 §22.3). */
  readonly ownRealm?: ((realm: string) => boolean) | undefined;
  /** Asked for calls that are forwarded with `nat`. */
  readonly relay?: MediaRelay | undefined;
}

export interface StatelessForwardOptions {
  /**
   * Replaces SIP Contacts by URIs of ours where a message changes from one address of ours to another, or, with
   * "force", always; requests that come to them are sent on to the Contact. Nobody but us can read or make them.
   */
  readonly rewriteContact?: boolean | "force" | undefined;
  /** The media is relayed, and every Contact that is not where it came from gets its alias. */
  readonly nat?: boolean | undefined;
  /** False: requests within the dialog do not come this way. */
  readonly recordRoute?: boolean | undefined;
  /** False: registrations that are sent on get no Path. */
  readonly path?: boolean | undefined;
}
