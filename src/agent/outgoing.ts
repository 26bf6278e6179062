/** An INVITE of ours: early dialogs of its forks, PRACK, the answer, ACK, CANCEL (RFC 3261 §13.2, RFC 3262 §4, RFC 6337). */
import { Dialog } from "../sip/dialog.ts";
import type { DigestAttempt } from "../sip/digest-client.ts";
import type { Flow } from "../sip/flow.ts";
import { buildRequest, type HeaderList, type Request, type Response } from "../sip/message.ts";
import { sessionDescription } from "../sip/multipart.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { OfferAnswer } from "../sip/offer-answer.ts";
import { newCallId, newTag } from "../sip/random.ts";
import { ReliableReceiver } from "../sip/reliable.ts";
import { encodeUtf8 } from "../sip/text.ts";
import { isSipUri, parseUri, type SipUri } from "../sip/uri.ts";
import type { Hop, Resolution } from "../transport/resolve/index.ts";
import { digestClient, isAnswerable } from "./authenticate.ts";
import { allow, supported } from "./capabilities.ts";
import {
  type AgentContext,
  contactOn,
  familyOf,
  flowTo,
  flowToward,
  hopOf,
  hopsTo,
  isSecure,
  sdpText,
  srtpOptions,
  topVia,
} from "./context.ts";
import { bye } from "./end.ts";
import { HopWalk, type Sent } from "./hop-walk.ts";
import type { InviteOptions } from "./invite-options.ts";
import { type PreloadedRoute, preloadedRoute } from "./preloaded-route.ts";
import { acknowledge, fitted, request } from "./request.ts";
import { Session, type SessionEnd, type SessionUser } from "./session.ts";
import { noteInterval } from "./session-refresh.ts";
import { sessionId } from "./user-agent.ts";
import { webRtcOn } from "./webrtc.ts";

/** The INVITE as one hop got it. */
interface Sending extends Sent {
  readonly flow: Flow;
  readonly contact: string;
  /** What was offered to this hop. */
  readonly offerAnswer: OfferAnswer;
}

/** One early dialog of the INVITE: a fork that answered provisionally. */
interface Fork {
  dialog: Dialog;
  offerAnswer: OfferAnswer;
  reliable: ReliableReceiver;
}

export type InviteFailure = { failure: string };

/** Places a call. `serve` gets the session before the INVITE leaves, and gives its user. */
export function invite(
  context: AgentContext,
  options: InviteOptions,
  serve: (session: Session, request: Request) => SessionUser,
): Session | InviteFailure {
  const uri = parseUri(options.uri);
  if (uri === undefined || !isSipUri(uri)) return { failure: `${options.uri} is no sip: URI that can be called` };
  for (const party of [options.from, options.to])
    if (party !== undefined && (/[\x00-\x1f\x7f]/.test(party) || parseNameAddr(encodeUtf8(party)) === undefined))
      return {
        failure: `${party} is nobody who can call or be called; expected such as "Alice" <sip:alice@example.com>`,
      };
  const route = preloadedRoute(options.uri, uri, options);
  if ("failure" in route) return route;
  let found: Resolution | undefined;
  let invitation: Invitation | undefined;
  if (options.flow !== undefined) found = { ok: true, hops: [hopOf(options.flow)] };
  else
    hopsTo(context, route.nextHop, (resolution) => {
      found = resolution;
      invitation?.take(resolution);
    });
  if (found?.ok === false) return { failure: `${options.uri} cannot be called: ${found.reason}` };
  invitation = new Invitation(context, uri, route, options);
  invitation.start(serve);
  if (found !== undefined) invitation.take(found);
  return invitation.session;
}

/** The user of a From, as it stands in the URI. */
function userOf(from: string | undefined): string {
  const uri = from === undefined ? undefined : parseNameAddr(encodeUtf8(from))?.uri;
  return (uri !== undefined && isSipUri(uri) ? uri.user : undefined) ?? "siproc";
}

/** How often T1 a server may be silent before the next one is tried as well: the INVITE was sent to it twice by then. */
const patience = 2;

