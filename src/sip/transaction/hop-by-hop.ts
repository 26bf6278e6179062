/** The requests that an INVITE client transaction makes by itself, for the next hop alone: ACK and CANCEL. */

import type { Request, Response } from "../message.ts";
import { buildRequest, type HeaderList } from "../message.ts";

/** The ACK for a final response from 300 on (RFC 3261 §17.1.1.3). */
export function ackFor(invite: Request, response: Response): Request {
  return hopByHop("ACK", invite, response.header("to") ?? invite.header("to") ?? "");
}

/** The CANCEL of a pending INVITE (RFC 3261 §9.1), with these further headers. */
export function cancelFor(invite: Request, further: HeaderList): Request {
  return hopByHop("CANCEL", invite, invite.header("to") ?? "", further);
}

function hopByHop(method: string, invite: Request, to: string, further: HeaderList = []): Request {
  const headers: (readonly [name: string, value: string])[] = [["Via", invite.values("via")[0] ?? ""]];
  for (const route of invite.headers("route")) headers.push(["Route", route]);
  headers.push(
    ["Max-Forwards", "70"],
    ["From", invite.header("from") ?? ""],
    ["To", to],
    ["Call-ID", invite.callId],
    ["CSeq", `${invite.cseq.number} ${method}`],
    ...further,
  );
  return buildRequest({ method, uri: invite.uri, headers });
}
