/** Requests within a session's dialog, sent the way that RFC 3261 §12.2.1 and the peer's place in the network ask for. */
import { isPrivate } from "../ip.ts";
import type { Flow } from "../sip/flow.ts";
import { type HeaderList, parseMessage, type Request, type Response } from "../sip/message.ts";
import { isSipUri, type Uri } from "../sip/uri.ts";
import { type AgentContext, topVia, wayTo } from "./context.ts";
import type { Session } from "./session.ts";

export interface RequestParts {
  headers?: HeaderList;
  body?: Uint8Array | undefined;
  /** Methods that refresh the target carry our Contact. */
  contact?: boolean;
}

export interface RequestUser {
  response(response: Response): void;
  /** Nobody answered (408), or it could not be sent (503): RFC 3261 §8.1.3.1. */
  failed(status: 408 | 503): void;
}

/** The failure of a request in words for who asked for it. */
export function unanswered(status: 408 | 503): string {
  return status === 408 ? "the other side did not answer" : "the other side cannot be reached";
}

/** Sends a request within the dialog. Nothing is reported before this returns. */
export function request(session: Session, method: string, parts: RequestParts, user: RequestUser): void {
  const { context, dialog } = session;
  const flow = dialog === undefined ? undefined : flowOf(session, dialog.nextHop());
  if (dialog === undefined || flow === undefined) {
    context.log.warn("the peer's Contact cannot be reached", { method });
    context.clock.after(0, () => user.failed(503));
    return;
  }
  const built = dialog.request(method, {
    via: topVia(context, flow),
    ...(parts.contact ? { contact: session.contact } : {}),
    headers: [["User-Agent", context.settings.product], ...(parts.headers ?? [])],
    body: parts.body,
  });
  const { message, way } = fitted(context, built, flow);
  context.transactions.request(message, way, {
    response: (response) => user.response(response),
    timeout: () => user.failed(408),
    transportError: () => user.failed(503),
  });
}

/** Sends the ACK for a 2xx to our INVITE numbered `sequence`. */
export function acknowledge(session: Session, sequence: number): void {
  const { context, dialog } = session;
  const flow = dialog === undefined ? undefined : flowOf(session, dialog.nextHop());
  if (dialog === undefined || flow === undefined) return;
  const ack = dialog.ack(sequence, { via: topVia(context, flow) });
  const { message, way } = fitted(context, ack, flow);
  way.send(message.bytes());
}

/**
 * The flow to the next hop. A peer behind no proxy that came by connection, or whose Contact is a private address that
 * is not where its packets come from, is reached where it came from.
 */
function flowOf(session: Session, hop: Uri): Flow | undefined {
  const { flow, dialog, context } = session;
  if (dialog !== undefined && dialog.routeSet.length === 0) {
    if (flow.reliable) return flow;
    if (isSipUri(hop) && isPrivate(hop.host) && hop.host !== flow.remote.host)
      return context.ways.flowTo({ transport: "udp", ...flow.remote });
  }
  const way = wayTo(hop);
  return way === undefined ? undefined : context.ways.flowTo(way);
}

/** RFC 3261 §18.1.1: a request too large for UDP goes over TCP, and says so in its Via. */
export function fitted(context: AgentContext, message: Request, flow: Flow): { message: Request; way: Flow } {
  if (flow.transport !== "udp") return { message, way: flow };
  const bytes = message.bytes();
  const way = context.ways.flowTo({ transport: "udp", ...flow.remote, size: bytes.length });
  if (way.transport === "udp") return { message, way: flow };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const line = text.indexOf("\r\nVia: ");
  const rewritten = `${text.slice(0, line)}\r\nVia: ${topVia(context, way)}${text.slice(text.indexOf("\r\n", line + 2))}`;
  const reparsed = parseMessage(Buffer.from(rewritten, "latin1"), "stream");
  return reparsed.type === "request" ? { message: reparsed, way } : { message, way: flow };
}
