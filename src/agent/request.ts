/** Requests within a session's dialog, sent the way that RFC 3261 §12.2.1 and the peer's place in the network ask for. */
import { isPrivate } from "../ip.ts";
import type { Dialog } from "../sip/dialog.ts";
import type { DigestAttempt, DigestClient } from "../sip/digest-client.ts";
import type { Flow } from "../sip/flow.ts";
import { type HeaderList, parseMessage, type Request, type Response } from "../sip/message.ts";
import { isSipUri, type Uri } from "../sip/uri.ts";
import type { Hop } from "../transport/resolve/index.ts";
import { isAnswerable } from "./authenticate.ts";
import { type AgentContext, flowTo, hopsTo, topVia } from "./context.ts";
import { HopWalk } from "./hop-walk.ts";

/** Whose dialog it is: a session, a subscription, a program of its own. */
export interface DialogUser {
  readonly context: AgentContext;
  readonly dialog: Dialog | undefined;
  /** The way that the first request came or went. */
  readonly flow: Flow;
  /** Our Contact in the dialog. */
  readonly contact: string;
  readonly digest: DigestClient | undefined;
  /** Of the last INVITE: its ACK repeats them (RFC 3261 §22.1). */
  credentials: HeaderList | undefined;
  /** Header fields that go into every request. */
  readonly headers: HeaderList;
  /** Requests that wait until those before them have their way. */
  waiting: (() => void)[] | undefined;
}

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

/** Sends a request within the dialog, and again when it is challenged. Nothing is reported before this returns. */
export function request(session: DialogUser, method: string, parts: RequestParts, user: RequestUser): void {
  const attempt = session.digest?.attempt();
  const send = () =>
    sendOnce(session, method, parts, attempt, {
      response: (response) => {
        if (isAnswerable(response, attempt)) send();
        else user.response(response);
      },
      failed: (status) => user.failed(status),
    });
  send();
}

function sendOnce(
  session: DialogUser,
  method: string,
  parts: RequestParts,
  attempt: DigestAttempt | undefined,
  user: RequestUser,
): void {
  const { context, dialog } = session;
  if (dialog === undefined) {
    context.clock.after(0, () => user.failed(503));
    return;
  }
  const compose = (flow: Flow) => {
    const credentials = attempt?.headers(method, dialog.requestUri, parts.body) ?? [];
    if (method === "INVITE") session.credentials = credentials;
    return dialog.request(method, {
      via: topVia(context, flow),
      ...(parts.contact ? { contact: session.contact } : {}),
      headers: [["User-Agent", context.settings.product], ...credentials, ...session.headers, ...(parts.headers ?? [])],
      body: parts.body,
    });
  };
  const nextHop = dialog.nextHop();
  const own = ownFlow(session, dialog, nextHop);
  let built: Request | undefined;
  let settled = false;
  inTurn(session, (leave) => {
    if (own !== undefined) {
      settled = true;
      const { message, way } = fitted(context, built ?? compose(own), own);
      context.transactions.request(message, way, {
        response: (response) => user.response(response),
        timeout: () => user.failed(408),
        transportError: () => user.failed(503),
      });
      return leave();
    }
    hopsTo(context, nextHop, (found) => {
      settled = true;
      if (!found.ok) {
        const { callId } = dialog;
        context.log.warn("the peer's Contact cannot be reached", { callId, method, reason: found.reason });
        context.clock.after(0, () => user.failed(503));
        return leave();
      }
      new HopWalk(context, found.hops, {
        prepare: (hop) => {
          const flow = flowTo(context, hop);
          built = built === undefined ? compose(flow) : withVia(built, topVia(context, flow));
          return fitted(context, built, flow);
        },
        response: (response) => user.response(response),
        surplus: (response) => user.response(response),
        failed: (status) => user.failed(status),
      }).start();
      leave();
    });
  });
  // What waits is made now all the same: it has its number, and says how things stand now.
  if (!settled) built = compose(session.flow);
}

/** Sends the ACK for a 2xx to our INVITE numbered `sequence`. */
export function acknowledge(session: DialogUser, sequence: number, answer?: Uint8Array): void {
  const { context, dialog } = session;
  if (dialog === undefined) return;
  const send = (flow: Flow, failed: () => void) => {
    const type: HeaderList = answer === undefined ? [] : [["Content-Type", "application/sdp"]];
    const headers = [...(session.credentials ?? []), ...type];
    const ack = dialog.ack(sequence, { via: topVia(context, flow), headers, body: answer });
    const { message, way } = fitted(context, ack, flow);
    way.send(message.bytes(), failed);
  };
  const nextHop = dialog.nextHop();
  const own = ownFlow(session, dialog, nextHop);
  inTurn(session, (leave) => {
    if (own !== undefined) {
      send(own, () => {});
      return leave();
    }
    hopsTo(context, nextHop, (found) => {
      const along = (hops: readonly Hop[]) => {
        const [hop, ...others] = hops;
        if (hop === undefined) return;
        send(flowTo(context, hop), () => {
          context.resolver?.failed(hop);
          along(others);
        });
      };
      if (found.ok) along(found.hops);
      else {
        const { callId } = dialog;
        context.log.warn("the peer's Contact cannot be reached", { callId, method: "ACK", reason: found.reason });
      }
      leave();
    });
  });
}

/** Requests of a session leave in the order in which they were made, though a name may have to be resolved for the first. */
function inTurn(session: DialogUser, start: (leave: () => void) => void): void {
  const leave = () => {
    const next = session.waiting?.shift();
    if (next === undefined) session.waiting = undefined;
    else next();
  };
  if (session.waiting !== undefined) {
    session.waiting.push(() => start(leave));
    return;
  }
  session.waiting = [];
  start(leave);
}

/**
 * A peer behind no proxy that came by connection, or whose Contact is a private address that is not where its packets
 * come from, is reached where it came from. Undefined: by RFC 3263.
 */
function ownFlow(session: DialogUser, dialog: Dialog, hop: Uri): Flow | undefined {
  const { flow, context } = session;
  if (dialog.routeSet.length > 0) return undefined;
  if (flow.reliable) return flow;
  if (isSipUri(hop) && isPrivate(hop.host) && hop.host !== flow.remote.host)
    return context.ways.flowTo({ transport: "udp", ...flow.remote });
  return undefined;
}

/** RFC 3261 §18.1.1: a request too large for UDP goes over TCP, and says so in its Via. */
export function fitted(context: AgentContext, message: Request, flow: Flow): { message: Request; way: Flow } {
  if (flow.transport !== "udp") return { message, way: flow };
  const bytes = message.bytes();
  const way = context.ways.flowTo({ transport: "udp", ...flow.remote, size: bytes.length });
  if (way.transport === "udp") return { message, way: flow };
  return { message: withVia(message, topVia(context, way)), way };
}

/** The same request with another topmost Via, which stands in a line of its own. */
function withVia(message: Request, via: string): Request {
  const bytes = message.bytes();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const line = text.indexOf("\r\nVia: ");
  const rewritten = `${text.slice(0, line)}\r\nVia: ${via}${text.slice(text.indexOf("\r\n", line + 2))}`;
  const reparsed = parseMessage(Buffer.from(rewritten, "latin1"), "stream");
  if (reparsed.type !== "request") throw new TypeError("a request of ours does not parse with another Via");
  return reparsed;
}
