/** An INVITE of ours: early dialogs of its forks, PRACK, the answer, ACK, CANCEL (RFC 3261 §13.2, RFC 3262 §4, RFC 6337). */
import { Dialog } from "../sip/dialog.ts";
import { buildRequest, type HeaderList, type Request, type Response } from "../sip/message.ts";
import { sessionDescription } from "../sip/multipart.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { OfferAnswer } from "../sip/offer-answer.ts";
import { newCallId, newTag } from "../sip/random.ts";
import { ReliableReceiver } from "../sip/reliable.ts";
import { encodeUtf8 } from "../sip/text.ts";
import { parseUri } from "../sip/uri.ts";
import { allow, supported } from "./capabilities.ts";
import { type AgentContext, contactOn, familyOf, topVia, wayTo } from "./context.ts";
import { bye } from "./end.ts";
import { acknowledge, fitted, request } from "./request.ts";
import { Session, type SessionEnd, type SessionUser } from "./session.ts";
import { noteInterval } from "./session-refresh.ts";
import { sessionId } from "./user-agent.ts";

export interface InviteOptions {
  /** Whom to call: a `sip:` URI. */
  uri: string;
  /** Who calls, as a name-addr: `"Alice" <sip:alice@example.com>`. By default siproc at our own address. */
  from?: string | undefined;
  headers?: HeaderList | undefined;
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
  const way = uri === undefined ? undefined : wayTo(uri);
  if (way === undefined) return { failure: `${options.uri} is no sip: URI that can be called over UDP or TCP` };
  const { from } = options;
  if (from !== undefined && (/[\x00-\x1f\x7f]/.test(from) || parseNameAddr(encodeUtf8(from)) === undefined))
    return { failure: `${from} is nobody who can call; expected such as "Alice" <sip:alice@example.com>` };
  const flow = context.ways.flowTo(way);
  const session = new Session(context, {
    phase: { name: "outgoing", tx: undefined, end: undefined },
    flow,
    localTag: newTag(context.random),
    contact: contactOn(context, flow, "siproc"),
    offerAnswer: new OfferAnswer({
      codecs: context.settings.codecs,
      telephoneEvent: true,
      sessionId: sessionId(context),
      families: [familyOf(flow.local.host)],
    }),
  });
  session.ownsCallId = true;
  new Invitation(session, options).start(serve);
  return session;
}

class Invitation {
  readonly #session: Session;
  readonly #options: InviteOptions;
  readonly #callId: string;
  readonly #forks = new Map<string, Fork>();
  #sequence = 0;
  #request: Request | undefined;
  #answered: string | undefined;

  constructor(session: Session, options: InviteOptions) {
    this.#session = session;
    this.#options = options;
    this.#callId = newCallId(session.context.random);
  }

  start(serve: (session: Session, request: Request) => SessionUser): void {
    const { context } = this.#session;
    this.#session.user = serve(this.#session, this.#build(undefined));
    const giveUp = context.clock.after(context.settings.ringTimeout, () =>
      this.#session.end({ by: "system", cause: "unanswered", code: 408 }),
    );
    this.#session.onSettled = () => giveUp.cancel();
    this.#send();
  }

  #send(): void {
    const session = this.#session;
    let sdp: string | undefined;
    try {
      const offer = session.offerAnswer.offer(session.localMedia());
      if (offer.ok) sdp = offer.sdp;
    } catch (error) {
      session.context.log.error("no audio can be opened for a call", { reason: String(error) });
      // Nothing is reported before `invite` has returned.
      session.context.clock.after(0, () => session.over({ by: "system", cause: "error", code: 503 }));
      return;
    }
    const { message, way } = fitted(session.context, this.#build(sdp), session.flow);
    this.#request = message;
    const tx = session.context.transactions.request(message, way, {
      response: (response) => this.#response(response),
      timeout: () => this.#over({ by: "system", cause: "timeout", code: 408 }),
      transportError: () => this.#over({ by: "system", cause: "error", code: 503 }),
    });
    if (session.phase.name === "outgoing") session.phase.tx = tx;
  }

