/**
 * A SIP endpoint for programs that speak SIP themselves: requests and responses of any method, with the transactions,
 * retransmissions, challenges and dialogs done for them. Bodies, SDP and audio are the program's own.
 */
import {
  acknowledge,
  contactOn,
  type DialogUsage,
  isSecure,
  OkRetransmission,
  type OutsideSent,
  request,
  requestOutside,
  type UserAgent,
} from "../agent/index.ts";
import { type Incoming, isHopByHop, type Receiver } from "../routing/index.ts";
import { Dialog } from "../sip/dialog.ts";
import type { Flow } from "../sip/flow.ts";
import { buildResponse, type Request, type Response } from "../sip/message.ts";
import { newTag } from "../sip/random.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { isSipUri } from "../sip/uri.ts";
import { addressOf, type ContextOptions, EndpointContext } from "./endpoint-context.ts";
import { hangUp, nameAddr, nowhere, uriOf, userOrServer } from "./endpoint-parties.ts";
import type { Application, EndpointRegistration, EndpointRequestOptions, EndpointResponse } from "./endpoint-types.ts";
import { octetsOf } from "./request.ts";
import { type AgentOptions, headerList, OptionError, ownAddress, routeUri } from "./settings.ts";

/** Contexts at a time; who floods us with more gets 503. */
const mostContexts = 10_000;
/** Methods whose first request makes a dialog (RFC 3261 §12, RFC 6665 §4.4.1, RFC 3515 §4.1). */
const dialogMakers: ReadonlySet<string> = new Set(["INVITE", "SUBSCRIBE", "REFER"]);
/** Methods that carry a Contact within a dialog (RFC 3261 §12.2). */
const targetRefreshing: ReadonlySet<string> = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"]);

/**
 * Sends and takes requests of any method. `ua.createEndpoint` makes one.
 *
 * @example
 * const endpoint = ua.createEndpoint((endpoint, ctx, request) => {
 *   if (request.method === "INVITE") endpoint.newResponse(ctx, { request, status: 486 });
 * });
 * ua.serve(endpoint.receive);
 */
export class Endpoint {
  readonly #agent: UserAgent;
  readonly #options: AgentOptions;
  readonly #failed: (error: unknown) => void;
  readonly #contexts = new Map<string, EndpointContext>();
  readonly #asked = new WeakMap<Request, ServerTransaction>();
  #application: Application;

