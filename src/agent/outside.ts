/** Requests of any method outside of a dialog (RFC 3261 §8.1): sent where RFC 3263 leads, and again where they are challenged. */
import type { DigestAttempt, DigestClient } from "../sip/digest-client.ts";
import type { Flow } from "../sip/flow.ts";
import { buildRequest, type HeaderList, type Request, type Response } from "../sip/message.ts";
import { parseNameAddr, withoutParams } from "../sip/name-addr.ts";
import { newCallId, newTag } from "../sip/random.ts";
import { encodeUtf8, isToken } from "../sip/text.ts";
import { isSipUri, parseUri, type SipUri } from "../sip/uri.ts";
import type { Hop } from "../transport/resolve/index.ts";
import { digestClient, type Identities, isAnswerable } from "./authenticate.ts";
import { type AgentContext, contactOn, flowTo, flowToward, hopOf, hopsTo, topVia } from "./context.ts";
import { HopWalk, type Sent } from "./hop-walk.ts";
import { type PreloadedRoute, preloadedRoute, type RouteOptions } from "./preloaded-route.ts";
import { fitted } from "./request.ts";

export interface OutsideOptions extends RouteOptions {
  method: string;
  /** The Request-URI: a `sip:` or `sips:` URI. */
  uri: string;
  /** Name-addrs: `"Alice" <sip:alice@example.com>`. By default siproc at our own address, and whom `uri` names. */
  from?: string | undefined;
  to?: string | undefined;
  /** A Contact of one's own, in brackets; by default the user of `from` at our own address. `none` leaves it out. */
  contact?: string | undefined;
  headers?: HeaderList | undefined;
  body?: Uint8Array | undefined;
  auth?: Identities | undefined;
  /** The way to whom it is for, where that is known: a phone's own connection. */
  flow?: Flow | undefined;
  /** To go on with what an earlier request began; fresh ones by default. `sequence`: of the CSeq before. */
  callId?: string | undefined;
  localTag?: string | undefined;
  sequence?: number | undefined;
}

export interface OutsideUser {
  /** Provisional responses, the final one, and each 2xx to an INVITE; `sent` is what they answer. */
  response(response: Response, sent: OutsideSent): void;
  /** Nobody answered (408), or nobody could be reached (503): RFC 3261 §8.1.3.1. */
  failed(status: 408 | 503): void;
}

export interface OutsideSent extends Sent {
  readonly message: Request;
  readonly way: Flow;
  readonly contact: string;
}

/** Sends a request, or says what is wrong with it. Nothing is reported before this returns. */
export function requestOutside(
  context: AgentContext,
  options: OutsideOptions,
  user: OutsideUser,
): OutsideRequest | { failure: string } {
  const { method, uri: text, from, to } = options;
  const uri = parseUri(text);
  if (!isToken(method) || method === "ACK" || method === "CANCEL")
    return { failure: `${method} is no method to begin with` };
  if (uri === undefined || !isSipUri(uri)) return { failure: `${text} is no sip: URI` };
  for (const party of [from, to])
    if (party !== undefined && (/[\x00-\x1f\x7f]/.test(party) || parseNameAddr(encodeUtf8(party)) === undefined))
      return { failure: `${party} is nobody; expected such as "Alice" <sip:alice@example.com>` };
  const route = preloadedRoute(text, uri, options);
  if ("failure" in route) return route;
  const request = new OutsideRequest(context, options, uri, route, user);
  request.start();
  return request;
}

export class OutsideRequest {
  readonly callId: string;
  readonly localTag: string;
  readonly digest: DigestClient | undefined;
  readonly #context: AgentContext;
  readonly #options: OutsideOptions;
  readonly #uri: SipUri;
  readonly #route: PreloadedRoute;
  readonly #user: OutsideUser;
  readonly #attempt: DigestAttempt | undefined;
  readonly #from: string;
  readonly #contactUser: string | undefined;
  #sequence: number;
  #walk: HopWalk<OutsideSent> | undefined;
  #over = false;
  /** The credentials of the last one that was sent: an ACK repeats them (RFC 3261 §22.1). */
  credentials: HeaderList = [];

