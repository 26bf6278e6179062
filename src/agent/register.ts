/**
 * A registration of ours at somebody's registrar (RFC 3261 §10.2): kept alive before it expires, asked for longer where the
 * registrar wants (423), tried again with growing pauses when it fails (RFC 5626 §4.5), and taken back at the end.
 */
import type { Timer } from "../sip/clock.ts";
import type { DigestAttempt, DigestClient } from "../sip/digest-client.ts";
import type { Flow } from "../sip/flow.ts";
import { buildRequest, type HeaderList, type Response } from "../sip/message.ts";
import { parseNameAddr, withoutParams } from "../sip/name-addr.ts";
import { newCallId, newTag } from "../sip/random.ts";
import { decodeUtf8, encodeUtf8 } from "../sip/text.ts";
import { formatUri, isSipUri, parseUri, type SipUri, uriEquals } from "../sip/uri.ts";
import { digestClient, type Identities, isAnswerable } from "./authenticate.ts";
import { type AgentContext, contactOn, flowTo, hopsTo, topVia } from "./context.ts";
import { HopWalk, type Sent } from "./hop-walk.ts";
import { type PreloadedRoute, preloadedRoute } from "./preloaded-route.ts";
import { fitted } from "./request.ts";

export interface RegisterOptions {
  /** The registrar: `sip:example.com`, without a user. */
  registrar: string;
  /** Who registers, as a name-addr: `"Alice" <sip:alice@example.com>`. */
  aor: string;
  auth?: Identities | undefined;
  /** Where we are reached, a URI; by default the user of `aor` at our own address. */
  contact?: string | undefined;
  /** Seconds that the registration is asked for; 3600 by default. */
  expires?: number | undefined;
  /** A server to send everything through: `sip:edge.example.com;lr`. */
  proxy?: string | undefined;
  /** The proxy is a strict router, of RFC 2543. */
  strictRoute?: boolean | undefined;
  /** Parameters of the Contact, where `contact` is not given: `;line=7`. */
  contactParams?: string | undefined;
  /** Milliseconds of the first pause after a failure, and of the longest; half a minute and half an hour by default. */
  retry?: { readonly first: number; readonly longest: number } | undefined;
  headers?: HeaderList | undefined;
}

/**
 * How a registration is doing.
 *
 * @example
 * const tell = (state: RegistrationState) =>
 *   console.log(state.name === "failed" ? `${state.reason}, again in ${state.retry} ms` : state.name);
 */
export type RegistrationState =
  /** A REGISTER is out, and we are not registered. */
  | { readonly name: "registering" }
  /** Until `expires` seconds after now; `service`: the route for our requests (RFC 3608). */
  | { readonly name: "registered"; readonly expires: number; readonly service: readonly string[] }
  /**
   * Refused, or nobody answered (408), or the registrar cannot be reached (503). It is tried again in `retry` ms.
   * `reason`: in words.
   */
  | { readonly name: "failed"; readonly status: number; readonly reason: string; readonly retry: number }
  /** Taken back, as asked for; or no answer came to that. The end. */
  | { readonly name: "ended" };

export type RegisterFailure = { failure: string };

/** Seconds. */
const defaultExpires = 3600;
const longestExpires = 7 * 86_400;
/** Milliseconds of the first pause after a failure, of the longest, and of the first when the registrar refused us. */
const pauses = { first: 30_000, longest: 1_800_000, refused: 300_000 };
const mostRetryAfter = 3_600_000;

/**
 * Registers, and stays registered until `stop`. `changed` is told of each new state, never before this returns.
 */
export function register(
  context: AgentContext,
  options: RegisterOptions,
  changed: (state: RegistrationState) => void,
): Registration | RegisterFailure {
  const registrar = parseUri(options.registrar);
  if (registrar === undefined || !isSipUri(registrar))
    return { failure: `${options.registrar} is no sip: URI of a registrar` };
  if (/[\x00-\x1f\x7f]/.test(options.aor) || parseNameAddr(encodeUtf8(options.aor)) === undefined)
    return { failure: `${options.aor} is nobody who can register; expected such as "Alice" <sip:alice@example.com>` };
  const { contact, expires } = options;
  if (contact !== undefined && parseUri(contact) === undefined) return { failure: `${contact} is no URI of a contact` };
  const route = routeTo(registrar, options);
  if ("failure" in route) return route;
  if (expires !== undefined && !(expires >= 1 && expires <= longestExpires))
    return { failure: `a registration lasts from 1 to ${longestExpires} seconds, not ${expires}` };
  const registration = new Registration(context, options, route, changed);
  context.clock.after(0, () => registration.start());
  return registration;
}

