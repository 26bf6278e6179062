/** What phones are served with: accounts, registrar, proxies, the guard against abuse; made once, set anew on a reload. */
import { type AccountStore, type Accounts, AccountTable, allAccounts, StoredAccounts } from "../accounts/index.ts";
import type { Config, Route } from "../config/config.ts";
import type { Feed } from "../control/feed.ts";
import type { StatusRelay } from "../control/status.ts";
import { hash } from "../hash.ts";
import type { Log } from "../log.ts";
import {
  type AuthorizeOutcome,
  authorizer,
  Bans,
  type CallRecord,
  chain,
  Guard,
  type GuardSettings,
  type Incoming,
  type PatternMatch,
  type ProxyTarget,
  type Receiver,
  RecordRoute,
  StatefulProxy,
  StatelessProxy,
} from "../routing/index.ts";
import {
  type Binding,
  type DomainOf,
  domainMeant,
  Gruus,
  KeepAlive,
  Location,
  locate,
  registrar,
  servedDomains,
  targetsOf,
} from "../routing/registrar/index.ts";
import type { Clock } from "../sip/clock.ts";
import type { DigestAlgorithm } from "../sip/digest.ts";
import { Nonces } from "../sip/digest-nonce.ts";
import type { Flow } from "../sip/flow.ts";
import type { Request, Response } from "../sip/message.ts";
import { secureRandom } from "../sip/random.ts";
import { decodeUtf8 } from "../sip/text.ts";
import type { ServerTransaction, TransactionLayer } from "../sip/transaction/index.ts";
import { isSipUri, parseUri, type SipUri, type Uri } from "../sip/uri.ts";
import type { Store } from "../store/index.ts";
import type { TransportLayer } from "../transport/index.ts";
import type { Resolver } from "../transport/resolve/index.ts";
import type { OnPath } from "./dispatch.ts";
import { Forwarding, type ForwardingAction, type ForwardingParts } from "./forwarding.ts";
import type { Gateway } from "./gateway.ts";
import type { Relay } from "./relay.ts";
import { turnHeaders } from "./turn.ts";
import { WrongPasswords } from "./wrong-passwords.ts";

export interface ServiceParts {
  clock: Clock;
  log: Log;
  store: Store;
  /** Where accounts are kept that can be changed; the store by default. */
  accounts?: AccountStore | undefined;
  transport: TransportLayer;
  transactions: TransactionLayer;
  resolver: Resolver;
  relay: Relay;
  /** Told of each forwarded call that is over. */
  forwarded?: ((record: CallRecord) => void) | undefined;
  gateway: Gateway;
  feed: Feed;
}

interface AuthorizeEvent {
  readonly source: string;
  readonly user: string | undefined;
  readonly outcome: AuthorizeOutcome;
  readonly proved: boolean;
}

export class Services implements OnPath {
  readonly guard: Guard;
  readonly location: Location;
  readonly stateless: StatelessProxy;
  readonly stateful: StatefulProxy;
  /** Those of the configuration, then those of the store. */
  readonly accounts: Accounts;
  readonly configured = new AccountTable();
  readonly stored: StoredAccounts;
  readonly recordRoute: RecordRoute;
  readonly gruus: Gruus;
  readonly #parts: ServiceParts;
  readonly #wrongPasswords: WrongPasswords;
  #keepAlive: KeepAlive | undefined;
  #nonces: Nonces;
  #domainOf: DomainOf = () => undefined;
  #config: Config;

