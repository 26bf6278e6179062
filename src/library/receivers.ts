/** The receivers of a chain as an agent makes them: each bound to its sockets, registrations and transactions. */
import { AccountTable, commonAlgorithms } from "../accounts/index.ts";
import { hash } from "../hash.ts";
import {
  authorizer,
  chain,
  type Incoming,
  isHopByHop,
  only,
  type ProxyTarget,
  type Receiver,
} from "../routing/index.ts";
import { type DomainOf, domainMeant, redirect, registrar, servedDomains } from "../routing/registrar/index.ts";
import type { Server } from "../server/index.ts";
import { Nonces } from "../sip/digest-nonce.ts";
import type { Request } from "../sip/message.ts";
import { isSipUri, parseUri, type Uri } from "../sip/uri.ts";
import { type AuthOption, type AuthOptions, accountsOf, filterOf } from "./auth.ts";
import { type AgentOptions, nextHops, userUri } from "./settings.ts";
import { findTargets, type Targeting } from "./targets.ts";

/**
 * What a registrar takes; times in seconds.
 *
 * @example
 * ua.createRegistrar({ domain: ["example.com", "example.org"], minExpires: 30, maxExpires: 300 });
 */
export interface RegistrarOptions {
  /** The domains that are served; any by default. */
  readonly domain?: string | readonly string[] | undefined;
  /** A shorter registration is answered 423; 60 by default. */
  readonly minExpires?: number | undefined;
  /** Where a phone names none; 3600 by default. */
  readonly defaultExpires?: number | undefined;
  /** Longer ones are shortened to this; 7200 by default. */
  readonly maxExpires?: number | undefined;
  /** Contacts that one user may have at a time; 10 by default. */
  readonly maxContacts?: number | undefined;
  /** Who may register; anybody as anybody by default. */
  readonly auth?: AuthOption | undefined;
}

/**
 * Where a proxy sends what it takes. In this order: what `target` says, who is registered here, `domain2proxy`, and with
 * `anywhere` where the Request-URI says. All else is left to the next receiver.
 *
 * @example
 * ua.createStatefulProxy({ domain2proxy: { "example.org": "192.0.2.7:5070" }, nat: true });
 */
export interface ProxyOptions {
  readonly target?: Targeting | undefined;
  /** As of the agent, and instead of its own. */
  readonly domain2proxy?: AgentOptions["domain2proxy"] | undefined;
  /** Sends what nothing else decides to where its Request-URI says. Ask those who may do so for a password. */
  readonly anywhere?: boolean | undefined;
  /** Requests within the dialog come this way, too; true by default. */
  readonly recordRoute?: boolean | undefined;
  /** Relays audio and video, so that phones behind NATs hear each other. */
  readonly nat?: boolean | undefined;
  /** Who may send; anybody by default. */
  readonly auth?: AuthOption | undefined;
}

/**
 * The same, and what a stateless proxy does with Contacts.
 *
 * @example
 * ua.createStatelessProxy({ rewriteContact: true });
 */
export interface StatelessProxyOptions extends ProxyOptions {
  /** Puts us into Contact where a message changes from one address of ours to another. */
  readonly rewriteContact?: boolean | undefined;
  /** Puts us into every Contact. */
  readonly forceRewrite?: boolean | undefined;
}

/**
 * A contact of a user who is registered here.
 *
 * @example
 * for (const { uri, expires } of ua.contactsOf("alice@example.com")) console.log(uri, expires);
 */
export interface RegisteredContact {
  readonly uri: string;
  /** Seconds left. */
  readonly expires: number;
  /** 0 to 1. */
  readonly q: number;
  /** How the phone calls itself. */
  readonly userAgent: string | undefined;
}

/** Makes receivers; an Agent is one of these. */
export class Receivers {
  readonly #server: Server;
  readonly #options: AgentOptions;
  #domains: readonly string[] = [];
  #served: DomainOf = servedDomains([]);

  constructor(server: Server, options: AgentOptions) {
    this.#server = server;
    this.#options = options;
  }

  /**
   * Lets through who knows a password, and challenges everybody else. Wrong passwords count against their source: see
   * docs/abuse.md.
   *
   * @example
   * ua.serve(ua.createAuth({ accounts: { alice: "wonderland" } }), ua.createRegistrar());
   */
  createAuth(options: AuthOptions): Receiver {
    const accounts = accountsOf(options.accounts);
    const { realm, filter, kind, algorithms = ["MD5"] } = options;
    const { agent, services, transport } = this.#server;
    return authorizer({
      accounts,
      realm: (request) => realm ?? this.#speaksFor(request),
      domain: (request) => this.#speaksFor(request),
      nonces: new Nonces({ clock: agent.context.clock, hash, secret: crypto.getRandomValues(new Uint8Array(32)) }),
      algorithms: accounts instanceof AccountTable ? commonAlgorithms(accounts, algorithms) : algorithms,
      filters: filter === undefined ? [] : [filterOf(filter)],
      kind,
      isOwn: (host) => transport.listening.some(({ local }) => transport.isOwn(host, local.port)),
      tell: (event) => services.told(event),
    });
  }

