/**
 * What both server transactions have in common (RFC 3261 §17.2). Each is two objects: the machine, which the layer keeps
 * until its last timer, and the handle, which the user keeps. With the final response the machine lets go of its handle,
 * and so of the request, unless the user asked to be told of what happens after it.
 */

import type { Flow } from "../flow.ts";
import type { Request, Response } from "../message.ts";
import { buildResponse } from "../message.ts";
import { type Figure, Machine, type Surroundings } from "./figure.ts";
import type { InviteServerState, NonInviteServerState, ServerTransaction, StatelessOptions } from "./user.ts";

export interface ServerSurroundings extends Surroundings {
  replyStateless(request: Request, flow: Flow, status: number, options?: StatelessOptions): void;
  /** The response that `replyStateless` sends. */
  statelessResponse(request: Request, flow: Flow, status: number, options?: StatelessOptions): Response;
  ackFor2xx(ack: Request, flow: Flow): void;
  /** Makes the machine of a handle. */
  serve(handle: Handle): Server;
  serverGone(server: Server): void;
}

/** A request (an ACK) and where it came from. */
export interface Arrival {
  readonly request: Request;
  readonly flow: Flow;
}

/** A server transaction as the layer and the handle know it. */
export interface Server {
  readonly method: string;
  readonly key: string;
  readonly state: InviteServerState | NonInviteServerState;
  /** Was any response sent? Then the client may have stopped to send its request again. */
  readonly responded: boolean;
  /** The request came again. */
  again(): void;
  respond(response: Response): boolean;
  /** The user has seen the request: starts the time in which it should answer. */
  awaitUser(): void;
  /** Ends at once and in silence. */
  forget(): void;
}

export abstract class ServerMachine<
    State extends InviteServerState | NonInviteServerState,
    Input extends string,
    Action extends string,
  >
  extends Machine<State, Input, Action, Response | Arrival>
  implements Server
{
  readonly method: string;
  readonly key: string;
  protected readonly around: ServerSurroundings;
  /** Where responses go. */
  protected readonly flow: Flow;
  #handle: Handle | undefined;
  /** Made once for all responses. */
  #failed: ((reason: string) => void) | undefined;

  constructor(
    around: ServerSurroundings,
    figure: Figure<State, Input, Action>,
    initial: State,
    method: string,
    key: string,
    flow: Flow,
  ) {
    super(around.clock, figure, initial);
    this.around = around;
    this.method = method;
    this.key = key;
    this.flow = flow;
  }

  abstract get responded(): boolean;
  abstract again(): void;
  abstract respond(response: Response): boolean;
  abstract awaitUser(): void;
  abstract forget(): void;
  protected abstract fail(reason: string): void;

  /** There until the final response; after it, only if the user listens. */
  get handle(): Handle | undefined {
    return this.#handle;
  }

  bind(handle: Handle): void {
    this.#handle = handle;
  }

  protected release(when: "unless heard" | "always"): void {
    if (when !== "always" && this.#handle?.heard !== false) return;
    this.#handle = undefined;
    this.#failed = undefined;
  }

  /** Nobody is told of a failure once the handle is gone: nothing that lives on with the machine is made for it then. */
  protected send(bytes: Uint8Array): void {
    if (this.#handle === undefined) return this.flow.send(bytes);
    this.#failed ??= (reason) => this.fail(reason);
    this.flow.send(bytes, this.#failed);
  }

  /** A 100 that the user did not give. */
  protected trying(): Response | undefined {
    const handle = this.#handle;
    return handle && buildResponse(handle.request, 100, { source: handle.flow.remote });
  }
}

/**
 * What the user holds. Its machine is made when it is first needed, or when the user has seen the request and has neither
 * forgotten nor refused it: what a stateless proxy forwards, and what is challenged, costs no transaction.
 */
export class Handle implements ServerTransaction {
  readonly request: Request;
  readonly flow: Flow;
  onTimeout: (() => void) | undefined = undefined;
  onTransportError: ((reason: string) => void) | undefined = undefined;
  onAck: ((ack: Request) => void) | undefined = undefined;
  readonly #around: ServerSurroundings;
  /** When the request came, where somebody wants to know how long it takes. */
  readonly #since: number;
  #machine: Server | "none yet" | "forgotten" = "none yet";

  constructor(around: ServerSurroundings, request: Request, flow: Flow) {
    this.#around = around;
    this.#since = around.observer === undefined ? 0 : around.clock.now();
    this.request = request;
    this.flow = flow;
  }

  get state(): InviteServerState | NonInviteServerState {
    return this.#open()?.state ?? "terminated";
  }

  get finalSent(): boolean {
    if (typeof this.#machine === "string") return this.#machine === "forgotten";
    const { state } = this.#machine;
    return state !== "trying" && state !== "proceeding";
  }

  /** Does the user want to know what happens? */
  get heard(): boolean {
    return this.onTimeout !== undefined || this.onTransportError !== undefined || this.onAck !== undefined;
  }

  respond(response: Response): boolean {
    const { observer, clock } = this.#around;
    const answers = observer !== undefined && response.status >= 200 && !this.finalSent;
    const sent = this.#open()?.respond(response) ?? false;
    if (answers && sent) observer.served(this.request.method, response.status, clock.now() - this.#since);
    return sent;
  }

  respondStateless(status: number, options?: StatelessOptions): void {
    if (this.finalSent) return;
    if (typeof this.#machine !== "string" && this.#machine.responded) {
      this.respond(this.#around.statelessResponse(this.request, this.flow, status, options));
      return;
    }
    this.forget();
    this.#around.replyStateless(this.request, this.flow, status, options);
  }

  forget(): void {
    if (this.finalSent) return;
    if (typeof this.#machine !== "string") this.#machine.forget();
    this.#machine = "forgotten";
  }

  /** The user has seen the request. */
  awaitUser(): void {
    this.#open()?.awaitUser();
  }

  #open(): Server | undefined {
    if (this.#machine === "none yet") this.#machine = this.#around.serve(this);
    return this.#machine === "forgotten" ? undefined : this.#machine;
  }
}
