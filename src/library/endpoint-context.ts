/** One call, or one exchange of requests, of an endpoint: who talks to whom, and the dialog that came of it. */
import type { DialogUser, Identities, OutsideRequest } from "../agent/index.ts";
import type { Dialog } from "../sip/dialog.ts";
import type { DigestClient } from "../sip/digest-client.ts";
import type { Flow } from "../sip/flow.ts";
import type { HeaderList, Request, Response } from "../sip/message.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Credentials } from "./settings.ts";

/**
 * Who talks to whom: what a first request is made of.
 *
 * @example
 * const to: ContextOptions = { from: "sip:me@example.com", to: "sip:you@example.com", auth: ["me", "secret"] };
 */
export interface ContextOptions {
  /** URIs or name-addrs; `from` is the agent's where it is not given. */
  readonly from?: string | undefined;
  readonly to: string;
  /** A URI; our own address by default. */
  readonly contact?: string | undefined;
  readonly auth?: Credentials | undefined;
  readonly callId?: string | undefined;
  /** Proxies to go through, as URIs. */
  readonly route?: readonly string[] | undefined;
}

/**
 * Where a message came in, or whom it came from.
 *
 * @example
 * const text = ({ proto, addr, port }: EndpointAddress) => `${proto}:${addr}:${port}`;
 */
export interface EndpointAddress {
  readonly proto: "udp" | "tcp" | "tls" | "ws" | "wss";
  readonly addr: string;
  readonly port: number;
  readonly family: 4 | 6;
}

/**
 * What became of a request, or what came in on a context that has a callback.
 *
 * @example
 * const done = ({ code, packet }: EndpointNews) => packet?.type === "response" && code >= 200;
 */
export interface EndpointNews {
  /** `timeout` where nobody answered, `unreachable` where it could not be sent. */
  readonly error: "timeout" | "unreachable" | undefined;
  /** The status of a response; 408 or 503 with an error; 0 for a request. */
  readonly code: number;
  readonly packet: Request | Response | undefined;
  readonly leg: EndpointAddress;
  readonly from: EndpointAddress;
}

/**
 * Called with each response to a request, and with each request of the other side's.
 *
 * @example
 * const callback: EndpointCallback = (endpoint, ctx, { code }) => {
 *   if (code >= 200) endpoint.newRequest("BYE", ctx);
 * };
 */
export type EndpointCallback = (endpoint: Endpoint, ctx: EndpointContext, news: EndpointNews) => void;

/**
 * A call, or another exchange of requests, of an endpoint. Endpoints make them.
 *
 * @example
 * const ctx: EndpointContext = ua.createEndpoint(() => {}).invite({ to: "sip:you@example.com" });
 * console.log(ctx.callId, ctx.established);
 */
export class EndpointContext implements DialogUser {
  readonly context: DialogUser["context"];
  readonly callId: string;
  /** The other side began it. */
  readonly incoming: boolean;
  /** What it was made of. */
  readonly options: ContextOptions;
  /** Anything that the program wants to keep with the call. */
  readonly values = new Map<string, unknown>();

  /** @internal */
  dialog: Dialog | undefined;
  /** @internal */
  flow: Flow;
  /** @internal */
  contact: string;
  /** @internal */
  digest: DigestClient | undefined;
  /** @internal */
  credentials: HeaderList | undefined;
  /** @internal */
  readonly headers: HeaderList = [];
  /** @internal */
  waiting: (() => void)[] | undefined;
  /** @internal */
  readonly localTag: string;
  /** @internal The number of our last request outside of a dialog. */
  sequence = 0;
  /** @internal */
  callback: EndpointCallback | undefined;
  /** @internal Our INVITE that has no final response yet. */
  inviting: OutsideRequest | undefined;
  /** @internal Stops repeating our 2xx. */
  unacknowledged: (() => void) | undefined;
  /** @internal */
  closed = false;

  /** @internal */
  constructor(parts: {
    context: DialogUser["context"];
    callId: string;
    localTag: string;
    incoming: boolean;
    options: ContextOptions;
    flow: Flow;
    contact: string;
  }) {
    this.context = parts.context;
    this.callId = parts.callId;
    this.localTag = parts.localTag;
    this.incoming = parts.incoming;
    this.options = parts.options;
    this.flow = parts.flow;
    this.contact = parts.contact;
  }

  /** Both sides have agreed: there is a dialog. */
  get established(): boolean {
    return this.dialog?.state === "confirmed";
  }

  /** @internal */
  get identities(): Identities | undefined {
    const { auth } = this.options;
    return auth && { user: auth[0], password: auth[1] };
  }
}

export function addressOf(flow: Flow, end: "local" | "remote"): EndpointAddress {
  const { host, port } = flow[end];
  return { proto: flow.transport, addr: host, port, family: host.includes(":") ? 6 : 4 };
}