  constructor(context: AgentContext, options: OutsideOptions, uri: SipUri, route: PreloadedRoute, user: OutsideUser) {
    this.#context = context;
    this.#options = options;
    this.#uri = uri;
    this.#route = route;
    this.#user = user;
    this.callId = options.callId ?? newCallId(context.random);
    this.localTag = options.localTag ?? newTag(context.random);
    this.digest = digestClient(context, options.auth);
    this.#attempt = this.digest?.attempt();
    this.#sequence = options.sequence ?? 0;
    const own = context.ways.contactFor(flowToward(context, route.nextHop)).split(";", 1)[0];
    this.#from = withoutParams(encodeUtf8(options.from ?? "")) || `<sip:siproc@${own}>`;
    const party = parseNameAddr(this.#from)?.uri;
    this.#contactUser = party !== undefined && isSipUri(party) ? party.user : undefined;
  }

  /** The number of the last one that was sent. */
  get sequence(): number {
    return this.#sequence;
  }

  /** For `requestOutside` alone. */
  start(): void {
    const { flow } = this.#options;
    if (flow !== undefined) return this.#send([hopOf(flow)]);
    hopsTo(this.#context, this.#route.nextHop, (found) => {
      if (this.#over) return;
      if (found.ok) return this.#send(found.hops);
      this.#context.log.info("a request cannot be sent", { method: this.#options.method, reason: found.reason });
      this.#context.clock.after(0, () => this.#failed(503));
    });
  }

  /** Cancels an INVITE (RFC 3261 §9.1); no effect on what has been answered, nor on other methods. */
  cancel(): void {
    this.#walk?.cancel();
  }

  /** Nothing is reported any more. */
  forget(): void {
    this.#over = true;
  }

  #send(hops: readonly Hop[]): void {
    this.#sequence++;
    this.#walk = new HopWalk(this.#context, hops, {
      prepare: (hop) => this.#prepare(this.#options.flow ?? flowTo(this.#context, hop)),
      response: (response, sent) => this.#answered(response, sent),
      surplus: (response, sent) => this.#answered(response, sent),
      failed: (status) => this.#failed(status),
    });
    this.#walk.start();
  }

  #prepare(flow: Flow): OutsideSent {
    const context = this.#context;
    const { method, to, headers = [], body, contact: given } = this.#options;
    const { requestUri, headers: routes } = this.#route;
    this.credentials = this.#attempt?.headers(method, requestUri, body) ?? [];
    const contact = given ?? contactOn(context, flow, this.#contactUser, this.#uri.scheme === "sips");
    const message = buildRequest({
      method,
      uri: requestUri,
      headers: [
        ["Via", topVia(context, flow)],
        ...routes,
        ["Max-Forwards", "70"],
        ["From", `${this.#from};tag=${this.localTag}`],
        ["To", to === undefined ? `<${this.#options.uri}>` : withoutParams(encodeUtf8(to))],
        ["Call-ID", this.callId],
        ["CSeq", `${this.#sequence} ${method}`],
        ...(given === "none" ? [] : [["Contact", contact] as const]),
        ["User-Agent", context.settings.product],
        ...this.credentials,
        ...headers,
      ],
      body,
    });
    return { ...fitted(context, message, flow), contact };
  }

  #answered(response: Response, sent: OutsideSent): void {
    if (this.#over) return;
    if (isAnswerable(response, this.#attempt)) return this.#send(this.#walk?.remaining ?? []);
    this.#user.response(response, sent);
  }

  #failed(status: 408 | 503): void {
    if (this.#over) return;
    this.#over = true;
    this.#user.failed(status);
  }
}