class Invitation {
  readonly session: Session;
  readonly #uri: SipUri;
  readonly #options: InviteOptions;
  readonly #route: PreloadedRoute;
  /** The user of our Contact. */
  readonly #user: string;
  readonly #callId: string;
  readonly #from: string;
  readonly #forks = new Map<string, Fork>();
  readonly #attempt: DigestAttempt | undefined;
  #sequence = 0;
  #walk: HopWalk<Sending> | undefined;
  #answered: string | undefined;
  /** Our answer to an offer that came with the 2xx. */
  #lateAnswer: Uint8Array | undefined;

  constructor(context: AgentContext, uri: SipUri, route: PreloadedRoute, options: InviteOptions) {
    const flow = options.flow ?? flowToward(context, route.nextHop);
    this.#uri = uri;
    this.#route = route;
    this.#user = userOf(options.from);
    this.#options = options;
    this.#callId = newCallId(context.random);
    this.#from = encodeUtf8(options.from ?? "") || `<sip:siproc@${context.ways.contactFor(flow).split(";", 1)[0]}>`;
    this.session = new Session(context, {
      phase: { name: "outgoing", cancel: (headers) => this.#cancel(headers), end: undefined },
      flow,
      localTag: newTag(context.random),
      contact: this.#contactOn(context, flow),
      offerAnswer: newOfferAnswer(context, flow, options),
    });
    this.session.ownsCallId = true;
    this.session.digest = digestClient(context, options.auth);
    this.#attempt = this.session.digest?.attempt();
  }

  start(serve: (session: Session, request: Request) => SessionUser): void {
    const { session } = this;
    const { context } = session;
    session.user = serve(session, this.#build(undefined));
    const giveUp = context.clock.after(context.settings.ringTimeout, () =>
      session.end({ by: "system", cause: "unanswered", code: 408 }),
    );
    session.onSettled = () => giveUp.cancel();
  }

  /** It is known where the INVITE goes. */
  take(found: Resolution): void {
    const { phase, context } = this.session;
    if (phase.name !== "outgoing" || phase.end !== undefined) return;
    if (found.ok) return this.#send(found.hops);
    context.log.warn("a call cannot be placed", { callId: this.#callId, to: this.#uri.host, reason: found.reason });
    this.#over({ by: "system", cause: "error", code: 503 });
  }

  #cancel(headers?: HeaderList): void {
    if (this.#walk !== undefined) return this.#walk.cancel(headers);
    // The DNS is still out; nobody waits for it any more.
    this.session.context.clock.after(0, () => this.#over({ by: "system", cause: "unanswered", code: 487 }));
  }

  #send(hops: readonly Hop[]): void {
    this.#sequence++;
    const { context } = this.session;
    this.#walk = new HopWalk(
      context,
      hops,
      {
        prepare: (hop) => this.#prepare(hop),
        response: (response, sent) => this.#response(response, sent),
        surplus: (response, sent) => this.#unwanted(response, sent),
        failed: (status) => this.#over({ by: "system", cause: status === 408 ? "timeout" : "error", code: status }),
      },
      patience * context.settings.T1,
    );
    this.#walk.start();
  }

  #prepare(hop: Hop): Sending | undefined {
    const { session } = this;
    const { context } = session;
    const flow = this.#options.flow ?? flowTo(context, hop);
    const { host } = session.flow.local;
    session.flow = flow;
    // Audio has one address: who was offered another one can no longer be heard.
    if (flow.local.host !== host) this.#walk?.abandon();
    session.contact = this.#contactOn(context, flow);
    session.offerAnswer = newOfferAnswer(context, flow, this.#options);
    let sdp: string | undefined;
    try {
      const media = session.localMedia();
      const offer = context.settings.lateOffer ? undefined : session.offerAnswer.offer(media);
      if (offer?.ok) sdp = sdpText(context, offer.sdp);
    } catch (error) {
      context.log.error("no audio can be opened for a call", { callId: this.#callId, reason: String(error) });
      // Nothing is reported before `invite` has returned.
      context.clock.after(0, () => this.#over({ by: "system", cause: "error", code: 503 }));
      return undefined;
    }
    const { contact, offerAnswer } = session;
    return { ...fitted(context, this.#build(sdp), flow), flow, contact, offerAnswer };
  }

  #contactOn(context: AgentContext, flow: Flow): string {
    return contactOn(context, flow, this.#user, this.#uri.scheme === "sips");
  }

  #build(sdp: string | undefined): Request {
    const { context, flow, localTag, contact, timer } = this.session;
    const body = sdp === undefined ? undefined : new TextEncoder().encode(sdp);
    const credentials = this.#attempt?.headers("INVITE", this.#route.requestUri, body) ?? [];
    this.session.credentials = credentials;
    return buildRequest({
      method: "INVITE",
      uri: this.#route.requestUri,
      headers: [
        ["Via", topVia(context, flow)],
        ...this.#route.headers,
        ["Max-Forwards", `${this.#options.maxForwards ?? 70}`],
        ["From", `${this.#from};tag=${localTag}`],
        ["To", encodeUtf8(this.#options.to ?? "") || `<${this.#options.uri}>`],
        ["Call-ID", this.#callId],
        ["CSeq", `${Math.max(1, this.#sequence)} INVITE`],
        ["Contact", contact],
        ["Allow", allow],
        // An offer in a reliable provisional response would have to be answered in its PRACK.
        ["Supported", context.settings.lateOffer ? supported.replace("100rel, ", "") : supported],
        ...timer.requestHeaders(),
        ["User-Agent", context.settings.product],
        ...credentials,
        ...(this.#options.headers ?? []),
        ...(body === undefined ? [] : [["Content-Type", "application/sdp"] as const]),
      ],
      body,
    });
  }

  #response(response: Response, sent: Sending): void {
    const { session } = this;
    const { phase, timer } = session;
    if (phase.name === "outgoing" && session.flow !== sent.flow) {
      session.flow = sent.flow;
      session.contact = sent.contact;
      session.offerAnswer = sent.offerAnswer;
    }
    if (response.status < 200) return this.#provisional(response, sent);
    if (response.status < 300) return this.#accepted(response, sent);
    const wanted = phase.name === "outgoing" && phase.end === undefined;
    if (response.status === 422 && wanted && timer.tooSmall(response.header("min-se")))
      return this.#send(this.#walk?.remaining ?? []);
    if (wanted && isAnswerable(response, this.#attempt)) return this.#send(this.#walk?.remaining ?? []);
    this.#over({ by: "remote", cause: causeOf(response.status), code: response.status });
  }

  #fork(response: Response, sent: Sending): Fork | undefined {
    // RFC 3261 §12.1.2: a peer of RFC 2543 may answer without a tag.
    const tag = response.to.tag ?? "";
    const known = this.#forks.get(tag);
    if (known !== undefined) return known;
    // A hostile peer may invent forks without end.
    if (this.#forks.size >= 32) return undefined;
    const dialog = Dialog.fromResponse(sent.message, response, { tls: isSecure(sent.flow) });
    if (dialog === undefined) return undefined;
    const fork = { dialog, offerAnswer: sent.offerAnswer.fork(), reliable: new ReliableReceiver() };
    this.#forks.set(tag, fork);
    this.session.context.sessions.set(dialog.key, this.session);
    return fork;
  }

  #provisional(response: Response, sent: Sending): void {
    const { session } = this;
    if (response.status === 100 || session.phase.name !== "outgoing") return;
    const fork = this.#fork(response, sent);
    if (fork !== undefined) {
      const fresh = fork.reliable.receive(response);
      if (fresh === "ignore") return;
      if (fresh !== "unreliable") this.#prack(fork, fresh.rack);
      if (sessionDescription(response).length > 0) this.#early(fork, response, fresh === "unreliable");
    }
    if (response.status === 180) session.user.ringing();
  }

  #early(fork: Fork, response: Response, unreliable: boolean): void {
    if (fork.offerAnswer.state !== "offered") return;
    const answer = fork.offerAnswer.receiveAnswer(sessionDescription(response), unreliable ? "unreliable" : "reliable");
    if (answer.ok) this.session.mediaChanged(answer.negotiated, true);
  }

  #prack(fork: Fork, rack: string): void {
    const { session } = this;
    session.dialog = fork.dialog;
    request(session, "PRACK", { headers: [["RAck", rack]] }, { response: () => {}, failed: () => {} });
  }

  #accepted(response: Response, sent: Sending): void {
    const { session } = this;
    const fork = this.#fork(response, sent);
    if (fork === undefined) return;
    const tag = response.to.tag ?? "";
    if (this.#answered === tag) return acknowledge(session, this.#sequence, this.#lateAnswer);
    fork.dialog.confirm(response);
    if (this.#answered !== undefined || session.phase.name === "over") return this.#surplus(fork, sent);
    this.#answered = tag;
    for (const other of this.#forks.values()) if (other !== fork) session.context.sessions.delete(other.dialog.key);
    session.dialog = fork.dialog;
    session.offerAnswer = fork.offerAnswer;
    session.noteAllowed(response);
    const wantsEnd = session.phase.name === "outgoing" ? session.phase.end : undefined;
    session.phase = { name: "confirmed" };
    session.onSettled();
    const late = session.context.settings.lateOffer ? this.#answerLate(fork, response) : true;
    acknowledge(session, this.#sequence, this.#lateAnswer);
    if (!late) return session.end({ by: "system", cause: "error", code: 488 });
    if (wantsEnd !== undefined) return session.end(wantsEnd);
    noteInterval(session, response);
    if (fork.offerAnswer.state === "offered" && !session.takeAnswer(response))
      return session.end({ by: "system", cause: "error", code: 488 });
    session.user.connected();
  }

  /** The offer came with the 2xx: its answer goes with the ACK (RFC 3261 §13.2.2.4). False: there was none to agree to. */
  #answerLate(fork: Fork, response: Response): boolean {
    const { session } = this;
    const offer = fork.offerAnswer.receiveOffer(sessionDescription(response));
    const answer = offer.ok ? fork.offerAnswer.answer(session.localMedia()) : undefined;
    if (answer === undefined) return false;
    this.#lateAnswer = new TextEncoder().encode(sdpText(session.context, answer.sdp));
    session.mediaChanged(answer.negotiated, true);
    return true;
  }

  /** A 2xx of a hop that was given up. */
  #unwanted(response: Response, sent: Sending): void {
    const fork = this.#fork(response, sent);
    if (fork === undefined) return;
    if (this.#answered === response.to.tag) return acknowledge(this.session, this.#sequence);
    fork.dialog.confirm(response);
    this.#surplus(fork, sent);
  }

  /** Another fork answered as well: it is acknowledged and hung up (RFC 3261 §13.2.2.4). */
  #surplus(fork: Fork, { flow, contact }: Sending): void {
    const { context, localTag } = this.session;
    const session = new Session(context, {
      phase: { name: "over" },
      flow,
      localTag,
      contact,
      offerAnswer: fork.offerAnswer,
      dialog: fork.dialog,
    });
    session.digest = this.session.digest;
    session.credentials = this.session.credentials;
    context.sessions.set(fork.dialog.key, session);
    acknowledge(session, this.#sequence);
    bye(session);
  }

  #over(how: SessionEnd): void {
    const { session } = this;
    if (session.phase.name !== "outgoing") return;
    for (const fork of this.#forks.values()) session.context.sessions.delete(fork.dialog.key);
    const { end } = session.phase;
    session.onSettled();
    session.over(end === undefined ? how : { ...end, code: end.cause === "hangup" ? 487 : end.code });
  }
}

function newOfferAnswer(context: AgentContext, flow: Flow, { prefer, srtp }: InviteOptions): OfferAnswer {
  const { codecs } = context.settings;
  const keys = srtpOptions(context, flow, srtp);
  return new OfferAnswer({
    codecs: codecs.toSorted((a, b) => Number(b === prefer) - Number(a === prefer)),
    telephoneEvent: context.settings.telephoneEvent ?? true,
    sessionId: sessionId(context),
    families: [familyOf(flow.local.host)],
    srtp: keys,
    webRtc: webRtcOn(context, flow, keys.policy),
  });
}

function causeOf(status: number): SessionEnd["cause"] {
  if (status < 400) return "redirected";
  return status === 408 || status === 480 || status === 487 ? "unanswered" : "rejected";
}