/** The way to the registrar. A proxy that is not strict is named in Route, with `lr` or without it. */
function routeTo(
  { scheme, host, port, params }: SipUri,
  { proxy, strictRoute }: RegisterOptions,
): PreloadedRoute | RegisterFailure {
  const registrar: SipUri = { scheme, host, port, params };
  const route = preloadedRoute(formatUri(registrar), registrar, { proxy, strictRoute });
  if ("failure" in route || proxy === undefined || strictRoute) return route;
  return { ...route, headers: [["Route", `<${proxy}>`]] };
}

export class Registration {
  readonly #context: AgentContext;
  readonly #options: RegisterOptions;
  readonly #route: PreloadedRoute;
  readonly #changed: (state: RegistrationState) => void;
  readonly #digest: DigestClient | undefined;
  readonly #callId: string;
  readonly #tag: string;
  #state: RegistrationState = { name: "registering" };
  #sequence = 0;
  /** Seconds to ask for: as wished, or as the registrar wants. */
  #expires: number;
  #failures = 0;
  /** When the last registration that succeeded ends, by our clock. */
  #until = 0;
  #timer: Timer | undefined;
  /** Counts the REGISTERs that stand for themselves: what comes of an older one is old news. */
  #round = 0;
  #stopping = false;
  #contact = "";
  #flow: Flow | undefined;

  constructor(
    context: AgentContext,
    options: RegisterOptions,
    route: PreloadedRoute,
    changed: (state: RegistrationState) => void,
  ) {
    this.#context = context;
    this.#options = options;
    this.#route = route;
    this.#changed = changed;
    this.#digest = digestClient(context, options.auth);
    this.#callId = newCallId(context.random);
    this.#tag = newTag(context.random);
    this.#expires = Math.floor(options.expires ?? defaultExpires);
  }

  get state(): RegistrationState {
    return this.#state;
  }

  /** The way that the last REGISTER went: what is called at our Contact comes along it. */
  get flow(): Flow | undefined {
    return this.#flow;
  }

