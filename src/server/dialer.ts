/**
 * Whom handlers may call, and which way: the guard against toll fraud (`scripts.allow.dial`), then a phone that is registered
 * with us, a trunk, or the network.
 */
import type { InviteFailure, InviteOptions, Session, Subscriptions, SubscriptionUser } from "../agent/index.ts";
import type { Call, CallFacts, Dialer, DialOptions } from "../call/index.ts";
import { type Pattern, type ProxyTarget, userAtHost } from "../routing/index.ts";
import { formatNameAddr } from "../sip/name-addr.ts";
import { decodeUtf8, encodeUtf8 } from "../sip/text.ts";
import { escapeUser, isSipUri, isTelUri, parseUri, type SipUri, withoutPassword } from "../sip/uri.ts";
import type { Calls } from "./calls.ts";
import type { Trunk } from "./trunk.ts";
import type { Trunks } from "./trunks.ts";

export interface DialerParts {
  readonly calls: Pick<Calls, "place" | "placeOn">;
  readonly trunks: Pick<Trunks, "find" | "leadingTo">;
  readonly subscriptions: Subscriptions;
  /** Where a user of ours is registered; none for anybody else. */
  registered(uri: SipUri): readonly ProxyTarget[];
  /** The next hop to our own routes for a URI of a domain of ours; none for anybody else's. */
  ownWay(uri: SipUri): string | undefined;
}

/** What a call to somebody is made with, or why nobody is called. */
export type Way = Omit<InviteOptions, "headers"> | InviteFailure;

type Wishes = Pick<DialOptions, "from" | "trunk" | "device">;

/** Phones of one user that ring at once. */
const mostDevices = 10;

export class ServerDialer implements Dialer {
  /** Whom handlers may call. */
  allowed: readonly Pattern[] = [];
  readonly #parts: DialerParts;
  /** What a route lets one call in particular have called, and through what, by the call's facts. */
  readonly #granted = new WeakMap<CallFacts, { readonly target: string; readonly trunk: string }>();

  readonly #trusted = new WeakSet<CallFacts>();

  constructor(parts: DialerParts) {
    this.#parts = parts;
  }

