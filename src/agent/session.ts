/**
 * An INVITE session: one call's dialog, its offers and answers, and what can be done to it. Each verb has its file:
 * `incoming.ts` (ring, accept, reject), `outgoing.ts` (invite, cancel), `modify.ts` (hold, re-INVITE, UPDATE),
 * `message.ts`, and `end.ts`; this file holds the state that they share and decides who handles what.
 */
import type { Dialog } from "../sip/dialog.ts";
import type { DigestClient } from "../sip/digest-client.ts";
import type { Flow } from "../sip/flow.ts";
import type { HeaderList, Message, Request } from "../sip/message.ts";
import { sessionDescription } from "../sip/multipart.ts";
import type { LocalMedia, Negotiated, OfferAnswer } from "../sip/offer-answer.ts";
import type { ReliableSender } from "../sip/reliable.ts";
import type { Referred, Replaces } from "../sip/replaces.ts";
import type { SessionTimer } from "../sip/session-timer.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { type AgentContext, familyOf } from "./context.ts";
import { end } from "./end.ts";
import { accept, early, receiveAck, receivePrack, redirect, reject, ring } from "./incoming.ts";
import { receiveInfo, sendInfo } from "./info.ts";
import { receiveMessage, sendMessage } from "./message.ts";
import { hold, receiveReinvite, receiveUpdate } from "./modify.ts";
import type { OkRetransmission } from "./ok-retransmission.ts";
import {
  type Progress,
  type ReceivedReferral,
  type Referral,
  receiveNotify,
  receiveRefer,
  refer,
  type SentReferral,
} from "./refer.ts";
import { respond } from "./respond.ts";
import { createTimer } from "./session-refresh.ts";
import { type AudioPorts, localMediaOn } from "./webrtc.ts";

export type EndCause =
  | "hangup"
  | "cancelled"
  | "rejected"
  | "redirected"
  | "transferred"
  | "unanswered"
  | "timeout"
  | "expired"
  | "error"
  /** Somebody else has answered: whoever rings need not note a missed call (RFC 3326). */
  | "elsewhere"
  | "shutdown";

/** Why a session is over; `code` is the SIP status that tells it best, 200 for an ordinary end. */
export interface SessionEnd {
  by: "remote" | "local" | "system";
  cause: EndCause;
  code: number;
}

/** Whoever owns the session: is told what happens to it, and opens its audio. */
export interface SessionUser {
  /**
   * Opens the audio, or gives the ports of the open one; opens it anew when `host`, our address, is another one before
   * anything was agreed. May throw when there are no ports.
   */
  openAudio(host: string): AudioPorts;
  /** The other side rings. */
  ringing(): void;
  /** New parameters for the audio. `audible`: the other side can hear us by now, before or without an answer. */
  mediaChanged(negotiated: Negotiated, audible: boolean): void;
  connected(): void;
  held(on: boolean): void;
  message(text: string): void;
  /** The peer pressed a key by INFO, for so many ms. */
  key?(digit: string, duration: number): void;
  /** The peer asks us to call somebody else instead; without this method it is refused (603). */
  referred?(referral: Referral): void;
  /** A call that came in takes this one's place (RFC 3891) and is answered at once: its user. Without it: 603. */
  replaced?(by: Session): SessionUser;
  /** Once, last. */
  ended(end: SessionEnd): void;
}

/** Reports the end of a verb: without a reason it was done. Called once. */
export type Done = (reason?: string) => void;

/** Where the session stands. */
export type Phase =
  /** An INVITE came and has no final response. */
  | { name: "incoming"; tx: ServerTransaction; reliable: ReliableSender | undefined; earlyMedia: boolean }
  /** Our INVITE is out, or waits for the DNS. `cancel` makes it end, in its time. */
  | { name: "outgoing"; cancel: (headers?: HeaderList) => void; end: SessionEnd | undefined }
  /** Our 200 is out, the ACK is not here. */
  | { name: "answered"; ok: OkRetransmission; done: Done; end: SessionEnd | undefined }
  | { name: "confirmed" }
  | { name: "over" };

/** A change of an established session that is under way: only one at a time, RFC 3261 §14. */
export type Change =
  | { by: "none" }
  | { by: "us" }
  /** Their re-INVITE has its 200, not yet its ACK. */
  | { by: "them"; ok: OkRetransmission };