  /** Sends a REGISTER now, whenever the next one would be due. */
  refresh(): void {
    if (!this.#stopping) this.start();
  }

  /** For the transport's `closed`: a registration over a connection that is gone is made anew. */
  closed(flow: Flow): void {
    if (this.#stopping || this.#state.name !== "registered" || this.#flow === undefined) return;
    // Ours is the way to a peer, and finds a connection when it sends: it is known by whom it leads to.
    const { transport, remote } = this.#flow;
    if (flow.transport !== transport || flow.remote.host !== remote.host || flow.remote.port !== remote.port) return;
    this.#to({ name: "registering" });
    this.start();
  }

  /** Takes the registration back, and ends. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#timer?.cancel();
    // The registrar may hold us though it has answered nothing yet, or failed to answer the last time.
    const asked = this.#state.name === "registering" && this.#sequence > 0;
    if (asked || this.#context.clock.now() < this.#until) this.start();
    else this.#context.clock.after(0, () => this.#to({ name: "ended" }));
  }

  /** For `register` alone. */
  start(): void {
    if (this.#state.name === "ended" || (this.#stopping && this.#sequence === 0)) return;
    this.#timer?.cancel();
    this.#round++;
    if (this.#state.name === "failed") this.#to({ name: "registering" });
    this.#send(this.#digest?.attempt(), 0);
  }

  /** `longer`: how often the registrar has asked for a longer time. */
  #send(attempt: DigestAttempt | undefined, longer: number): void {
    const context = this.#context;
    const round = this.#round;
    const current = () => round === this.#round;
    this.#sequence++;
    hopsTo(context, this.#route.nextHop, (found) => {
      if (!current()) return;
      if (!found.ok) return this.#failed(503, found.reason, undefined);
      new HopWalk(context, found.hops, {
        prepare: (hop) => this.#build(flowTo(context, hop), attempt),
        response: (response) => {
          if (current() && response.status >= 200) this.#answered(response, attempt, longer);
        },
        surplus: () => {},
        failed: (status) => {
          if (!current()) return;
          const reason = status === 408 ? "the registrar does not answer" : "the registrar cannot be reached";
          this.#failed(status, reason, undefined);
        },
      }).start();
    });
  }

  #build(flow: Flow, attempt: DigestAttempt | undefined): Sent {
    const context = this.#context;
    const aor = parseNameAddr(encodeUtf8(this.#options.aor));
    const user = aor !== undefined && isSipUri(aor.uri) ? aor.uri.user : undefined;
    const { contact, contactParams = "", headers = [] } = this.#options;
    this.#flow = flow;
    this.#contact =
      contact === undefined ? `${contactOn(context, flow, user).slice(0, -1)}${contactParams}>` : `<${contact}>`;
    const uri = this.#route.requestUri;
    const request = buildRequest({
      method: "REGISTER",
      uri,
      headers: [
        ["Via", topVia(context, flow)],
        ...this.#route.headers,
        ["Max-Forwards", "70"],
        ["From", `${withoutParams(encodeUtf8(this.#options.aor))};tag=${this.#tag}`],
        ["To", withoutParams(encodeUtf8(this.#options.aor))],
        ["Call-ID", this.#callId],
        ["CSeq", `${this.#sequence} REGISTER`],
        ["Contact", this.#contact],
        ["Expires", String(this.#stopping ? 0 : this.#expires)],
        ["Supported", "path"],
        ["User-Agent", context.settings.product],
        ...(attempt?.headers("REGISTER", uri) ?? []),
        ...headers,
      ],
    });
    return fitted(context, request, flow);
  }

  #answered(response: Response, attempt: DigestAttempt | undefined, longer: number): void {
    const { status } = response;
    if (isAnswerable(response, attempt)) return this.#send(attempt, longer);
    const wanted = readSeconds(response.header("min-expires"));
    if (status === 423 && !this.#stopping && longer < 2 && wanted !== undefined && wanted > this.#expires) {
      this.#expires = Math.min(wanted, longestExpires);
      return this.#send(attempt, longer + 1);
    }
    if (status >= 300) {
      const reason = status === 401 || status === 407 ? "the password is not accepted" : "the registrar refused";
      return this.#failed(status, `${reason}: ${status} ${decodeUtf8(response.reason)}`, response);
    }
    if (this.#stopping) return this.#to({ name: "ended" });
    this.#failures = 0;
    const expires = this.#granted(response);
    this.#until = this.#context.clock.now() + expires * 1000;
    this.#timer = this.#context.clock.after(this.#refreshAfter(expires), () => this.start());
    this.#to({ name: "registered", expires, service: response.values("service-route") });
  }

  /** Seconds that the registrar keeps us: at our Contact, else in Expires, else what we asked for. */
  #granted(response: Response): number {
    const own = parseNameAddr(this.#contact)?.uri;
    const contacts = response.values("contact").map((value) => parseNameAddr(value));
    const ours = contacts.find((one) => one !== undefined && own !== undefined && uriEquals(one.uri, own));
    const chosen = ours ?? (contacts.length === 1 ? contacts[0] : undefined);
    const granted = readSeconds(chosen?.params.get("expires")) ?? readSeconds(response.header("expires"));
    return Math.min(Math.max(granted ?? this.#expires, 1), longestExpires);
  }

  /** Milliseconds: at 80 to 90 % of the time, so that those who began together do not come back together. */
  #refreshAfter(expires: number): number {
    return expires * 1000 * (0.8 + 0.1 * this.#fraction());
  }

  #failed(status: number, reason: string, response: Response | undefined): void {
    if (this.#stopping) return this.#to({ name: "ended" });
    this.#failures++;
    const temporary = status === 408 || status === 480 || status >= 500;
    const { first, longest } = this.#options.retry ?? pauses;
    const base = (temporary ? first : Math.max(first, pauses.refused)) * 2 ** Math.min(this.#failures - 1, 10);
    const asked = readSeconds(response?.header("retry-after"));
    const own = Math.min(base, longest) * (0.5 + 0.5 * this.#fraction());
    const retry = Math.round(asked === undefined ? own : Math.max(own, Math.min(asked * 1000, mostRetryAfter)));
    this.#timer = this.#context.clock.after(retry, () => this.start());
    this.#to({ name: "failed", status, reason, retry });
  }

  #fraction(): number {
    return Number.parseInt(this.#context.random.token(4), 16) / 2 ** 32;
  }

  #to(state: RegistrationState): void {
    if (this.#state.name === "ended") return;
    if (state.name === "ended") this.#timer?.cancel();
    this.#state = state;
    this.#changed(state);
  }
}

/** `delta-seconds`, at most what fits a clock; undefined for what is none. */
function readSeconds(text: string | undefined): number | undefined {
  const [digits] = /^\d{1,10}/.exec(text ?? "") ?? [];
  return digits === undefined ? undefined : Math.min(Number(digits), 2 ** 31);
}