  /**
   * Takes registrations. The contacts are the agent's: all its proxies find them.
   *
   * @example
   * ua.serve(ua.createRegistrar({ domain: "example.com", auth: { accounts: { alice: "wonderland" } } }));
   */
  createRegistrar(options: RegistrarOptions = {}): Receiver {
    const { minExpires = 60, defaultExpires = 3600, maxExpires = 7200, maxContacts = 10 } = options;
    const { services, transport } = this.#server;
    this.#domains = [...this.#domains, ...[options.domain ?? []].flat()];
    this.#served = servedDomains(this.#domains, (host) =>
      transport.listening.some(({ local }) => transport.isOwn(host, local.port)),
    );
    const keep = registrar({
      location: services.location,
      limits: { minExpires, defaultExpires: Math.min(defaultExpires, maxExpires), maxExpires, maxContacts },
      domainOf: this.#domainOf,
      isOwn: (host, port) => transport.isOwn(host, port),
      gruus: services.gruus,
      holdOpen: (flow, ms) => transport.holdOpen(flow, ms),
    });
    return this.behindAuth(options.auth, (incoming) => incoming.request.method === "REGISTER", keep);
  }

  /** Where a user is registered now: `alice@example.com`, or `alice` with the agent's domain. */
  contactsOf(user: string): readonly RegisteredContact[] {
    const uri = parseUri(userUri("user", user, this.#options.domain));
    const { location } = this.#server.services;
    const domain = uri !== undefined && isSipUri(uri) ? this.#domainOf(uri.host, uri.port) : undefined;
    if (uri === undefined || !isSipUri(uri) || domain === undefined) return [];
    return location.lookup(`${uri.user ?? ""}@${domain}`).map((binding) => ({
      uri: binding.contact,
      expires: location.secondsLeft(binding),
      q: binding.q,
      userAgent: binding.userAgent,
    }));
  }

  /**
   * Answers with 302 and the contacts of who is registered here; who is not gets 480.
   *
   * @example
   * ua.serve(ua.createRegistrar(), ua.createRedirect());
   */
  createRedirect({ auth }: { auth?: AuthOption | undefined } = {}): Receiver {
    const { location, gruus } = this.#server.services;
    const tell = redirect({ location, domainOf: this.#domainOf, gruus });
    return this.behindAuth(auth, ({ request }) => request.method !== "REGISTER" && !isHopByHop(request), tell);
  }

  /**
   * Forwards each message by what it says itself, and remembers nothing.
   *
   * @example
   * ua.serve(ua.createRegistrar(), ua.createStatelessProxy());
   */
  createStatelessProxy(options: StatelessProxyOptions = {}): Receiver {
    const { recordRoute, nat, rewriteContact, forceRewrite } = options;
    const { stateless } = this.#server.services;
    const rewrite = forceRewrite ? "force" : rewriteContact;
    return this.#proxy(options, (incoming, [target]) => {
      if (target !== undefined) stateless.forward(incoming, target, { recordRoute, nat, rewriteContact: rewrite });
    });
  }

  /**
   * Forwards with transactions: forks to all targets, tries the next when one fails, cancels the losers.
   *
   * @example
   * ua.serve(ua.createRegistrar(), ua.createStatefulProxy({ auth: { accounts: { alice: "wonderland" } } }));
   */
  createStatefulProxy(options: ProxyOptions = {}): Receiver {
    const { recordRoute, nat } = options;
    const settings = { recordRoute, nat };
    const { stateful } = this.#server.services;
    return this.#proxy(options, (incoming, targets) => stateful.forward(incoming, targets, settings));
  }

  /** A receiver behind the authorizer that its options ask for: who sends what it takes is asked for a password. */
  protected behindAuth(
    auth: AuthOption | undefined,
    takes: (incoming: Incoming) => boolean,
    receiver: Receiver,
  ): Receiver {
    return only(takes, auth === undefined ? receiver : chain(this.#authorizer(auth, "www"), receiver));
  }

  /** Registrars that are made later count as well. */
  readonly #domainOf: DomainOf = (host, port) => this.#served(host, port);

  #proxy(options: ProxyOptions, forward: (incoming: Incoming, targets: readonly ProxyTarget[]) => void): Receiver {
    const parts = {
      server: this.#server,
      domainOf: this.#domainOf,
      next: nextHops(options.domain2proxy ?? this.#options.domain2proxy),
      decide: options.target,
      anywhere: options.anywhere ?? false,
    };
    const authorize = options.auth === undefined ? undefined : this.#authorizer(options.auth, "by-method");
    if (options.nat === true) this.#server.startRelay();
    return (incoming) => {
      const found = findTargets(incoming.request, parts);
      if (found === "elsewhere") return false;
      if (authorize?.(incoming) === true) return true;
      if (found !== "absent") forward(incoming, found);
      else if (isHopByHop(incoming.request)) return false;
      else incoming.tx.respondStateless(480);
      return true;
    };
  }

  #authorizer(auth: AuthOption, kind: AuthOptions["kind"]): Receiver {
    return typeof auth === "function" ? auth : this.createAuth({ ...auth, kind: auth.kind ?? kind });
  }

  /** The domain whose user makes a request: that of a REGISTER's target, of another's From, or else of who is called. */
  #speaksFor(request: Request): string {
    const domainOf = this.#domainOf;
    const isOwn = (host: string, port: number | undefined) => this.#server.transport.isOwn(host, port);
    const ours = (uri: Uri | undefined) =>
      uri !== undefined && isSipUri(uri) ? domainOf(uri.host, uri.port) : undefined;
    const own = request.method === "REGISTER" ? domainMeant(request, { domainOf, isOwn }) : ours(request.from.uri);
    return own ?? ours(request.target) ?? this.#domains[0] ?? "siproc";
  }
}
