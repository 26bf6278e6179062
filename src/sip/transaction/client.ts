/** What both client transactions have in common (RFC 3261 §17.1): a request that was sent, and a user who waits. */
import type { Flow } from "../flow.ts";
import type { HeaderList, Request, Response } from "../message.ts";
import { type Figure, Machine, type Surroundings } from "./figure.ts";
import { lastingMethod } from "./key.ts";
import type { ClientTransaction, ClientUser, InviteClientState, NonInviteClientState } from "./user.ts";

export interface ClientSurroundings extends Surroundings {
  request(request: Request, flow: Flow, user: ClientUser): ClientTransaction;
  clientGone(client: Client): void;
}

/** A client transaction as the layer knows it. */
export interface Client extends ClientTransaction {
  readonly method: string;
  readonly key: string;
  start(): void;
  receive(response: Response): void;
}

export abstract class ClientMachine<
    State extends InviteClientState | NonInviteClientState,
    Input extends string,
    Action extends string,
  >
  extends Machine<State, Input, Action, Response>
  implements Client
{
  readonly method: string;
  readonly key: string;
  readonly flow: Flow;
  protected readonly around: ClientSurroundings;
  #request: Request | undefined;
  #user: ClientUser | undefined;
  #unsent: string | undefined;
  /** Made once for all that is sent, and let go of when nothing more is expected to be. */
  #failed: ((reason: string) => void) | undefined;
  #started = false;
  /** When the request was sent; undefined: nobody wants to know how long it takes, or was told. */
  #since: number | undefined;

  constructor(
    around: ClientSurroundings,
    figure: Figure<State, Input, Action>,
    initial: State,
    key: string,
    request: Request,
    flow: Flow,
    user: ClientUser,
  ) {
    super(around.clock, figure, initial);
    this.around = around;
    this.key = key;
    this.flow = flow;
    this.#request = request;
    this.#user = user;
    this.method = lastingMethod(request.method);
    this.#since = around.observer === undefined ? undefined : around.clock.now();
  }

  get request(): Request | undefined {
    return this.#request;
  }

  abstract receive(response: Response): void;
  abstract cancel(headers?: HeaderList): void;
  /** Sends the request and arms the first timers. */
  protected abstract begin(request: Request): void;
  protected abstract fail(reason: string): void;

  /** A transport may know at once that it cannot send; the user hears of it only when `start` has returned. */
  start(): void {
    if (this.#request !== undefined) this.begin(this.#request);
    this.#started = true;
    if (this.#unsent !== undefined) this.around.clock.after(0, () => this.fail(this.#unsent ?? ""));
  }

  protected send(bytes: Uint8Array): void {
    this.#failed ??= (reason) => {
      if (this.#started) this.fail(reason);
      else this.#unsent = reason;
    };
    this.flow.send(bytes, this.#failed);
  }

  protected pass(response: Response): void {
    if (response.status >= 200) this.#observe(response.status);
    this.#user?.response(response, this);
  }

  protected reportTimeout(): void {
    this.#observe(408);
    this.#user?.timeout(this);
    this.forget();
  }

  protected reportTransportError(reason: string): void {
    this.#observe(503);
    this.#user?.transportError(reason, this);
    this.forget();
  }

  protected forgetRequest(): void {
    this.#request = undefined;
    this.#failed = undefined;
  }

  protected forget(): void {
    this.forgetRequest();
    this.#user = undefined;
  }

  #observe(status: number): void {
    if (this.#since === undefined) return;
    this.around.observer?.completed(this.method, status, this.around.clock.now() - this.#since);
    this.#since = undefined;
  }
}