  #build(sdp: string | undefined): Request {
    const { context, flow, localTag, contact } = this.#session;
    if (sdp !== undefined) this.#sequence++;
    const from =
      encodeUtf8(this.#options.from ?? "") || `<sip:siproc@${context.ways.contactFor(flow).split(";", 1)[0]}>`;
    return buildRequest({
      method: "INVITE",
      uri: this.#options.uri,
      headers: [
        ["Via", topVia(context, flow)],
        ["Max-Forwards", "70"],
        ["From", `${from};tag=${localTag}`],
        ["To", `<${this.#options.uri}>`],
        ["Call-ID", this.#callId],
        ["CSeq", `${Math.max(1, this.#sequence)} INVITE`],
        ["Contact", contact],
        ["Allow", allow],
        ["Supported", supported],
        ...this.#session.timer.requestHeaders(),
        ["User-Agent", context.settings.product],
        ...(this.#options.headers ?? []),
        ...(sdp === undefined ? [] : [["Content-Type", "application/sdp"] as const]),
      ],
      ...(sdp === undefined ? {} : { body: new TextEncoder().encode(sdp) }),
    });
  }

  #response(response: Response): void {
    if (response.status < 200) return this.#provisional(response);
    if (response.status < 300) return this.#accepted(response);
    const { phase, timer, offerAnswer } = this.#session;
    const wanted = phase.name === "outgoing" && phase.end === undefined;
    if (response.status === 422 && wanted && timer.tooSmall(response.header("min-se"))) {
      offerAnswer.rollback();
      return this.#send();
    }
    this.#over({ by: "remote", cause: causeOf(response.status), code: response.status });
  }

  #fork(response: Response): Fork | undefined {
    // RFC 3261 §12.1.2: a peer of RFC 2543 may answer without a tag.
    const tag = response.to.tag ?? "";
    if (this.#request === undefined) return undefined;
    const known = this.#forks.get(tag);
    if (known !== undefined) return known;
    // A hostile peer may invent forks without end.
    if (this.#forks.size >= 32) return undefined;
    const dialog = Dialog.fromResponse(this.#request, response, { tls: false });
    if (dialog === undefined) return undefined;
    const fork = { dialog, offerAnswer: this.#session.offerAnswer.fork(), reliable: new ReliableReceiver() };
    this.#forks.set(tag, fork);
    this.#session.context.sessions.set(dialog.key, this.#session);
    return fork;
  }

  #provisional(response: Response): void {
    const session = this.#session;
    if (response.status === 100 || session.phase.name !== "outgoing") return;
    const fork = this.#fork(response);
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
    if (answer.ok) this.#session.mediaChanged(answer.negotiated, true);
  }

  #prack(fork: Fork, rack: string): void {
    const session = this.#session;
    session.dialog = fork.dialog;
    request(session, "PRACK", { headers: [["RAck", rack]] }, { response: () => {}, failed: () => {} });
  }

  #accepted(response: Response): void {
    const session = this.#session;
    const fork = this.#fork(response);
    if (fork === undefined) return;
    const tag = response.to.tag ?? "";
    if (this.#answered === tag) return acknowledge(session, this.#sequence);
    fork.dialog.confirm(response);
    if (this.#answered !== undefined || session.phase.name === "over") return this.#surplus(fork);
    this.#answered = tag;
    for (const other of this.#forks.values()) if (other !== fork) session.context.sessions.delete(other.dialog.key);
    session.dialog = fork.dialog;
    session.offerAnswer = fork.offerAnswer;
    session.noteAllowed(response);
    const wantsEnd = session.phase.name === "outgoing" ? session.phase.end : undefined;
    session.phase = { name: "confirmed" };
    session.onSettled();
    acknowledge(session, this.#sequence);
    if (wantsEnd !== undefined) return session.end(wantsEnd);
    noteInterval(session, response);
    if (fork.offerAnswer.state === "offered" && !session.takeAnswer(response))
      return session.end({ by: "system", cause: "error", code: 488 });
    session.user.connected();
  }

  /** Another fork answered as well: it is acknowledged and hung up (RFC 3261 §13.2.2.4). */
  #surplus(fork: Fork): void {
    const { context, flow, localTag, contact } = this.#session;
    const session = new Session(context, {
      phase: { name: "over" },
      flow,
      localTag,
      contact,
      offerAnswer: fork.offerAnswer,
      dialog: fork.dialog,
    });
    context.sessions.set(fork.dialog.key, session);
    acknowledge(session, this.#sequence);
    bye(session);
  }

  #over(how: SessionEnd): void {
    const session = this.#session;
    if (session.phase.name !== "outgoing") return;
    for (const fork of this.#forks.values()) session.context.sessions.delete(fork.dialog.key);
    const { end } = session.phase;
    session.onSettled();
    session.over(end === undefined ? how : { ...end, code: end.cause === "hangup" ? 487 : end.code });
  }
}

function causeOf(status: number): SessionEnd["cause"] {
  if (status < 400) return "redirected";
  return status === 408 || status === 480 || status === 487 ? "unanswered" : "rejected";
}
