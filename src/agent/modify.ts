/** Changing an established session: hold and resume, re-INVITE and UPDATE, both ways (RFC 3261 §14, RFC 3311, RFC 3264 §8). */
import { glareDelay, retryAfterSeconds } from "../sip/glare.ts";
import type { Request, Response } from "../sip/message.ts";
import { sessionDescription } from "../sip/multipart.ts";
import type { OfferMade } from "../sip/offer-answer.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { endIfGone } from "./end.ts";
import { OkRetransmission } from "./ok-retransmission.ts";
import { acknowledge, request, unanswered } from "./request.ts";
import { fraction, refuseOffer, respond } from "./respond.ts";
import type { Done, Session } from "./session.ts";
import { answerInterval, noteInterval, refuseInterval } from "./session-refresh.ts";

/** How often a change that met the peer's own (491) is tried again. */
const maxGlare = 4;

export function hold(session: Session, on: boolean, done: Done): void {
  if (session.phase.name !== "confirmed") return done("the call is not connected");
  if (session.holding === on) return done();
  const offer = () => session.offerAnswer.offer(session.localMedia(), on ? "sendonly" : "sendrecv");
  change(session, offer, (reason) => {
    if (reason === undefined) session.holding = on;
    done(reason);
  });
}

/** A re-INVITE that changes nothing but keeps the session alive (RFC 4028 §7.4), for peers without UPDATE. */
export function refreshByInvite(session: Session): void {
  if (session.change.by === "none")
    change(
      session,
      () => session.offerAnswer.repeat(session.localMedia()),
      () => {},
    );
}

function change(session: Session, describe: () => OfferMade, done: Done, glares = 0): void {
  if (session.phase.name !== "confirmed") return done("the call is over");
  if (session.change.by !== "none") return done("another change of the call is under way");
  const offer = describe();
  if (!offer.ok) return done(offer.reason);
  session.change = { by: "us" };
  const body = new TextEncoder().encode(offer.sdp);
  const headers = [...session.timer.requestHeaders(), ["Content-Type", "application/sdp"] as const];
  const refused = (reason: string) => {
    session.timer.refreshFailed();
    session.offerAnswer.rollback();
    session.change = { by: "none" };
    done(reason);
  };
  // A 2xx that comes again gets its ACK again.
  let settled = false;
  request(
    session,
    "INVITE",
    { headers, body, contact: true },
    {
      response: (response) => {
        if (response.status < 200) return;
        if (response.status < 300) {
          if (!settled) accepted(session, response);
          acknowledge(session, response.cseq.number);
          if (!settled) done();
          settled = true;
          return;
        }
        if (settled) return;
        settled = true;
        if (response.status === 491 && glares < maxGlare) {
          session.offerAnswer.rollback();
          session.change = { by: "none" };
          const wait = glareDelay(session.ownsCallId, fraction(session.context));
          session.context.clock.after(wait, () => change(session, describe, done, glares + 1));
          return;
        }
        refused(`the other side answered ${response.status}`);
        endIfGone(session, response.status);
      },
      failed: (status) => {
        if (settled) return;
        settled = true;
        refused(unanswered(status));
        endIfGone(session, status);
      },
    },
  );
}

function accepted(session: Session, response: Response): void {
  session.change = { by: "none" };
  session.dialog?.refreshTarget(response);
  noteInterval(session, response);
  if (!session.takeAnswer(response)) session.offerAnswer.rollback();
}

export function receiveReinvite(session: Session, tx: ServerTransaction, received: Request): void {
  if (session.phase.name === "over") return respond(session, tx, 481);
  if (session.change.by === "us" || session.phase.name === "outgoing") return respond(session, tx, 491);
  if (session.phase.name !== "confirmed" || session.change.by === "them") return tooEarly(session, tx);
  if (refuseInterval(session, tx, received)) return;
  const sdp = describe(session, tx, received);
  if (sdp === undefined) return;
  session.dialog?.refreshTarget(received);
  const headers = answerInterval(session);
  const send = () => respond(session, tx, 200, { sdp, headers });
  send();
  const ok = new OkRetransmission(session.context.clock, session.context.settings, send, () => {
    session.change = { by: "none" };
    session.end({ by: "system", cause: "timeout", code: 408 });
  });
  session.change = { by: "them", ok };
}

/** The answer to the re-INVITE's offer, or our offer when it had none. Undefined: refused, and the session is as it was. */
function describe(session: Session, tx: ServerTransaction, received: Request): string | undefined {
  if (sessionDescription(received).length === 0) {
    const offer = session.offerAnswer.offer(session.localMedia(), session.holding ? "sendonly" : "sendrecv");
    if (offer.ok) return offer.sdp;
    refuseOffer(session, tx, offer);
    return undefined;
  }
  return answerOffer(session, tx, received);
}

function answerOffer(session: Session, tx: ServerTransaction, received: Request): string | undefined {
  const offer = session.offerAnswer.receiveOffer(sessionDescription(received));
  if (!offer.ok) {
    refuseOffer(session, tx, offer);
    return undefined;
  }
  const answer = session.offerAnswer.answer(session.localMedia(), "reliable");
  if (answer === undefined) return undefined;
  session.mediaChanged(answer.negotiated, session.phase.name === "confirmed");
  return answer.sdp;
}

/** RFC 3261 §14.2, RFC 3311 §5.2: a change before the last one is through. */
function tooEarly(session: Session, tx: ServerTransaction): void {
  const seconds = retryAfterSeconds(fraction(session.context));
  respond(session, tx, 500, { headers: [["Retry-After", String(seconds)]] });
}

export function receiveUpdate(session: Session, tx: ServerTransaction, received: Request): void {
  if (session.phase.name === "over") return respond(session, tx, 481);
  if (refuseInterval(session, tx, received)) return;
  if (sessionDescription(received).length === 0) {
    session.dialog?.refreshTarget(received);
    return respond(session, tx, 200, { headers: answerInterval(session) });
  }
  if (session.change.by === "us" || session.offerAnswer.state === "offered") return respond(session, tx, 491);
  if (session.offerAnswer.state === "offer-received") return tooEarly(session, tx);
  const sdp = answerOffer(session, tx, received);
  if (sdp === undefined) return;
  session.dialog?.refreshTarget(received);
  respond(session, tx, 200, { sdp, headers: answerInterval(session) });
}

/** The ACK for our 200 to a re-INVITE, with the answer when the offer was ours. */
export function acknowledged(session: Session, ack: Request): void {
  if (session.change.by !== "them") return;
  session.change.ok.stop();
  session.change = { by: "none" };
  if (session.offerAnswer.state !== "offered") return;
  if (!session.takeAnswer(ack)) session.offerAnswer.rollback();
}