  /** @internal */
  constructor(agent: UserAgent, options: AgentOptions, application: Application, failed: (error: unknown) => void) {
    this.#agent = agent;
    this.#options = options;
    this.#application = application;
    this.#failed = failed;
    agent.share(this.#usage);
  }

  /** Calls, and requests of other kinds, that are known. */
  get contexts(): number {
    return this.#contexts.size;
  }

  setApplication(application: Application): void {
    this.#application = application;
  }

  /** A new call, or a change of one (re-INVITE): see `newRequest`. A 2xx is acknowledged by itself. */
  invite(ctx: EndpointContext | ContextOptions, options: EndpointRequestOptions = {}): EndpointContext {
    return this.newRequest("INVITE", ctx, options);
  }

  /** Sends one REGISTER; `ua.register` stays registered. */
  register(given: EndpointRegistration): EndpointContext {
    const { registrar, from, expires = 900, callback, headers, ...rest } = given;
    const pairs = [["Expires", String(expires)] as const, ...headerList("headers", headers)];
    return this.newRequest("REGISTER", { ...rest, from, to: from }, { callback, uri: registrar, headers: pairs });
  }

  /**
   * Sends a request: the first of a new context, or a further one, within its dialog where there is one. Challenges are
   * answered where the context has `auth`. Throws OptionError.
   */
  newRequest(
    method: string,
    ctx: EndpointContext | ContextOptions,
    options: EndpointRequestOptions = {},
  ): EndpointContext {
    const known = ctx instanceof EndpointContext ? ctx : undefined;
    if (known !== undefined && this.#contexts.get(known.callId) !== known)
      throw new OptionError("ctx", "the context is closed, or another endpoint's");
    if (known !== undefined && options.callback !== undefined) known.callback = options.callback;
    if (known?.dialog !== undefined) this.#sendWithin(known, known.dialog, method, options);
    else return this.#sendOutside(method, known, known?.options ?? (ctx as ContextOptions), options);
    return known;
  }

  /**
   * Cancels the INVITE of a context that has no final response yet. Gives how many were cancelled: 0 or 1; its callback gets the 487.
   */
  cancelInvite(ctx: EndpointContext): 0 | 1 {
    const { inviting } = ctx;
    if (inviting === undefined) return 0;
    ctx.inviting = undefined;
    inviting.cancel();
    return 1;
  }

  /** Forgets a context, without a word to the other side: hang up by `newRequest("BYE", ctx)`. */
  closeContext(ctx: EndpointContext): void {
    ctx.closed = true;
    ctx.unacknowledged?.();
    ctx.dialog?.terminate();
    if (this.#contexts.get(ctx.callId) === ctx) this.#contexts.delete(ctx.callId);
  }

  /**
   * Answers a request that came in. A 2xx to an INVITE is repeated until its ACK comes, and gets a Contact where it has none. False:
   * it has its final response already. Throws OptionError.
   */
  newResponse(ctx: EndpointContext, response: EndpointResponse): boolean {
    const { request: asked, status, reason } = response;
    const tx = this.#asked.get(asked);
    if (tx === undefined) throw new OptionError("request", "it did not come in by this endpoint");
    if (tx.finalSent) return false;
    const given = headerList("headers", response.headers);
    const own = given.some(([name]) => name.toLowerCase() === "contact");
    const forming = dialogMakers.has(asked.method) && status > 100 && status < 300;
    const built = buildResponse(asked, status, {
      reason,
      toTag: status === 100 ? undefined : ctx.localTag,
      source: tx.flow.remote,
      copyRecordRoute: forming,
      headers: [...(forming && !own ? [["Contact", ctx.contact] as const] : []), ...given],
      body: octetsOf(response.body),
    });
    const sent = tx.respond(built);
    if (status >= 200) this.#answered(ctx, tx, built);
    return sent;
  }

  /** The endpoint as a member of a chain: takes requests of all methods that begin something. */
  readonly receive: Receiver = (incoming: Incoming) => {
    const { request: asked, tx } = incoming;
    if (isHopByHop(asked) || asked.to.tag !== undefined) return false;
    const known = this.#contexts.get(asked.callId);
    if (known === undefined && asked.method === "BYE") this.#agent.reply(tx, 481);
    // A request of our own that came back to us.
    else if (known?.incoming === false) this.#agent.reply(tx, 482);
    else if (known === undefined && this.#contexts.size >= mostContexts)
      this.#agent.reply(tx, 503, { headers: [["Retry-After", "10"]] });
    else {
      const ctx = known ?? this.#contextOf(asked, tx);
      if (ctx !== undefined) this.#ask(ctx, tx, asked);
    }
    return true;
  };

  readonly #usage: DialogUsage = {
    owns: (asked) => this.#contexts.get(asked.callId)?.localTag === asked.to.tag,
    request: (tx, asked) => {
      const ctx = this.#contexts.get(asked.callId);
      if (ctx?.dialog === undefined) return this.#agent.reply(tx, 481);
      const order = ctx.dialog.receive(asked);
      if (order !== "ok") return this.#agent.reply(tx, order.status, { reason: order.reason });
      if (asked.method !== "BYE") return this.#ask(ctx, tx, asked);
      tx.respond(buildResponse(asked, 200, { source: tx.flow.remote }));
      this.closeContext(ctx);
      this.#tell(ctx, asked, tx.flow);
    },
    ack: (asked) => {
      const ctx = this.#contexts.get(asked.callId);
      if (ctx === undefined) return;
      const first = ctx.unacknowledged !== undefined;
      ctx.unacknowledged?.();
      if (first) this.#tell(ctx, asked, ctx.flow);
    },
    cancel: (tx, cancel) => {
      const ctx = this.#contexts.get(tx.request.callId);
      if (ctx === undefined || this.#asked.get(tx.request) !== tx || tx.finalSent) return;
      tx.respond(buildResponse(tx.request, 487, { toTag: ctx.localTag, source: tx.flow.remote }));
      if (tx.request.to.tag === undefined) this.closeContext(ctx);
      this.#tell(ctx, cancel, tx.flow);
    },
  };

  #contextOf(asked: Request, tx: ServerTransaction): EndpointContext | undefined {
    const { context } = this.#agent;
    const localTag = newTag(context.random);
    const makes = dialogMakers.has(asked.method);
    const dialog = makes ? Dialog.fromRequest(asked, { localTag, tls: isSecure(tx.flow) }) : undefined;
    if (dialog !== undefined && !(dialog instanceof Dialog)) {
      this.#agent.reply(tx, dialog.status, { reason: dialog.reason });
      return undefined;
    }
    const user = asked.target !== undefined && isSipUri(asked.target) ? asked.target.user : undefined;
    const ctx = new EndpointContext({
      context,
      callId: asked.callId,
      localTag,
      incoming: true,
      options: { from: asked.header("from") ?? "", to: asked.header("to") ?? "" },
      flow: tx.flow,
      contact: contactOn(context, tx.flow, user, dialog?.secure),
    });
    ctx.dialog = dialog;
    this.#contexts.set(ctx.callId, ctx);
    return ctx;
  }

  /** A request that the program has to answer. */
  #ask(ctx: EndpointContext, tx: ServerTransaction, asked: Request): void {
    this.#asked.set(asked, tx);
    this.#tell(ctx, asked, tx.flow);
  }

  #tell(ctx: EndpointContext, asked: Request, flow: Flow): void {
    const [leg, from] = [addressOf(flow, "local"), addressOf(flow, "remote")];
    try {
      if (ctx.callback !== undefined) ctx.callback(this, ctx, { error: undefined, code: 0, packet: asked, leg, from });
      else if (typeof this.#application === "function") this.#application(this, ctx, asked, leg, from);
      else this.#application.receive(this, ctx, asked, leg, from);
    } catch (error) {
      this.#failed(error);
      const tx = this.#asked.get(asked);
      if (tx?.finalSent === false) this.newResponse(ctx, { request: asked, status: 500 });
    }
  }

  #answered(ctx: EndpointContext, tx: ServerTransaction, response: Response): void {
    const { method } = tx.request;
    const { status } = response;
    const within = tx.request.to.tag !== undefined;
    if (status < 300 && dialogMakers.has(method)) ctx.dialog?.confirm();
    if (status < 300 && within) ctx.dialog?.refreshTarget(tx.request);
    if (method === "INVITE" && status < 300) return this.#untilAck(ctx, tx, response);
    if (!within && !(status < 300 && dialogMakers.has(method))) this.closeContext(ctx);
  }

  #untilAck(ctx: EndpointContext, tx: ServerTransaction, response: Response): void {
    const { clock, settings } = ctx.context;
    const ok = new OkRetransmission(
      clock,
      settings,
      () => tx.respond(response),
      () => {
        // RFC 3261 §13.3.1.4: without an ACK the dialog is confirmed, and ended by BYE.
        ctx.unacknowledged = undefined;
        if (!ctx.closed) this.newRequest("BYE", ctx);
      },
    );
    ctx.unacknowledged = () => {
      ok.stop();
      ctx.unacknowledged = undefined;
    };
  }

