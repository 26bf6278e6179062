/**
 * The user agent: gives requests within dialogs to their sessions, makes sessions of new INVITEs, and answers what needs
 * no session. It is the last receiver of the routing chain: `invite` and `reply` are what routes ask of it.
 */
import { Dialog, dialogKey, dialogKeyOf } from "../sip/dialog.ts";
import { buildResponse, type HeaderList, type Request } from "../sip/message.ts";
import { sessionDescription } from "../sip/multipart.ts";
import { OfferAnswer, type SrtpPolicy } from "../sip/offer-answer.ts";
import { newTag } from "../sip/random.ts";
import { parseReplaces } from "../sip/replaces.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { isSipUri } from "../sip/uri.ts";
import { acceptedBodies, allow, optionsHeaders, type Refusal, refuse } from "./capabilities.ts";
import { type AgentContext, contactOn, familyOf, isSecure, srtpOptions } from "./context.ts";
import { prepareIncoming } from "./incoming.ts";
import { refusalHeaders } from "./respond.ts";
import { Session, type SessionUser } from "./session.ts";
import { webRtcOn } from "./webrtc.ts";

/** Who has dialogs besides the sessions: subscriptions, and programs that speak SIP themselves. */
export interface DialogUsage {
  /** Whether a request with a To tag belongs to a dialog of its. */
  owns(request: Request): boolean;
  request(tx: ServerTransaction, request: Request): void;
  ack(request: Request): void;
  /** An INVITE was cancelled; perhaps one of its. */
  cancel(tx: ServerTransaction, cancel: Request): void;
}

export class UserAgent {
  readonly context: AgentContext;
  /** Unanswered INVITEs, for their CANCELs. */
  readonly #incoming = new WeakMap<ServerTransaction, Session>();
  readonly #usages = new Set<DialogUsage>();

  constructor(context: AgentContext) {
    this.context = context;
  }

  /** Dialogs that are up, in whatever state. */
  get dialogs(): number {
    return this.context.sessions.size;
  }