export class Session {
  readonly context: AgentContext;
  user: SessionUser = idleUser;
  phase: Phase;
  change: Change = { by: "none" };
  /** Undefined in an outgoing call that nobody has answered. */
  dialog: Dialog | undefined;
  offerAnswer: OfferAnswer;
  readonly timer: SessionTimer;
  /** The way that the first request came or went; while several are tried, the one that was tried last. */
  flow: Flow;
  readonly localTag: string;
  /** Our Contact in this session, on that flow. */
  contact: string;
  /** Methods that the peer says it understands; undefined when it did not say. */
  peerAllows: readonly string[] | undefined;
  /** Whether the peer has put us on hold, as far as the user was told. */
  heldByPeer = false;
  /** We made the Call-ID: it decides who waits longer when both change the session at once (RFC 3261 §14.1). */
  ownsCallId = false;
  /** Requests of ours that wait until those before them have their way: they leave in their order. */
  waiting: (() => void)[] | undefined;
  /** Called when an outgoing call rings no more. */
  onSettled: () => void = () => {};
  /** Answers challenges; undefined: nobody gave us a password. */
  digest: DigestClient | undefined;
  /** The credentials of our last INVITE: its ACK repeats them (RFC 3261 §22.1). */
  credentials: HeaderList | undefined;
  /** Header fields of the user's own: in answers to the INVITE and in requests. Octet strings. */
  headers: HeaderList = [];
  /** Whether we have put the peer on hold. */
  holding = false;
  /** Our REFER that is under way, and the peer's that waits or is followed. */
  referral: SentReferral | undefined;
  asked: ReceivedReferral | undefined;
  /** How many REFERs the peer has sent. */
  referrals = 0;

  constructor(
    context: AgentContext,
    first: {
      phase: Phase;
      flow: Flow;
      localTag: string;
      contact: string;
      offerAnswer: OfferAnswer;
      dialog?: Dialog;
    },
  ) {
    this.context = context;
    this.phase = first.phase;
    this.flow = first.flow;
    this.localTag = first.localTag;
    this.contact = first.contact;
    this.offerAnswer = first.offerAnswer;
    this.dialog = first.dialog;
    this.waiting = undefined;
    this.timer = createTimer(this);
  }

  // --- what its owner can do ---

  /** An answer is under way: ours waits for its ACK, or theirs is awaited. */
  get answerExpected(): boolean {
    return this.phase.name === "answered" || this.phase.name === "outgoing";
  }

  ring(done: Done): void {
    ring(this, done);
  }

  early(done: Done): void {
    early(this, done);
  }

  accept(done: Done): void {
    accept(this, done);
  }

  reject(code: number, reason: string | undefined, done: Done): void {
    reject(this, code, reason, done);
  }

  redirect(uri: string, done: Done): void {
    redirect(this, uri, done);
  }

  hold(on: boolean, done: Done): void {
    hold(this, on, done);
  }

  message(text: string, done: Done): void {
    sendMessage(this, text, done);
  }

  /** Sends an INFO (RFC 6086) with a body of that type. */
  info(contentType: string, body: string, done: Done): void {
    sendInfo(this, contentType, body, done);
  }

  /** Asks the peer to call somebody else instead of us. Throws InvalidHeaderValue where `to` is no URI. */
  refer(to: Referred, progress: Progress, done: Done): void {
    refer(this, to, progress, done);
  }

  /** This session as the peer has to name it, for who is to take our place in it (RFC 3891 §4). */
  get replaceable(): Replaces | undefined {
    const { dialog } = this;
    if (dialog === undefined || this.phase.name === "over") return undefined;
    return { callId: dialog.callId, toTag: dialog.remoteTag, fromTag: dialog.localTag, earlyOnly: false };
  }

  /** Ends the session by what its state asks for: BYE, CANCEL, or a final response (`how.code` from 400 on, else 480). */
  end(how: SessionEnd): void {
    end(this, how);
  }

  // --- what the user agent passes on ---

  /** A request within the dialog, in order. */
  receive(tx: ServerTransaction, request: Request): void {
    switch (request.method) {
      case "BYE":
        respond(this, tx, 200);
        return this.over({ by: "remote", cause: "hangup", code: 200 });
      case "INVITE":
        return receiveReinvite(this, tx, request);
      case "UPDATE":
        return receiveUpdate(this, tx, request);
      case "PRACK":
        return receivePrack(this, tx, request);
      case "MESSAGE":
        return receiveMessage(this, tx, request);
      case "INFO":
        return receiveInfo(this, tx, request);
      case "REFER":
        return receiveRefer(this, tx, request);
      case "NOTIFY":
        return receiveNotify(this, tx, request);
      default:
        respond(this, tx, 501);
    }
  }

