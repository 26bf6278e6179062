/** The transaction layer: finds the transaction that a message belongs to, makes new ones, and keeps their number bounded. */
import type { Clock } from "../clock.ts";
import type { Flow } from "../flow.ts";
import { buildResponse, Request, type Response } from "../message.ts";
import type { Random } from "../random.ts";
import type { Client, ClientSurroundings } from "./client.ts";
import { InviteClient } from "./client-invite.ts";
import { NonInviteClient } from "./client-non-invite.ts";
import { clientKey, clientKeyOf, hasStatelessTag, serverKey, statelessTag } from "./key.ts";
import type { TransactionObserver } from "./observer.ts";
import { Handle, type Server, type ServerSurroundings } from "./server.ts";
import { InviteServer } from "./server-invite.ts";
import { NonInviteServer } from "./server-non-invite.ts";
import { defaultTimers, type Timers } from "./timers.ts";
import type { ClientTransaction, ClientUser, StatelessOptions, TransactionUser } from "./user.ts";

export interface LayerOptions {
  clock: Clock;
  random: Random;
  user: TransactionUser;
  timers?: Partial<Timers>;
  /**
   * With this many open transactions (200,000 by default), requests that are not `established` get 503; with twice as
   * many, every new request does.
   */
  maxTransactions?: number;
  /**
   * How many octets one octet of an INVITE over UDP may make us send in failure responses, where the request is not
   * `established`; by default what RFC 3261 says: the response is repeated for 32 s.
   */
  amplification?: number;
  /** Seconds in the Retry-After of these 503; 10 by default. */
  retryAfter?: () => string;
  /**
   * Whether a new request is one too many for us: asked once for each, before anything is made of it. It gets 503, and
   * leaves nothing behind.
   */
  overloaded?: ((request: Request) => boolean) | undefined;
  /** Whether a request belongs to a dialog that stands, and so is preferred; by default: it has a To tag. */
  established?: (request: Request) => boolean;
  /**
   * The flow for the responses to a request, by default the one it came on. RFC 3261 §18.2.2: a UDP client that does not
   * say `rport` listens at the port of its Via. The request may be one that failed to parse.
   */
  responseFlow?: (request: Request, flow: Flow) => Flow;
  observer?: TransactionObserver | undefined;
}

/** A request that cannot become a client transaction: a mistake of the caller's. */
export class TransactionError extends Error {
  readonly code: "no-branch" | "branch-in-use" | "ack";
  constructor(code: TransactionError["code"], request: Request) {
    super(`cannot send ${request.method} ${request.uri} as a client transaction: ${code}`);
    this.name = "TransactionError";
    this.code = code;
  }
}

/** Methods but INVITE of which a CANCEL is answered 200, though it has no effect (RFC 3261 §9.2). */
const cancellable = [
  "OPTIONS",
  "REGISTER",
  "BYE",
  "MESSAGE",
  "SUBSCRIBE",
  "NOTIFY",
  "REFER",
  "PUBLISH",
  "INFO",
  "UPDATE",
];

export class TransactionLayer {
  readonly #clients = new Map<string, Client>();
  readonly #invites = new Map<string, InviteServer>();
  /** By key and method. */
  readonly #others = new Map<string, Server>();
  /** How many server transactions there are by method. Who serves one statelessly has none: no key is made to look for them. */
  readonly #open = new Map<string, number>();
  readonly #user: TransactionUser;
  readonly #max: number;
  readonly #amplification: number;
  readonly #retryAfter: () => string;
  readonly #overloaded: (request: Request) => boolean;
  readonly #established: (request: Request) => boolean;
  readonly #responseFlow: (request: Request, flow: Flow) => Flow;
  readonly #secret: number;
  readonly #around: ClientSurroundings & ServerSurroundings;

