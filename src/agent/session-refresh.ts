/** Keeping a session alive, and noticing that it is dead (RFC 4028): the session timer tied to its messages. */
import type { HeaderList, Request, Response } from "../sip/message.ts";
import { SessionTimer } from "../sip/session-timer.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { endIfGone } from "./end.ts";
import { refreshByInvite } from "./modify.ts";
import { request } from "./request.ts";
import { respond } from "./respond.ts";
import type { Session } from "./session.ts";

export function createTimer(session: Session): SessionTimer {
  const { clock, settings } = session.context;
  return new SessionTimer({
    clock,
    interval: settings.sessionExpires,
    minimum: settings.minSessionExpires,
    refresh: () => refresh(session),
    expire: () => session.end({ by: "system", cause: "expired", code: 408 }),
  });
}

/** Judges the Session-Expires of a request that refreshes the session. True: it was refused, and is answered. */
export function refuseInterval(session: Session, tx: ServerTransaction, received: Request): boolean {
  const verdict = session.timer.judge({
    sessionExpires: received.header("session-expires"),
    minSE: received.header("min-se"),
    timerSupported: received.values("supported").some(isTimer) || received.values("require").some(isTimer),
  });
  if (!verdict.ok) respond(session, tx, verdict.status, { headers: verdict.headers });
  return !verdict.ok;
}

function isTimer(tag: string): boolean {
  return tag.toLowerCase() === "timer";
}

/** The headers for the 2xx to the request judged last; the interval runs from now. */
export function answerInterval(session: Session): HeaderList {
  const headers = session.timer.responseHeaders();
  session.timer.responded();
  return headers;
}

/** Takes over what the 2xx to our request says. */
export function noteInterval(session: Session, response: Response): void {
  session.timer.confirmed(response.header("session-expires"));
}

/** UPDATE without a description where the peer knows it, else a re-INVITE that changes nothing (RFC 4028 §7.4). */
function refresh(session: Session): void {
  if (session.phase.name !== "confirmed") return;
  if (session.peerAllows?.includes("UPDATE") !== true) return refreshByInvite(session);
  request(
    session,
    "UPDATE",
    { headers: session.timer.requestHeaders(), contact: true },
    {
      response: (response) => {
        if (response.status < 200) return;
        if (response.status < 300) return noteInterval(session, response);
        if (response.status === 422 && session.timer.tooSmall(response.header("min-se"))) return refresh(session);
        session.timer.refreshFailed();
        endIfGone(session, response.status);
      },
      failed: (status) => endIfGone(session, status),
    },
  );
}