  /** Whether a request belongs to a dialog of ours. */
  owns(request: Request): boolean {
    if (this.context.sessions.size === 0 && this.#usages.size === 0) return false;
    if (request.to.tag === undefined) return false;
    const key = dialogKeyOf(request);
    return (key !== undefined && this.context.sessions.has(key)) || this.#usageOf(request) !== undefined;
  }

  /** Lets somebody else have dialogs of its own here. Call what it gives when there are none left. */
  share(usage: DialogUsage): () => void {
    this.#usages.add(usage);
    return () => void this.#usages.delete(usage);
  }

  #usageOf(request: Request): DialogUsage | undefined {
    if (request.to.tag !== undefined) for (const usage of this.#usages) if (usage.owns(request)) return usage;
    return undefined;
  }

  /** A request with a To tag: to its session, or 481. */
  inDialog(tx: ServerTransaction, request: Request): void {
    const usage = this.#usageOf(request);
    if (usage !== undefined) return usage.request(tx, request);
    const refusal = refuse(request);
    if (refusal !== undefined) return this.reply(tx, refusal.status, refusal);
    const key = dialogKeyOf(request);
    const session = key === undefined ? undefined : this.context.sessions.get(key);
    if (session?.dialog === undefined) return this.reply(tx, 481);
    if (request.method === "OPTIONS") return this.options(tx);
    const order = session.dialog.receive(request);
    if (order !== "ok") return this.reply(tx, order.status, { reason: order.reason });
    session.receive(tx, request);
  }

  ack(request: Request): void {
    const usage = this.#usageOf(request);
    if (usage !== undefined) return usage.ack(request);
    const key = dialogKeyOf(request);
    if (key !== undefined) this.context.sessions.get(key)?.receiveAck(request);
  }

  cancel(tx: ServerTransaction, cancel: Request): void {
    const session = this.#incoming.get(tx);
    if (session !== undefined) return session.cancelled();
    for (const usage of this.#usages) usage.cancel(tx, cancel);
  }

  /**
   * Makes a session of a new INVITE, or refuses it. `serve` gets the session in the same turn, and gives its user.
   * @param srtp whether it is encrypted; as the settings say by default
   */
  invite(
    tx: ServerTransaction,
    request: Request,
    serve: (session: Session, request: Request) => SessionUser,
    srtp?: SrtpPolicy,
  ): void {
    const localTag = newTag(this.context.random);
    const dialog = Dialog.fromRequest(request, { localTag, tls: isSecure(tx.flow) });
    if (!(dialog instanceof Dialog)) return this.reply(tx, dialog.status, { reason: dialog.reason });
    const keys = srtpOptions(this.context, tx.flow, srtp);
    const offerAnswer = new OfferAnswer({
      codecs: this.context.settings.codecs,
      telephoneEvent: this.context.settings.telephoneEvent ?? true,
      srtp: keys,
      sessionId: sessionId(this.context),
      // A phone that called us directly can be heard where it called from, whatever address its SDP names.
      families: request.values("via").length === 1 ? ["ipv4", "ipv6"] : [familyOf(tx.flow.local.host)],
      webRtc: webRtcOn(this.context, tx.flow, keys.policy),
    });
    const offered = sessionDescription(request);
    if (offered.length > 0) {
      const offer = offerAnswer.receiveOffer(offered);
      if (!offer.ok)
        return this.reply(tx, offer.status, { reason: offer.reason, headers: refusalHeaders(this.context, offer) });
    }
    const user = request.target !== undefined && isSipUri(request.target) ? request.target.user : undefined;
    const session = new Session(this.context, {
      phase: { name: "incoming", tx, reliable: undefined, earlyMedia: false },
      flow: tx.flow,
      localTag,
      contact: contactOn(this.context, tx.flow, user, dialog.secure),
      offerAnswer,
      dialog,
    });
    if (!prepareIncoming(session, tx, request)) return;
    this.context.sessions.set(dialog.key, session);
    this.#incoming.set(tx, session);
    session.user = serve(session, request);
  }

  /**
   * The session that an INVITE wants to take the place of (RFC 3891 §3), or how to refuse it. Undefined: it names none.
   * Whoever knows a dialog's tags was told them by one of its ends.
   */
  replacedBy(request: Request): Session | Refusal | undefined {
    const values = request.headers("replaces");
    if (values.length === 0) return undefined;
    const replaces = values.length === 1 ? parseReplaces(values[0] ?? "") : undefined;
    if (replaces === undefined) return { status: 400, reason: "Bad Replaces" };
    const { callId, toTag, fromTag, earlyOnly } = replaces;
    // A peer of RFC 2543 has no tag, which is written as 0.
    const keys = [fromTag, ...(fromTag === "0" ? [""] : [])].map((tag) => dialogKey(callId, toTag, tag));
    const [session] = keys.flatMap((key) => this.context.sessions.get(key) ?? []);
    switch (session?.phase.name) {
      case undefined:
      // Only the early dialogs that we began can be replaced; those that ring here are still the peer's to cancel.
      case "incoming":
        return { status: 481 };
      case "over":
        return { status: 603 };
      case "answered":
      case "confirmed":
        return earlyOnly ? { status: 486 } : session;
      case "outgoing":
        return session;
    }
  }

  /** What we can do (RFC 3261 §11.2); the most of it where the source may be forged and the request was small. */
  options(tx: ServerTransaction): void {
    this.reply(tx, 200, { headers: isSmall(tx) ? optionsHeaders.slice(0, 1) : optionsHeaders });
  }

  /** A response outside of any session. Refusals keep no memory: they cannot be used to amplify, nor to fill us. */
  reply(
    tx: ServerTransaction,
    status: number,
    parts: { reason?: string | undefined; headers?: HeaderList } = {},
  ): void {
    const reason = parts.reason === undefined ? {} : { reason: parts.reason };
    const headers: HeaderList = [
      ...(parts.headers ?? []),
      ...(status === 405 || (status === 501 && !isSmall(tx))
        ? [["Allow", allow] as const].filter(() => !has(parts.headers, "Allow"))
        : []),
      ...(status === 415 && !has(parts.headers, "Accept") ? [["Accept", acceptedBodies.join(", ")] as const] : []),
      ...(isSmall(tx) ? [] : [["Server", this.context.settings.product] as const]),
    ];
    if (status >= 300) return tx.respondStateless(status, { ...reason, headers });
    tx.respond(
      buildResponse(tx.request, status, {
        ...reason,
        headers,
        toTag: newTag(this.context.random),
        source: tx.flow.remote,
      }),
    );
  }
}

/**
 * Whether a full answer could be more than three times as large as the request. Over UDP the source may be forged: what
 * may be left out is left out then, so that we are of little use for floods of others.
 */
function isSmall(tx: ServerTransaction): boolean {
  return !tx.flow.reliable && tx.request.bytes().length < 160;
}

function has(headers: HeaderList | undefined, name: string): boolean {
  return headers?.some(([own]) => own === name) ?? false;
}

/** The `o=` session id of RFC 8866 §5.2: a decimal number that nobody else has. */
export function sessionId(context: AgentContext): string {
  return String(Number.parseInt(context.random.token(6), 16));
}