  constructor(options: LayerOptions) {
    const { clock, random, user, timers, maxTransactions = 200_000 } = options;
    this.#user = user;
    this.#max = maxTransactions;
    this.#amplification = options.amplification ?? Number.POSITIVE_INFINITY;
    this.#retryAfter = options.retryAfter ?? (() => "10");
    this.#overloaded = options.overloaded ?? (() => false);
    this.#established = options.established ?? hasToTag;
    this.#responseFlow = options.responseFlow ?? sameFlow;
    this.#secret = Number.parseInt(random.token(4), 16) | 0;
    this.#around = {
      clock,
      timers: { ...defaultTimers, ...timers },
      observer: options.observer,
      request: (request, flow, clientUser) => this.request(request, flow, clientUser),
      clientGone: (client) => void this.#clients.delete(client.key),
      serverGone: (server) => this.#gone(server),
      replyStateless: (request, flow, status, stateless) => this.replyStateless(request, flow, status, stateless),
      statelessResponse: (request, flow, status, stateless) =>
        this.#statelessResponse(request, flow, status, stateless),
      ackFor2xx: (ack, flow) => user.ack(ack, flow),
      serve: (handle) => this.#serve(handle),
    };
  }

  /** Open transactions, clients and servers. */
  get size(): number {
    return this.#clients.size + this.#invites.size + this.#others.size;
  }

  /** Takes a message that passed `checkRequest` or `checkResponse`. */
  receive(message: Request | Response, flow: Flow): void {
    if (!(message instanceof Request)) this.#receiveResponse(message, flow);
    else if (message.method === "ACK") this.#receiveAck(message, flow);
    else if (message.method === "CANCEL") this.#receiveCancel(message, flow);
    else this.#receiveRequest(message, flow);
  }

  /**
   * Sends a request that has its Via with a fresh branch. An ACK is no transaction: `flow.send` it. `branch` is that of
   * the topmost Via, where the caller knows it: the request is not parsed for it then.
   * @throws TransactionError
   */
  request(request: Request, flow: Flow, user: ClientUser, branch?: string): ClientTransaction {
    const key = branch === undefined ? clientKey(request) : clientKeyOf(branch, request.method);
    if (key === undefined) throw new TransactionError("no-branch", request);
    if (request.method === "ACK") throw new TransactionError("ack", request);
    if (this.#clients.has(key)) throw new TransactionError("branch-in-use", request);
    const machine = request.method === "INVITE" ? InviteClient : NonInviteClient;
    const client = new machine(this.#around, key, request, flow, user);
    this.#clients.set(key, client);
    client.start();
    return client;
  }

  /** Answers without a transaction, such as a request that failed to parse or `checkRequest`. An ACK is not answered. */
  replyStateless(request: Request, flow: Flow, status: number, options?: StatelessOptions): void {
    if (request.method === "ACK") return;
    const response = this.#statelessResponse(request, flow, status, options);
    this.#responseFlow(request, flow).send(response.bytes());
    this.#around.observer?.served(request.method, status, undefined);
  }

  #statelessResponse(request: Request, flow: Flow, status: number, options: StatelessOptions = {}): Response {
    const { reason, headers } = options;
    const toTag = status === 100 ? undefined : statelessTag(request, this.#secret);
    return buildResponse(request, status, { reason, headers, toTag, source: flow.remote });
  }

  #receiveResponse(response: Response, flow: Flow): void {
    const key = clientKey(response);
    const client = key === undefined ? undefined : this.#clients.get(key);
    if (client === undefined) this.#user.strayResponse(response, flow);
    else client.receive(response);
  }

  #receiveRequest(request: Request, flow: Flow): void {
    const existing = this.#open.has(request.method) ? this.#find(request) : undefined;
    if (existing !== undefined) existing.again();
    else if (this.#refuses(request)) {
      this.replyStateless(request, flow, 503, { headers: [["Retry-After", this.#retryAfter()]] });
      this.#user.refused?.(request, flow);
      this.#around.observer?.refused(request.method);
    } else {
      const handle = new Handle(this.#around, request, flow);
      try {
        this.#user.request(handle, request);
      } finally {
        // Most requests are answered by now, and need no timer for being not.
        handle.awaitUser();
      }
    }
  }

  #find(request: Request): Server | undefined {
    const key = serverKey(request);
    return request.method === "INVITE" ? this.#invites.get(key) : this.#others.get(key + request.method);
  }

  #serve(handle: Handle): Server {
    const server = this.#serverFor(handle);
    server.bind(handle);
    return server;
  }

  #serverFor({ request, flow }: Handle): InviteServer | NonInviteServer {
    const { method } = request;
    const way = this.#responseFlow(request, flow);
    if (method === "INVITE") {
      const server = new InviteServer(this.#around, serverKey(request), way, this.#octetsFor(request));
      this.#invites.set(server.key, server);
      this.#count(method, 1);
      return server;
    }
    return this.#serveOther(serverKey(request), method, way);
  }

  #serveOther(key: string, method: string, way: Flow): NonInviteServer {
    const server = new NonInviteServer(this.#around, key + method, way);
    this.#others.set(server.key, server);
    this.#count(method, 1);
    return server;
  }

  #gone(server: Server): void {
    const { key } = server;
    const invite = server instanceof InviteServer;
    if ((invite ? this.#invites : this.#others).delete(key))
      this.#count(invite ? "INVITE" : key.slice(key.lastIndexOf("\n") + 1), -1);
  }

  #count(method: string, more: 1 | -1): void {
    const count = (this.#open.get(method) ?? 0) + more;
    if (count === 0) this.#open.delete(method);
    else this.#open.set(method, count);
  }

  #octetsFor(invite: Request): number {
    const unlimited = this.#amplification === Number.POSITIVE_INFINITY || this.#established(invite);
    return unlimited ? Number.POSITIVE_INFINITY : this.#amplification * invite.bytes().length;
  }

  #receiveAck(ack: Request, flow: Flow): void {
    const server = this.#invites.get(serverKey(ack));
    if (server?.isAcknowledgedBy(ack)) server.acknowledged({ request: ack, flow });
    else if (!hasStatelessTag(ack, this.#secret)) this.#user.ack(ack, flow);
  }

  /** RFC 3261 §9.2. */
  #receiveCancel(cancel: Request, flow: Flow): void {
    const key = serverKey(cancel);
    const existing = this.#others.get(`${key}CANCEL`);
    if (existing !== undefined) {
      existing.again();
      return;
    }
    const invite = this.#invites.get(key);
    // The called side knows the caller's Via, too. Only who has called gives up (RFC 3261 §22.1: the same hop).
    const caller = invite?.handle?.flow.remote.host;
    if (caller !== undefined && caller !== flow.remote.host) return this.replyStateless(cancel, flow, 481);
    if (invite === undefined && !cancellable.some((method) => this.#others.has(key + method))) {
      if (this.#user.strayCancel?.(cancel, flow) !== true) this.replyStateless(cancel, flow, 481);
      return;
    }
    const server = this.#serveOther(key, "CANCEL", this.#responseFlow(cancel, flow));
    const toTag = invite?.toTag ?? statelessTag(cancel, this.#secret);
    server.respond(buildResponse(cancel, 200, { toTag, source: flow.remote }));
    this.#around.observer?.served("CANCEL", 200, 0);
    if (invite?.state === "proceeding" && invite.handle !== undefined) this.#user.cancel(invite.handle, cancel);
  }

  /** Established dialogs go first: they have a reserve as large as what everybody may use. */
  #refuses(request: Request): boolean {
    const { size } = this;
    if (size >= this.#max && (size >= 2 * this.#max || !this.#established(request))) return true;
    return this.#overloaded(request);
  }
}

function hasToTag(request: Request): boolean {
  return request.to.tag !== undefined;
}

function sameFlow(_request: Request, flow: Flow): Flow {
  return flow;
}