  receiveAck(request: Request): void {
    receiveAck(this, request);
  }

  /** The INVITE was cancelled; its CANCEL is answered. */
  cancelled(): void {
    if (this.phase.name !== "incoming") return;
    respond(this, this.phase.tx, 487);
    this.over({ by: "remote", cause: "cancelled", code: 487 });
  }

  // --- what the verbs share ---

  /** Our side of the media; opens the audio when it is not open yet. May throw, as `SessionUser.openAudio` does. */
  localMedia(): LocalMedia {
    return localMediaOn(this.context, this.flow, this.user.openAudio(this.flow.local.host));
  }

  /** Takes the answer to our offer. False: it cannot be used, and the exchange is still open. */
  takeAnswer(message: Message): boolean {
    const answer = this.offerAnswer.receiveAnswer(sessionDescription(message), "reliable");
    if (answer.ok) this.mediaChanged(answer.negotiated, true);
    else {
      const { callId } = message;
      this.context.log.warn("the answer to our offer cannot be used", { callId, reason: answer.reason });
    }
    return answer.ok;
  }

  /** Notes the methods that the peer says it understands, if it says so. */
  noteAllowed(message: Message): void {
    const methods = message.values("allow");
    if (methods.length > 0) this.peerAllows = methods.map((method) => method.toUpperCase());
  }

  /**
   * Phones with IPv4 and IPv6 name an address of one family in their SDP and call over the other. Our media has the family
   * of the call, so theirs is sought at the address that they call from: offers like this are taken from direct callers only.
   */
  #reachable(negotiated: Negotiated): Negotiated {
    const { remote } = negotiated;
    const family = familyOf(this.flow.local.host);
    if (remote === undefined || remote.family === family) return negotiated;
    return { ...negotiated, remote: { ...remote, family, host: this.flow.remote.host } };
  }

  /** Tells the user of parameters that both sides have agreed on, and of hold when it has changed. */
  mediaChanged(negotiated: Negotiated, audible: boolean): void {
    this.user.mediaChanged(this.#reachable(negotiated), audible);
    if (negotiated.remoteHold === this.heldByPeer) return;
    this.heldByPeer = negotiated.remoteHold;
    this.user.held(negotiated.remoteHold);
  }

  /**
   * The session is over. Safe to call again. `byeFollows`: its dialog stays known until that BYE is answered, so that
   * one of the peer's that crosses it is answered as well.
   */
  over(how: SessionEnd, byeFollows = false): void {
    const phase = this.phase;
    if (phase.name === "over") return;
    this.phase = { name: "over" };
    if (phase.name === "incoming") {
      phase.reliable?.stop();
      if (!phase.tx.finalSent) respond(this, phase.tx, how.code >= 300 ? how.code : 487);
    }
    if (phase.name === "answered") {
      phase.ok.stop();
      phase.done("the call ended before it was acknowledged");
    }
    if (this.change.by === "them") this.change.ok.stop();
    this.change = { by: "none" };
    this.timer.stop();
    this.asked?.cancel();
    const { referral } = this;
    // RFC 5589 §6: a transferee that has agreed may leave at once; it need not say how it fared.
    const left = referral?.accepted === true && how.by === "remote";
    referral?.settle(left ? undefined : "the call is over");
    this.user.ended(how);
    if (!byeFollows) this.forget();
  }

  /** Takes the session out of the table: requests in its dialog get 481 from now on. */
  forget(): void {
    if (this.dialog === undefined) return;
    this.dialog.terminate();
    if (this.context.sessions.get(this.dialog.key) === this) this.context.sessions.delete(this.dialog.key);
  }
}

/** Does nothing: stands in until the owner takes over, in the same turn, and once a call has gone on without its session. */
export const idleUser: SessionUser = {
  openAudio: () => ({ rtpPort: 0, rtcpPort: 0 }),
  ringing: () => {},
  mediaChanged: () => {},
  connected: () => {},
  held: () => {},
  message: () => {},
  ended: () => {},
};
