/** One account of ours elsewhere: kept registered, known by what calls it brings, and the way of calls that go out by it. */
import {
  type AgentContext,
  type InviteOptions,
  preloadedRoute,
  Registration,
  type RegistrationState,
  register,
} from "../agent/index.ts";
import type { TrunkSettings } from "../config/config.ts";
import type { StatusTrunk } from "../control/status.ts";
import type { Log } from "../log.ts";
import type { Timer } from "../sip/clock.ts";
import type { Flow } from "../sip/flow.ts";
import { canonicalHost } from "../sip/host.ts";
import type { Request } from "../sip/message.ts";
import { isSipUri, parseUri, type SipUri, withTransport } from "../sip/uri.ts";

const emptyLine = new Uint8Array([0x0d, 0x0a]);
const ping = new Uint8Array([0x0d, 0x0a, 0x0d, 0x0a]);

export interface TrunkParts {
  readonly context: AgentContext;
  readonly log: Log;
  /** ms since 1970. */
  now(): number;
  /** This address has proved to be our provider's. */
  trust(address: string): void;
  /** Told of each change. */
  changed(trunk: Trunk, state: RegistrationState): void;
}

export class Trunk {
  readonly settings: TrunkSettings;
  readonly #parts: TrunkParts;
  readonly #log: Log;
  /** The Contact's parameter that nobody but the registrar and who asks it learns: who calls it comes by this trunk. */
  readonly #line: string;
  readonly #registration: Registration | undefined;
  readonly #ended = Promise.withResolvers<void>();
  #service: readonly string[] = [];
  #since: number;
  #keepAlive: Timer | undefined;
  #registered = false;

  constructor(settings: TrunkSettings, parts: TrunkParts) {
    this.settings = settings;
    this.#parts = parts;
    this.#log = parts.log.with({ trunk: settings.name });
    this.#line = parts.context.random.token(8);
    this.#since = parts.now();
    this.#registration = this.#register();
    if (this.#registration === undefined) this.#ended.resolve();
  }

  get name(): string {
    return this.settings.name;
  }

  get state(): RegistrationState | undefined {
    return this.#registration?.state;
  }

  /**
   * Whether a request came by this trunk: it is for the Contact that we registered, or for our user there and from where
   * we are registered.
   */
  brought({ target }: Request, { remote }: Flow): boolean {
    if (target === undefined || !isSipUri(target)) return false;
    if (target.params.get("line") === this.#line) return true;
    const home = this.#registered ? this.#registration?.flow?.remote : undefined;
    return home !== undefined && remote.host === home.host && target.user === this.settings.user;
  }

  /** Whether a URI leads to this trunk's domain, or its registrar or proxy. */
  leadsTo({ host }: SipUri): boolean {
    const { domain, registrar, proxy } = this.settings;
    return [domain, hostOf(registrar), hostOf(proxy)].some(
      (own) => own !== undefined && canonicalHost(own) === canonicalHost(host),
    );
  }

  /** The URI of a number, or a user as it stands in a URI, there. */
  uriOf(user: string): string {
    const { scheme, address } = this.settings;
    return `${scheme}:${user}@${address}`;
  }

  /** What a call to `uri` through this trunk is made with. Only servers of the trunk's own are shown the password. */
  outgoing(uri: string): Pick<InviteOptions, "uri" | "from" | "auth" | "proxy" | "strictRoute" | "service" | "srtp"> {
    const { id, auth, proxy, strictRoute, transport, srtp } = this.settings;
    const onItsWay = proxy !== undefined || this.#service.length > 0;
    const target = parseUri(uri);
    const ours = onItsWay || (target !== undefined && isSipUri(target) && this.leadsTo(target));
    return {
      uri: onItsWay || !ours ? uri : withTransport(uri, transport),
      from: id,
      auth: ours ? auth : undefined,
      proxy,
      strictRoute,
      service: this.#service,
      srtp,
    };
  }

  /** A connection is gone. */
  closed(flow: Flow): void {
    this.#registration?.closed(flow);
  }

  /** Takes the registration back; resolves when the registrar has said so, or will not. */
  async stop(): Promise<void> {
    this.#registration?.stop();
    await this.#ended.promise;
  }

  status(): StatusTrunk {
    const { name, registrar, id, domain } = this.settings;
    const state = this.state;
    const seconds = Math.max(0, Math.round((this.#parts.now() - this.#since) / 1000));
    return {
      name,
      id,
      registrar,
      domain,
      state: state?.name ?? "unregistered",
      seconds,
      expires: state?.name === "registered" ? state.expires : undefined,
      failure:
        state?.name === "failed" ? { status: state.status, reason: state.reason, retry: state.retry } : undefined,
      service: this.#service,
    };
  }

  #register(): Registration | undefined {
    const { registrar, id, auth, expires, proxy, strictRoute, retry } = this.settings;
    if (registrar === undefined) return undefined;
    const made = register(
      this.#parts.context,
      {
        registrar,
        aor: id,
        auth,
        expires,
        proxy,
        strictRoute,
        retry,
        contactParams: `;line=${this.#line}`,
      },
      (state) => this.#to(state),
    );
    if (made instanceof Registration) return made;
    this.#log.error("this trunk cannot register", { reason: made.failure });
    return undefined;
  }

  /** A Service-Route that cannot be taken is none (RFC 3608 §6.1): better a call without it than no call. */
  #usable(service: readonly string[]): readonly string[] {
    const { proxy } = this.settings;
    const target = parseUri(this.uriOf("x"));
    if (target === undefined || !isSipUri(target)) return [];
    if (!("failure" in preloadedRoute(this.uriOf("x"), target, { proxy, service }))) return service;
    this.#log.warn("the registrar's Service-Route is no route, and not taken");
    return [];
  }

  /** An empty line now and then (RFC 5626 §3.5.1), for the NAT before us. */
  #keepOpen(flow: Flow): void {
    const { keepalive } = this.settings;
    if (keepalive === 0) return;
    this.#keepAlive = this.#parts.context.clock.after(keepalive, () => {
      flow.send(flow.reliable ? ping : emptyLine);
      this.#keepOpen(flow);
    });
  }

  #to(state: RegistrationState): void {
    const was = this.#registered;
    this.#since = this.#parts.now();
    this.#registered = state.name === "registered";
    this.#keepAlive?.cancel();
    switch (state.name) {
      case "registered": {
        this.#service = this.#usable(state.service);
        const flow = this.#registration?.flow;
        if (flow !== undefined) {
          this.#parts.trust(flow.remote.host);
          this.#keepOpen(flow);
        }
        this.#log[was ? "debug" : "info"]("registered", { as: this.settings.id, seconds: state.expires });
        break;
      }
      case "failed":
        this.#log.warn("not registered", {
          reason: state.reason,
          status: state.status,
          retry: `in ${Math.round(state.retry / 1000)} s`,
        });
        break;
      case "ended":
        this.#service = [];
        this.#log.info("no longer registered");
        this.#ended.resolve();
        break;
      case "registering":
        break;
    }
    this.#parts.changed(this, state);
  }
}

function hostOf(uri: string | undefined): string | undefined {
  const parsed = uri === undefined ? undefined : parseUri(uri);
  return parsed !== undefined && isSipUri(parsed) ? parsed.host : undefined;
}