  #sendWithin(ctx: EndpointContext, dialog: Dialog, method: string, options: EndpointRequestOptions): void {
    const headers = headerList("headers", options.headers);
    const contact = targetRefreshing.has(method);
    request(
      ctx,
      method,
      { headers, body: octetsOf(options.body), contact },
      {
        response: (response) => {
          if (method === "INVITE" && response.status >= 200 && response.status < 300)
            acknowledge(ctx, response.cseq.number);
          dialog.refreshTarget(response);
          this.#news(ctx, response.status, response);
          if (method === "BYE" && response.status >= 200) this.closeContext(ctx);
        },
        failed: (status) => {
          this.#news(ctx, status, undefined);
          if (method === "BYE") this.closeContext(ctx);
        },
      },
    );
  }

  #sendOutside(
    method: string,
    known: EndpointContext | undefined,
    party: ContextOptions,
    options: EndpointRequestOptions,
  ): EndpointContext {
    const { domain, outgoingProxy, from = this.#options.from, auth } = this.#options;
    const to = nameAddr("to", party.to, domain);
    const credentials = party.auth ?? auth;
    const routes = (party.route ?? []).map((one) => ["Route", `<${routeUri("route", one)}>`] as const);
    let ctx = known;
    const made = requestOutside(
      this.#agent.context,
      {
        method,
        uri: options.uri === undefined ? uriOf(to) : userOrServer(options.uri, domain),
        from: ownAddress({ from: party.from ?? from, domain }),
        to,
        contact: party.contact === undefined ? undefined : `<${party.contact}>`,
        auth: credentials && { user: credentials[0], password: credentials[1] },
        proxy:
          party.route?.[0] === undefined
            ? outgoingProxy && routeUri("outgoingProxy", outgoingProxy)
            : routeUri("route", party.route[0]),
        headers: [...routes.slice(1), ...headerList("headers", options.headers)],
        body: octetsOf(options.body),
        callId: known?.callId ?? party.callId,
        localTag: known?.localTag,
        sequence: known?.sequence,
      },
      {
        response: (response, sent) => {
          if (ctx !== undefined) this.#outsideAnswered(ctx, method, response, sent);
        },
        failed: (status) => {
          if (ctx === undefined) return;
          if (method === "INVITE") ctx.inviting = undefined;
          this.#news(ctx, status, undefined);
        },
      },
    );
    if ("failure" in made) throw new OptionError("request", made.failure);
    ctx ??= new EndpointContext({
      context: this.#agent.context,
      callId: made.callId,
      localTag: made.localTag,
      incoming: false,
      options: { ...party, auth: credentials },
      flow: nowhere,
      contact: "",
    });
    ctx.callback = options.callback ?? ctx.callback;
    ctx.digest = made.digest;
    ctx.sequence = made.sequence;
    if (method === "INVITE") ctx.inviting = made;
    this.#contexts.set(ctx.callId, ctx);
    return ctx;
  }

  #outsideAnswered(ctx: EndpointContext, method: string, response: Response, sent: OutsideSent): void {
    const { status } = response;
    ctx.flow = sent.way;
    ctx.contact = sent.contact;
    ctx.sequence = response.cseq.number;
    if (status >= 200 && method === "INVITE") ctx.inviting = undefined;
    if (status >= 200 && status < 300 && dialogMakers.has(method)) {
      const dialog = Dialog.fromResponse(sent.message, response, { tls: isSecure(sent.way) });
      const other = ctx.dialog !== undefined && ctx.dialog.remoteTag !== dialog?.remoteTag;
      if (ctx.closed || other) {
        // Another fork answered as well, or the program has lost interest: acknowledged and hung up (RFC 3261 §13.2.2.4).
        if (method === "INVITE" && dialog !== undefined) hangUp(ctx, dialog, response.cseq.number);
        return;
      }
      const again = ctx.dialog !== undefined;
      ctx.dialog ??= dialog;
      ctx.credentials = sent.message.headers("authorization").map((value) => ["Authorization", value] as const);
      if (method === "INVITE") acknowledge(ctx, response.cseq.number);
      if (again) return;
    }
    this.#news(ctx, status, response);
  }

  #news(ctx: EndpointContext, code: number, packet: Response | undefined): void {
    if (ctx.closed) return;
    const error = packet === undefined ? (code === 408 ? "timeout" : "unreachable") : undefined;
    try {
      const [leg, from] = [addressOf(ctx.flow, "local"), addressOf(ctx.flow, "remote")];
      ctx.callback?.(this, ctx, { error, code, packet, leg, from });
    } catch (problem) {
      this.#failed(problem);
    }
  }
}
