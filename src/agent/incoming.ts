/** An INVITE that came to us: ringing, early media, acceptance, refusal (RFC 3261 §13.3, RFC 3262 §3, RFC 6337). */
import type { Request } from "../sip/message.ts";
import { sessionDescription } from "../sip/multipart.ts";
import { ReliableSender, reliabilityOf } from "../sip/reliable.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { bye } from "./end.ts";
import { acknowledged } from "./modify.ts";
import { OkRetransmission } from "./ok-retransmission.ts";
import { refuseOffer, respond } from "./respond.ts";
import type { Done, Phase, Session } from "./session.ts";
import { answerInterval, refuseInterval } from "./session-refresh.ts";

type Incoming = Phase & { name: "incoming" };

/** Notes what the INVITE says of its sender. False: it was refused. */
export function prepareIncoming(session: Session, tx: ServerTransaction, invite: Request): boolean {
  session.noteAllowed(invite);
  return !refuseInterval(session, tx, invite);
}

function waiting(session: Session, done: Done): Incoming | undefined {
  if (session.phase.name === "incoming") return session.phase;
  done("the call is not waiting for an answer");
  return undefined;
}

export function ring(session: Session, done: Done): void {
  const phase = waiting(session, done);
  if (phase === undefined) return;
  if (reliabilityOf(phase.tx.request) === "required") return provisional(session, phase, 180, undefined, done);
  respond(session, phase.tx, 180);
  done();
}

export function early(session: Session, done: Done): void {
  const phase = waiting(session, done);
  if (phase === undefined) return;
  if (session.offerAnswer.state !== "offer-received") {
    return done(
      phase.earlyMedia
        ? "the early audio is open already"
        : "the caller has not offered its audio yet: ANSWER the call",
    );
  }
  const reliable = reliabilityOf(phase.tx.request) !== "none";
  let sdp: string;
  try {
    const answer = session.offerAnswer.answer(session.localMedia(), reliable ? "reliable" : "unreliable");
    if (answer === undefined) return done("there is no offer to answer");
    sdp = answer.sdp;
    phase.earlyMedia = true;
    session.mediaChanged(answer.negotiated, true);
  } catch (error) {
    return noAudio(session, error, done);
  }
  if (reliable) return provisional(session, phase, 183, sdp, done);
  respond(session, phase.tx, 183, { sdp });
  done();
}

/** A provisional response that the caller acknowledges with PRACK. */
function provisional(session: Session, phase: Incoming, status: number, sdp: string | undefined, done: Done): void {
  const { clock, random, settings } = session.context;
  phase.reliable ??= new ReliableSender({ clock, random, T1: settings.T1, cseq: phase.tx.request.cseq.number });
  phase.reliable.send(
    (rseq) =>
      respond(session, phase.tx, status, {
        sdp,
        headers: [
          ["Require", "100rel"],
          ["RSeq", String(rseq)],
        ],
      }),
    (acknowledged) => {
      if (acknowledged) return done();
      done("the caller did not acknowledge it");
      session.end({ by: "system", cause: "timeout", code: 504 });
    },
  );
}

export function receivePrack(session: Session, tx: ServerTransaction, prack: Request): void {
  const { phase } = session;
  const reliable = phase.name === "incoming" ? phase.reliable : undefined;
  if (reliable === undefined || !reliable.matches(prack)) return respond(session, tx, 481);
  let sdp: string | undefined;
  const sessionOffered = sessionDescription(prack);
  if (sessionOffered.length > 0) {
    const offer = session.offerAnswer.receiveOffer(sessionOffered);
    if (!offer.ok) return refuseOffer(session, tx, offer);
    const answer = session.offerAnswer.answer(session.localMedia(), "reliable");
    if (answer !== undefined) {
      sdp = answer.sdp;
      session.mediaChanged(answer.negotiated, true);
    }
  }
  respond(session, tx, 200, { sdp });
  reliable.acknowledge(prack);
}

export function accept(session: Session, done: Done): void {
  const phase = waiting(session, done);
  if (phase === undefined) return;
  // RFC 3262 §3: a 2xx must wait while a reliable provisional response with a session description is unacknowledged.
  if (phase.reliable?.pending) return phase.reliable.whenIdle(() => accept(session, done));
  const { tx } = phase;
  let sdp: string | undefined;
  try {
    sdp = sessionForAnswer(session);
  } catch (error) {
    return noAudio(session, error, done);
  }
  const headers = answerInterval(session);
  const { clock, settings } = session.context;
  phase.reliable?.stop();
  const send = () => respond(session, tx, 200, { sdp, headers });
  const ok = new OkRetransmission(clock, settings, send, () => {
    // RFC 3261 §13.3.1.4: without an ACK the dialog is confirmed, and ended by BYE.
    if (session.phase.name !== "answered") return;
    session.over(session.phase.end ?? { by: "remote", cause: "timeout", code: 408 }, true);
    bye(session);
  });
  session.phase = { name: "answered", ok, done, end: undefined };
  session.dialog?.confirm();
  send();
}

/** The answer to the INVITE's offer; our offer when it had none; nothing when early media has said it all. */
function sessionForAnswer(session: Session): string | undefined {
  const { offerAnswer } = session;
  switch (offerAnswer.state) {
    case "offer-received": {
      const answer = offerAnswer.answer(session.localMedia(), "reliable");
      if (answer !== undefined) session.mediaChanged(answer.negotiated, false);
      return answer?.sdp;
    }
    case "stable": {
      if (offerAnswer.negotiated !== undefined) return undefined;
      const offer = offerAnswer.offer(session.localMedia());
      return offer.ok ? offer.sdp : undefined;
    }
    case "offered":
      return undefined;
  }
}

function noAudio(session: Session, error: unknown, done: Done): void {
  const reason = error instanceof Error ? error.message : String(error);
  session.context.log.error("no audio can be opened for a call", { callId: session.dialog?.callId, reason });
  done(`no audio can be opened: ${reason}`);
  session.end({ by: "system", cause: "error", code: 503 });
}

export function reject(session: Session, code: number, reason: string | undefined, done: Done): void {
  const phase = waiting(session, done);
  if (phase === undefined) return;
  respond(session, phase.tx, code, { reason });
  done();
  session.over({ by: "local", cause: "rejected", code });
}

export function redirect(session: Session, uri: string, done: Done): void {
  const phase = waiting(session, done);
  if (phase === undefined) return;
  respond(session, phase.tx, 302, { headers: [["Contact", `<${uri}>`]] });
  done();
  session.over({ by: "local", cause: "redirected", code: 302 });
}

export function receiveAck(session: Session, ack: Request): void {
  const { phase } = session;
  if (phase.name !== "answered") return acknowledged(session, ack);
  phase.ok.stop();
  session.phase = { name: "confirmed" };
  if (session.offerAnswer.state === "offered" && !session.takeAnswer(ack)) {
    phase.done("the caller's answer to our offer cannot be used");
    return session.end({ by: "system", cause: "error", code: 488 });
  }
  session.user.connected();
  phase.done();
  if (phase.end !== undefined) session.end(phase.end);
}
