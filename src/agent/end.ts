/** Ending a session from our side: a final response, CANCEL or BYE, whichever its state asks for. */
import { request } from "./request.ts";
import { respond } from "./respond.ts";
import type { Session, SessionEnd } from "./session.ts";

const answeredElsewhere = 'SIP;cause=200;text="Call completed elsewhere"';

export function end(session: Session, how: SessionEnd): void {
  const { phase } = session;
  switch (phase.name) {
    case "incoming":
      respond(session, phase.tx, how.code >= 400 ? how.code : 480);
      return session.over(how);
    case "outgoing":
      // A 2xx may still cross the CANCEL: the session is over with the INVITE's final response.
      phase.end ??= how;
      phase.cancel(how.cause === "elsewhere" ? [["Reason", answeredElsewhere]] : undefined);
      return;
    case "answered":
      // RFC 3261 §15: no BYE before the ACK. Who hears us no more should not be heard either.
      phase.end ??= how;
      return;
    case "confirmed":
      session.over({ ...how, code: how.by === "local" ? 200 : how.code }, true);
      return bye(session);
    case "over":
      return;
  }
}

/** BYE for a session that is over. */
export function bye(session: Session): void {
  request(
    session,
    "BYE",
    {},
    {
      response: (response) => {
        if (response.status >= 200) session.forget();
      },
      failed: () => session.forget(),
    },
  );
}

/** RFC 3261 §12.2.1.2: a 481, and a request that nobody answers, end the dialog. */
export function endIfGone(session: Session, status: number): void {
  if (status === 481) session.end({ by: "remote", cause: "hangup", code: 481 });
  if (status === 408) session.end({ by: "system", cause: "timeout", code: 408 });
}
