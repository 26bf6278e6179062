/** The transaction layer: finds the transaction that a message belongs to, makes new ones, and keeps their number bounded. */
import type { Clock } from "../clock.ts";
import type { Flow } from "../flow.ts";
import { buildResponse, Request, type Response } from "../message.ts";
import type { Random } from "../random.ts";
import type { Client, ClientSurroundings } from "./client.ts";
import { InviteClient } from "./client-invite.ts";
import { NonInviteClient } from "./client-non-invite.ts";
import { clientKey, hasStatelessTag, lastingMethod, serverKey, statelessTag } from "./key.ts";
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
  readonly #clients = new ByMethod<Client>();
  /** Whose method is served statelessly has none of it: no key is made to look for them. */
  readonly #servers = new ByMethod<Server>();
  /** The request whose key was asked for last, and that key. */
  #keyed: Request | undefined;
  #key = "";
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
      clientGone: (client) => this.#clients.delete(client),
      serverGone: (server) => this.#servers.delete(server),
      replyStateless: (request, flow, status, stateless) => this.replyStateless(request, flow, status, stateless),
      statelessResponse: (request, flow, status, stateless) =>
        this.#statelessResponse(request, flow, status, stateless),
      ackFor2xx: (ack, flow) => user.ack(ack, flow),
      serve: (handle) => this.#serve(handle),
    };
  }

  /** Open transactions, clients and servers. */
  get size(): number {
    return this.#clients.size + this.#servers.size;
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
    const key = branch ?? clientKey(request);
    if (key === undefined) throw new TransactionError("no-branch", request);
    if (request.method === "ACK") throw new TransactionError("ack", request);
    if (this.#clients.get(request.method, key) !== undefined) throw new TransactionError("branch-in-use", request);
    const machine = request.method === "INVITE" ? InviteClient : NonInviteClient;
    const client = new machine(this.#around, key, request, flow, user);
    this.#clients.add(client);
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
    const { branch } = response;
    const client = branch === undefined ? undefined : this.#clients.get(response.cseq.method, branch);
    if (client === undefined) this.#user.strayResponse(response, flow);
    else client.receive(response);
  }

  #receiveRequest(request: Request, flow: Flow): void {
    const { method } = request;
    const existing = this.#servers.has(method) ? this.#servers.get(method, this.#keyOf(request)) : undefined;
    if (existing !== undefined) existing.again();
    else if (this.#refuses(request)) {
      this.replyStateless(request, flow, 503, { headers: [["Retry-After", this.#retryAfter()]] });
      this.#user.refused?.(request, flow);
      this.#around.observer?.refused(method);
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

  /** Who looks for a transaction makes it next, where there is none. */
  #keyOf(request: Request): string {
    if (this.#keyed !== request) {
      this.#key = serverKey(request);
      this.#keyed = request;
    }
    return this.#key;
  }

  #serve(handle: Handle): Server {
    const server = this.#serverFor(handle);
    server.bind(handle);
    return server;
  }

  #serverFor({ request, flow }: Handle): InviteServer | NonInviteServer {
    const { method } = request;
    const key = this.#keyOf(request);
    this.#keyed = undefined;
    const way = this.#responseFlow(request, flow);
    if (method !== "INVITE") return this.#serveOther(key, method, way);
    const server = new InviteServer(this.#around, key, way, this.#octetsFor(request));
    this.#servers.add(server);
    return server;
  }

  #serveOther(key: string, method: string, way: Flow): NonInviteServer {
    const server = new NonInviteServer(this.#around, key, lastingMethod(method), way);
    this.#servers.add(server);
    return server;
  }

  #invite(key: string): InviteServer | undefined {
    const server = this.#servers.get("INVITE", key);
    return server instanceof InviteServer ? server : undefined;
  }

  #octetsFor(invite: Request): number {
    const unlimited = this.#amplification === Number.POSITIVE_INFINITY || this.#established(invite);
    return unlimited ? Number.POSITIVE_INFINITY : this.#amplification * invite.bytes().length;
  }

  #receiveAck(ack: Request, flow: Flow): void {
    const server = this.#servers.has("INVITE") ? this.#invite(serverKey(ack)) : undefined;
    if (server?.isAcknowledgedBy(ack)) server.acknowledged({ request: ack, flow });
    else if (!hasStatelessTag(ack, this.#secret)) this.#user.ack(ack, flow);
  }

  /** RFC 3261 §9.2. */
  #receiveCancel(cancel: Request, flow: Flow): void {
    const key = serverKey(cancel);
    const existing = this.#servers.get("CANCEL", key);
    if (existing !== undefined) {
      existing.again();
      return;
    }
    const invite = this.#invite(key);
    // The called side knows the caller's Via, too. Only who has called gives up (RFC 3261 §22.1: the same hop).
    const caller = invite?.handle?.flow.remote.host;
    if (caller !== undefined && caller !== flow.remote.host) return this.replyStateless(cancel, flow, 481);
    if (invite === undefined && !cancellable.some((method) => this.#servers.get(method, key) !== undefined)) {
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

/** Transactions by method and key. */
class ByMethod<T extends { readonly method: string; readonly key: string }> {
  size = 0;
  readonly #methods = new Map<string, Map<string, T>>();

  has(method: string): boolean {
    return this.#methods.has(method);
  }

  get(method: string, key: string): T | undefined {
    return this.#methods.get(method)?.get(key);
  }

  add(transaction: T): void {
    let those = this.#methods.get(transaction.method);
    if (those === undefined) {
      those = new Map();
      this.#methods.set(transaction.method, those);
    }
    const before = those.size;
    those.set(transaction.key, transaction);
    this.size += those.size - before;
  }

  delete({ method, key }: T): void {
    const those = this.#methods.get(method);
    if (those?.delete(key) !== true) return;
    this.size--;
    // Strangers make up methods.
    if (those.size === 0) this.#methods.delete(method);
  }
}

function hasToTag(request: Request): boolean {
  return request.to.tag !== undefined;
}

function sameFlow(_request: Request, flow: Flow): Flow {
  return flow;
}
