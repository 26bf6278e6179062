/** Requests within a dialog, as the two ends of it write them (RFC 3261 §12.2.1.1). */
import { buildRequest, type Request, type Response } from "../../src/sip/message.ts";
import { fresh, type Peer } from "./peer.ts";

interface Within {
  uri: string;
  routes: readonly string[];
  from: string;
  to: string;
  callId: string;
  sequence: number;
}

function compose(peer: Peer, method: string, { uri, routes, from, to, callId, sequence }: Within): Request {
  const { transport, host, port } = peer;
  return buildRequest({
    method,
    uri,
    headers: [
      ["Via", `SIP/2.0/${transport.toUpperCase()} ${host}:${port};rport;branch=z9hG4bK${fresh("d")}`],
      ...routes.map((route) => ["Route", route] as const),
      ["Max-Forwards", "70"],
      ["From", from],
      ["To", to],
      ["Call-ID", callId],
      ["CSeq", `${sequence} ${method}`],
      ["Contact", peer.contact],
    ],
  });
}

/** Of who called, once the 2xx is there. */
export function fromCaller(peer: Peer, ok: Response, method: string, sequence: number): Request {
  return compose(peer, method, {
    uri: ok.contact?.uriText ?? "",
    routes: ok.values("record-route").toReversed(),
    from: ok.header("from") ?? "",
    to: ok.header("to") ?? "",
    callId: ok.callId,
    sequence,
  });
}

/** Of who was called, and answered the INVITE with this tag. */
export function fromCallee(peer: Peer, invite: Request, tag: string, method: string, sequence: number): Request {
  return compose(peer, method, {
    uri: invite.contact?.uriText ?? "",
    routes: invite.values("record-route"),
    from: `${invite.header("to") ?? ""};tag=${tag}`,
    to: invite.header("from") ?? "",
    callId: invite.callId,
    sequence,
  });
}