  dial(by: Call, target: string, { handler, headers, ...wishes }: DialOptions): Call | InviteFailure {
    const way = this.permitted(by.facts, target, wishes);
    const maxForwards = forwardsLeft(by.facts);
    if (maxForwards <= 0) return tooFar;
    return "failure" in way
      ? way
      : this.#parts.calls.place(
          { ...way, headers, maxForwards, prefer: by.session.offerAnswer.codec },
          handler,
          undefined,
          by.facts,
        );
  }

  dialOn(by: Call, target: string, given: Parameters<Dialer["dialOn"]>[2]): Session | InviteFailure {
    const { user, headers, ...wishes } = given;
    const way = this.permitted(by.facts, target, wishes, ourselves(by.facts));
    const maxForwards = forwardsLeft(by.facts);
    if (maxForwards <= 0) return tooFar;
    return "failure" in way ? way : this.#parts.calls.placeOn({ ...way, headers, maxForwards }, user);
  }

  subscribe(by: Call, target: string, what: Parameters<NonNullable<Dialer["subscribe"]>>[2], user: SubscriptionUser) {
    const way = this.permitted(by.facts, target, {}, ourselves(by.facts));
    if ("failure" in way) return way;
    const { uri, from, auth, proxy, strictRoute, service } = way;
    return this.#parts.subscriptions.subscribe({ uri, from, auth, proxy, strictRoute, service, ...what }, user);
  }

  devices(target: string, trunk?: string): number {
    const uri = parseUri(uriText(target, undefined) ?? "");
    if (trunk !== undefined || uri === undefined || !isSipUri(uri) || this.#parts.trunks.leadingTo(uri)) return 1;
    return Math.max(1, this.#reachable(uri).length);
  }

  /** Lets a call's handler call `target` through a trunk, whatever else it may: a route says so. */
  grant(call: CallFacts, target: string, trunk: string): void {
    this.#granted.set(call, { target, trunk });
  }

  /** Lets a call's handler call whom it likes. */
  trust(call: CallFacts): void {
    this.#trusted.add(call);
  }

  /** The way to whom a handler may call. */
  permitted(by: CallFacts, target: string, wishes: Wishes, caller = callerOf(by)): Way {
    const granted = this.#granted.get(by);
    if (granted?.target === target) return this.wayTo(target, { ...wishes, trunk: granted.trunk });
    const way = this.wayTo(target, { ...wishes, caller });
    if ("failure" in way || this.#trusted.has(by)) return way;
    // A number may be named as it is, or with the trunk's domain.
    for (const text of [target, way.meant]) {
      const uri = parseUri(text);
      if (uri === undefined || !(isSipUri(uri) || isTelUri(uri))) continue;
      if (this.allowed.some((pattern) => pattern.match(userAtHost(uri)) !== undefined)) return way;
    }
    return { failure: `${shown(target)} may not be called: no pattern of scripts.allow.dial names it` };
  }

  /**
   * The way to anybody: a URI, `user@host`, or with a trunk a number. `from` counts for every way, `caller` where a trunk
   * does not say who calls.
   */
  wayTo(
    target: string,
    { from, trunk, device = 0, caller }: Wishes & { caller?: string | undefined },
  ): Way & { meant: string } {
    const none = (failure: string) => ({ failure, meant: "" });
    const named = trunk === undefined ? undefined : this.#parts.trunks.find(trunk);
    if (trunk !== undefined && named === undefined) return none(`there is no trunk “${shown(trunk)}”`);
    const text = uriText(target, named);
    const uri = text === undefined ? undefined : parseUri(text);
    if (text === undefined || uri === undefined || !isSipUri(uri))
      return none(`${shown(target)} cannot be called; expected sip:user@host${named ? " or a number" : ""}`);
    const through = named ?? this.#parts.trunks.leadingTo(uri);
    if (through !== undefined) {
      const out = through.outgoing(text);
      return { ...out, from: from ?? out.from, meant: text };
    }
    const way = { from: from ?? caller, meant: text };
    const phone = this.#reachable(uri)[device];
    if (phone !== undefined) return { uri: phone.uri, service: phone.route, flow: phone.flow, ...way };
    if (this.#parts.registered(uri).length === 0) return { uri: text, proxy: this.#parts.ownWay(uri), ...way };
    return none(`${shown(target)} is registered, and cannot be reached at the moment`);
  }

  /** The phones of a user of ours that can be called now; those that want to be tried first alone (RFC 3261 §16.6). */
  #reachable(uri: SipUri): readonly ProxyTarget[] {
    const phones = this.#parts.registered(uri).filter(({ lost }) => lost === undefined);
    const best = phones[0]?.q ?? 1;
    return phones.filter(({ q = 1 }) => q === best).slice(0, mostDevices);
  }
}

const tooFar: InviteFailure = { failure: "the call has come through too many servers, or through this one too often" };

/** How many servers a call may pass that a call which came in leads to (RFC 7332): one less, so that no route calls itself for ever. */
function forwardsLeft({ direction, headers }: CallFacts): number {
  if (direction === "outgoing") return 70;
  const written = headers.find(([name]) => name.toLowerCase() === "max-forwards")?.[1] ?? "";
  return /^\d{1,3}$/.test(written) ? Math.min(Number(written), 70) - 1 : 69;
}

/** `sip:…` and `sips:…` as they stand; `user@host`; a number or `tel:` of a trunk. */
function uriText(target: string, trunk: Trunk | undefined): string | undefined {
  const uri = parseUri(target);
  if (uri !== undefined && isSipUri(uri)) return target;
  if (trunk !== undefined && uri !== undefined && isTelUri(uri)) return trunk.uriOf(uri.number);
  if (/^[^\s<>"@:]+@[^\s<>"@]+$/.test(target)) return `sip:${target}`;
  if (trunk === undefined || target === "" || target.length > 128 || /[\s@:<>"]/.test(target)) return undefined;
  return trunk.uriOf(escapeUser(encodeUtf8(target)));
}

/** Our own end of a call, which goes on where the caller is not who calls. */
function ourselves({ localUri }: CallFacts): string | undefined {
  return /^sips?:[\x21-\x7e]+$/i.test(localUri) ? `<${withoutPassword(localUri)}>` : undefined;
}

/** Who called the handler calls on; undefined where that is nobody whom a From could name. */
function callerOf({ direction, remoteName, remoteUri, localUri }: CallFacts): string | undefined {
  const uri = direction === "incoming" ? remoteUri : localUri;
  if (!/^sips?:[\x21-\x7e]+$/i.test(uri)) return undefined;
  const display = direction === "incoming" && !/[\x00-\x1f\x7f]/.test(remoteName) ? encodeUtf8(remoteName) : "";
  try {
    return decodeUtf8(formatNameAddr({ display, uri: withoutPassword(uri) }));
  } catch {
    return undefined;
  }
}

function shown(text: string): string {
  const clean = withoutPassword(text).replace(/[^\x20-\x7e]/g, "?");
  return clean.length > 100 ? `${clean.slice(0, 100)}…` : clean;
}