  constructor(config: Config, parts: ServiceParts) {
    const { clock, log, store, transport, transactions, resolver, relay } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#wrongPasswords = new WrongPasswords(clock, log);
    this.stored = new StoredAccounts(parts.accounts ?? store.accounts);
    this.accounts = allAccounts(this.configured, this.stored);
    if (this.stored.unreadable.length > 0)
      log.warn("accounts of the store cannot be read and are left alone", {
        accounts: this.stored.unreadable.join(" "),
      });
    const bans = new Bans({ now: Date.now, store: store.bans });
    this.guard = new Guard({
      clock,
      bans,
      settings: guardSettings(config),
      banned: (source, why) => {
        log.warn("an address is banned", { source, why, minutes: Math.round(this.#config.ban.for / 60_000) });
        parts.feed.publish("ban.began", { source, why, until: Date.now() + this.#config.ban.for });
        transport.disconnect(source);
      },
    });
    this.location = new Location({ clock, store: store.bindings });
    this.recordRoute = new RecordRoute({ secret: store.secret("record-route"), ways: transport, isOwn: this.isOwn });
    this.gruus = new Gruus(store.secret("gruu"));
    this.#nonces = this.#newNonces(config);
    const gruu = (uri: string) => this.#device(uri);
    const proxyParts = {
      transactions,
      ways: transport,
      resolver,
      recordRoute: this.recordRoute,
      clock,
      log,
      relay: relay.calls,
      gruu,
      ownRealm: (realm: string) => this.#isOwnRealm(realm),
    };
    this.stateless = new StatelessProxy({ ...proxyParts, secret: store.secret("stateless") });
    this.stateful = new StatefulProxy({
      ...proxyParts,
      secret: store.secret("stateful"),
      random: secureRandom,
      gateway: parts.gateway.calls,
      record: parts.forwarded,
    });
    parts.gateway.bye = (bye) => this.stateful.hangUp(bye);
  }

  /** Whether we ask for passwords in the name of this realm. Without domains any could be meant, and none is taken for ours. */
  #isOwnRealm(realm: string): boolean {
    const { accounts, auth, domains } = this.#config;
    if (accounts === undefined) return false;
    return realm === auth.realm || (domains.length > 0 && this.#domainOf(realm, undefined) !== undefined);
  }

  /** The domain of ours that a host stands for; undefined: none. */
  get domainOf(): DomainOf {
    return this.#domainOf;
  }

  readonly isOwn = (host: string, port: number | undefined): boolean => this.#parts.transport.isOwn(host, port);

  /** Takes over a configuration: the first one, and those that are read later. */
  use(config: Config): void {
    const { clock, transport } = this.#parts;
    const ports = new Set(transport.listening.map(({ local }) => local.port));
    // Whatever the port: who writes an address of ours in place of a domain means us.
    const isOurs = (host: string) => [...ports].some((port) => transport.isOwn(host, port));
    const old = this.#config;
    this.#config = config;
    this.guard.settings = guardSettings(config);
    const { removed } = this.configured.replace(config.accounts ?? []);
    this.#domainOf = servedDomains(config.domains, isOurs);
    if (removed.length > 0) this.forgetStrangers();
    if (config.auth.nonce !== old.auth.nonce) this.#nonces = this.#newNonces(config);
    if (this.#keepAlive === undefined || config.registrar.keepalive !== old.registrar.keepalive) {
      this.#keepAlive?.close();
      this.#keepAlive = new KeepAlive({
        location: this.location,
        ways: transport,
        clock,
        interval: config.registrar.keepalive,
      });
    }
  }

  /** Whose account is gone, or disabled, is registered no longer. `users`: only these, in ASCII, were changed; by default, any. */
  forgetStrangers(users?: ReadonlySet<string>): void {
    const strangers: Binding[] = [];
    for (const binding of this.location.all()) {
      const { aor } = binding;
      const at = aor.lastIndexOf("@");
      const user = aor.slice(0, at);
      if (users !== undefined && !users.has(user)) continue;
      const account = this.accounts.find(decodeUtf8(user), aor.slice(at + 1));
      if (account === undefined || account.disabled) strangers.push(binding);
    }
    for (const binding of strangers) this.location.remove(binding);
  }

  /** Those of the configuration that each account can be checked with: what is asked for must not depend on the user. */
  get algorithms(): DigestAlgorithm[] {
    return this.#config.auth.algorithms.filter((one) => this.configured.allKnow(one) && this.stored.allKnow(one));
  }

  get takesRegistrations(): boolean {
    return this.#config.accounts !== undefined || this.#config.registrar.open;
  }

  /** Takes REGISTERs; undefined where nobody is to register. */
  registrar(): Receiver | undefined {
    const { accounts, registrar: settings, page } = this.#config;
    if (!this.takesRegistrations) return undefined;
    const keep = registrar({
      location: this.location,
      limits: settings,
      domainOf: this.#domainOf,
      isOwn: this.isOwn,
      gruus: this.gruus,
      owns: (authenticated, user) => authenticated === undefined || authenticated.user === decodeUtf8(user),
      holdOpen: (flow, ms) => this.#parts.transport.holdOpen(flow, ms),
      welcome: page?.turn && ((incoming) => turnHeaders(page.turn, incoming, Date.now())),
    });
    return accounts === undefined ? keep : chain(this.#authorize("www", []), keep);
  }

  /** Lets through whom a route's `auth` lets through. Proxies ask with 407, who answers himself with 401. */
  authorizer({ auth, action }: Pick<Route, "auth" | "action">): Receiver {
    return this.#authorize(action.type === "proxy" || action.type === "location" ? "proxy" : "www", auth ?? []);
  }

  /** Sends on what a route matches. */
  proxy(action: ForwardingAction): (incoming: Incoming, groups: PatternMatch) => void {
    const { transport } = this.#parts;
    const parts: ForwardingParts = {
      ways: transport,
      location: this.location,
      domainOf: this.#domainOf,
      gruus: this.gruus,
      known:
        this.#config.accounts === undefined
          ? undefined
          : (user, domain) => this.accounts.find(decodeUtf8(user), domain) !== undefined,
      stateless: this.stateless,
      stateful: this.stateful,
      nobody: (source, proved) => this.guard.failed(source, "calls to nobody", proved),
    };
    const forwarding = new Forwarding(parts, action);
    return (incoming, groups) => forwarding.forward(incoming, groups);
  }

  /** Where a user of ours is registered, the ways in the order to try them. */
  registered(uri: SipUri): readonly ProxyTarget[] {
    const { domainOf } = this;
    if (domainOf(uri.host, uri.port) === undefined) return [];
    const { bindings } = locate(uri, { location: this.location, domainOf, gruus: this.gruus });
    return [...targetsOf(bindings, this.#parts.transport)].sort(
      (a, b) => Number(a.lost !== undefined) - Number(b.lost !== undefined) || (b.q ?? 1) - (a.q ?? 1),
    );
  }

  byRoute(incoming: Incoming): boolean {
    const { request, flow, tx } = incoming;
    const passage = this.recordRoute.read(request, flow);
    if (passage.own && passage.genuine) {
      (passage.mark.mode === "stateless" ? this.stateless : this.stateful).inDialog(incoming);
      return true;
    }
    if (this.stateless.contact(incoming)) return true;
    // Within a dialog a Route of ours has a pass. Outside of one we may be somebody's outbound proxy.
    if (!passage.own || request.to.tag === undefined) return false;
    tx.respondStateless(403, { reason: "Route Not Allowed" });
    return true;
  }

  cancel(tx: ServerTransaction, cancel: Request): boolean {
    return this.stateful.cancel(tx, cancel);
  }

  response(response: Response, flow: Flow): boolean {
    return this.stateless.response(response, flow);
  }

  /** Whether a request belongs to a dialog that a proxy of ours has let come about. */
  isOnPath(request: Request): boolean {
    const passage = this.recordRoute.read(request);
    return passage.own && passage.genuine;
  }

  /** Calls whose media is relayed or converted. */
  get relayed(): number {
    return this.#parts.relay.size + this.#parts.gateway.size;
  }

  /** Makes the relay ready where no route asks for it: for receivers that a program adds. Throws MediaError. */
  async relayMedia(): Promise<void> {
    await this.#parts.relay.start();
  }

  async relays(limit: number): Promise<StatusRelay[]> {
    const lists = await Promise.all([this.#parts.gateway.list(limit), this.#parts.relay.list(limit)]);
    return lists.flat().slice(0, limit);
  }

  close(): void {
    this.#wrongPasswords.stop();
    this.#keepAlive?.close();
    this.location.close();
  }

  /** The device that a GRUU of ours is of. */
  #device(uri: string): ProxyTarget | undefined {
    if (!uri.includes(";gr")) return undefined;
    const target = parseUri(uri);
    if (target === undefined || !isSipUri(target) || !target.params.has("gr")) return undefined;
    const { transport } = this.#parts;
    const { domainOf } = this;
    if (domainOf(target.host, target.port) === undefined) return undefined;
    const { bindings } = locate(target, { location: this.location, domainOf, gruus: this.gruus });
    return targetsOf(bindings, transport)[0] ?? { uri, lost: 480 };
  }

  #authorize(kind: "www" | "proxy", filters: NonNullable<Route["auth"]>): Receiver {
    const { auth } = this.#config;
    return authorizer({
      accounts: this.accounts,
      realm: (request) => auth.realm ?? this.#speaksFor(request),
      domain: auth.realm === undefined ? undefined : (request) => this.#speaksFor(request),
      nonces: this.#nonces,
      algorithms: this.algorithms,
      kind,
      filters,
      isOwn: (host) => this.#domainOf(host, undefined) !== undefined,
      tell: (event) => this.told(event),
    });
  }

  /** The domain whose user makes a request: that of a REGISTER's target, of another's From, or else our first. */
  #speaksFor(request: Request): string {
    const own = request.method === "REGISTER" ? domainMeant(request, this) : this.#domainIn(request.from.uri);
    return own ?? this.#domainIn(request.target) ?? this.#config.domains[0] ?? "siproc";
  }

  #domainIn(uri: Uri | undefined): string | undefined {
    return uri !== undefined && isSipUri(uri) ? this.#domainOf(uri.host, uri.port) : undefined;
  }

  /** What an authorizer has found of a request: right passwords are trusted, wrong ones counted. */
  told({ source, outcome, proved, user }: AuthorizeEvent): void {
    if (outcome === "accepted") this.guard.trust(source);
    else if (outcome === "wrong") {
      this.guard.failed(source, "wrong passwords", proved);
      this.#wrongPasswords.tell(user, source);
    }
  }

  #newNonces(config: Config): Nonces {
    return new Nonces({
      clock: this.#parts.clock,
      hash,
      secret: crypto.getRandomValues(new Uint8Array(32)),
      lifetime: config.auth.nonce,
    });
  }
}

function guardSettings({ ban, limits }: Config): GuardSettings {
  return { ...ban, requestsPerSource: limits.requestsPerSource };
}
