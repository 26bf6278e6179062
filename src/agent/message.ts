/** MESSAGE within a call (RFC 3428): plain text both ways. */

import type { Request } from "../sip/message.ts";
import { decodeUtf8 } from "../sip/text.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { endIfGone } from "./end.ts";
import { request, unanswered } from "./request.ts";
import { respond } from "./respond.ts";
import type { Done, Session } from "./session.ts";

export function sendMessage(session: Session, text: string, done: Done): void {
  if (session.phase.name !== "confirmed") return done("a message can be sent once the call is connected");
  const body = new TextEncoder().encode(text);
  const headers = [["Content-Type", "text/plain;charset=UTF-8"]] as const;
  request(
    session,
    "MESSAGE",
    { headers, body },
    {
      response: (response) => {
        if (response.status < 200) return;
        done(
          response.status < 300
            ? undefined
            : `the other side answered ${response.status} ${decodeUtf8(response.reason)}`,
        );
        endIfGone(session, response.status);
      },
      failed: (status) => {
        done(unanswered(status));
        endIfGone(session, status);
      },
    },
  );
}

export function receiveMessage(session: Session, tx: ServerTransaction, received: Request): void {
  const text = decodeUtf8(
    Buffer.from(received.body.buffer, received.body.byteOffset, received.body.byteLength).toString("latin1"),
  );
  respond(session, tx, 200);
  if (session.phase.name !== "over") session.user.message(text);
}
