/** The receivers of a chain as an agent makes them: each bound to its sockets, registrations and transactions. */
import { AccountTable, commonAlgorithms } from "../accounts/index.ts";
import { hash } from "../hash.ts";
import {
  type AuthorizeFilter,
  type AuthorizeFilterName,
  authorizer,
  type Incoming,
  isHopByHop,
  type ProxyTarget,
  type Receiver,
} from "../routing/index.ts";
import { absence, locate, redirect, registrar, servedDomains, targetsOf } from "../routing/registrar/index.ts";
import type { Server } from "../server/index.ts";
import { Nonces } from "../sip/digest-nonce.ts";
import type { Request } from "../sip/message.ts";
import { isSipUri, parseUri } from "../sip/uri.ts";
import { type AccountsOption, accountsOf, OptionError, serverUri } from "./settings.ts";

export interface AuthOptions {
  /** `{ alice: "wonderland" }`, or accounts. */
  readonly accounts: AccountsOption;
  /** By default the domain that is asked. */
  readonly realm?: string;
  readonly algorithms?: readonly ("MD5" | "SHA-256" | "SHA-512-256")[];
  /** What must hold besides: `from-is-auth-user`, `from-is-realm`, `to-is-from`, or functions of your own. */
  readonly filters?: readonly (AuthorizeFilterName | AuthorizeFilter)[];
  /** `www` (401) or `proxy` (407); by default the first for REGISTER and the second for all else. */
  readonly kind?: "www" | "proxy" | "by-method";
}

export interface RegistrarArguments {
  /** The domains that are served; any by default. */
  readonly domain?: string | readonly string[];
  /** Seconds. */
  readonly minExpires?: number;
  readonly defaultExpires?: number;
  readonly maxExpires?: number;
  readonly maxContacts?: number;
}

/** Where a request that a proxy takes is to go; undefined: the next receiver's. A text is a URI. */
export type Targeting = (request: Request) => string | ProxyTarget | readonly ProxyTarget[] | undefined;

export interface ProxyArguments {
  /**
   * Domains and where their requests go: `{ "example.com": "192.0.2.1:5060", "*": "192.0.2.2" }`. The Request-URI stays as
   * it is. Users that are registered here come first.
   */
  readonly domain2proxy?: Readonly<Record<string, string>>;
  /** Decides before registrations and `domain2proxy` are asked. */
  readonly target?: Targeting;
  /** Sends what nothing above decides to where its Request-URI says. Who sends so must be somebody you trust: put an authorizer before it. */
  readonly anywhere?: boolean;
  /** Requests within the dialog come this way, too; true by default. */
  readonly recordRoute?: boolean;
  /** Relays the media. */
  readonly nat?: boolean;
}

export interface StatelessArguments extends ProxyArguments {
  /** Puts us into Contact where a message changes from one address of ours to another. */
  readonly rewriteContact?: boolean;
  /** Puts us into every Contact. */
  readonly forceRewrite?: boolean;
}

export class Receivers {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  /** Lets through who knows a password, and challenges everybody else. */
  createAuth(options: AuthOptions): Receiver {
    const accounts = new AccountTable(accountsOf(options.accounts));
    const { realm, filters, kind } = options;
    const { clock } = this.#server.agent.context;
    return authorizer({
      accounts,
      realm: (request) => realm ?? hostOf(request),
      nonces: new Nonces({ clock, hash, secret: crypto.getRandomValues(new Uint8Array(32)) }),
      algorithms: commonAlgorithms(accounts, options.algorithms ?? ["SHA-256", "MD5"]),
      ...(filters === undefined ? {} : { filters }),
      ...(kind === undefined ? {} : { kind }),
    });
  }

  /** Takes registrations. Put an authorizer before it, unless everybody may register as anybody. */
  createRegistrar(options: RegistrarArguments = {}): Receiver {
    const { minExpires = 60, defaultExpires = 3600, maxExpires = 7200, maxContacts = 10 } = options;
    return registrar({
      location: this.#server.services.location,
      limits: { minExpires, defaultExpires, maxExpires, maxContacts },
      domainOf: servedDomains([options.domain ?? []].flat()),
    });
  }

  /** Answers with 302 and the contacts of who is registered here; who is not gets 480. */
  createRedirect({ domain }: Pick<RegistrarArguments, "domain"> = {}): Receiver {
    return redirect({ location: this.#server.services.location, domainOf: servedDomains([domain ?? []].flat()) });
  }

  /** Forwards each message by what it says itself, and remembers nothing. */
  createStatelessProxy(options: StatelessArguments = {}): Receiver {
    const { recordRoute, nat, rewriteContact, forceRewrite } = options;
    const { stateless } = this.#server.services;
    return this.#proxy(options, (incoming, [target]) => {
      if (target !== undefined)
        stateless.forward(incoming, target, {
          recordRoute,
          nat,
          rewriteContact: forceRewrite ? "force" : rewriteContact,
        });
    });
  }

  /** Forwards with transactions: forks to all targets, tries the next when one fails, cancels the losers. */
  createStatefulProxy(options: ProxyArguments = {}): Receiver {
    const { recordRoute, nat } = options;
    const { stateful } = this.#server.services;
    return this.#proxy(options, (incoming, targets) => stateful.forward(incoming, targets, { recordRoute, nat }));
  }

  #proxy(options: ProxyArguments, forward: (incoming: Incoming, targets: readonly ProxyTarget[]) => void): Receiver {
    const next = new Map(Object.entries(options.domain2proxy ?? {}).map(([name, to]) => [name.toLowerCase(), hop(to)]));
    return (incoming) => {
      const { request } = incoming;
      const targets = this.#targets(request, options, next);
      if (targets.length > 0) forward(incoming, targets);
      else if (isHopByHop(request)) return false;
      else if (targets === nowhere) return false;
      else incoming.tx.respondStateless(480);
      return true;
    };
  }

  /** `nowhere`: the next receiver's; empty: a user of ours who is not there. */
  #targets(
    request: Request,
    { target: decide, anywhere }: ProxyArguments,
    next: ReadonlyMap<string, ProxyTarget["nextHop"]>,
  ): readonly ProxyTarget[] {
    const { target, uri } = request;
    const decided = decide?.(request);
    if (decided !== undefined) return typeof decided === "string" ? [{ uri: decided }] : [decided].flat();
    if (target === undefined || !isSipUri(target)) return nowhere;
    const { location } = this.#server.services;
    const { aor, bindings } = locate(target, { location, domainOf: servedDomains([]) });
    const registered = targetsOf(bindings, this.#server.transport);
    if (registered.length > 0) return registered;
    const host = target.host.toLowerCase();
    const nextHop = next.get(host) ?? next.get("*");
    if (nextHop !== undefined) return [{ uri, nextHop }];
    if (anywhere === true) return [{ uri }];
    return absence(aor, undefined) === 480 && this.#server.transport.isOwn(target.host, target.port) ? [] : nowhere;
  }
}

const nowhere: readonly ProxyTarget[] = [];

function hop(text: string): ProxyTarget["nextHop"] {
  const uri = parseUri(serverUri("domain2proxy", text));
  if (uri === undefined || !isSipUri(uri)) throw new OptionError("domain2proxy", `“${text}” is no host or SIP URI`);
  return uri;
}

function hostOf({ target }: Request): string {
  return target !== undefined && isSipUri(target) ? target.host.toLowerCase() : "siproc";
}
