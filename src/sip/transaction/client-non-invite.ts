/** The non-INVITE client transaction: RFC 3261 §17.1.2, figure 6. */
import type { Flow } from "../flow.ts";
import type { Request, Response } from "../message.ts";
import { ClientMachine, type ClientSurroundings } from "./client.ts";
import type { Figure } from "./figure.ts";
import { lifetime } from "./timers.ts";
import type { ClientUser, NonInviteClientState } from "./user.ts";

type Input = "1xx" | "200-699" | "timer E" | "timer F" | "timer K" | "transport error";
type Action = "request sent" | "response to TU" | "timeout to TU" | "transport error to TU";

const figure6: Figure<NonInviteClientState, Input, Action> = {
  trying: {
    "timer E": ["trying", "request sent"],
    "timer F": ["terminated", "timeout to TU"],
    "transport error": ["terminated", "transport error to TU"],
    "1xx": ["proceeding", "response to TU"],
    "200-699": ["completed", "response to TU"],
  },
  proceeding: {
    "timer E": ["proceeding", "request sent"],
    "timer F": ["terminated", "timeout to TU"],
    "transport error": ["terminated", "transport error to TU"],
    "1xx": ["proceeding", "response to TU"],
    "200-699": ["completed", "response to TU"],
  },
  completed: {
    "timer K": ["terminated"],
  },
  terminated: {},
};

export class NonInviteClient extends ClientMachine<NonInviteClientState, Input, Action> {
  #bytes: Uint8Array | undefined;
  #interval: number;
  #end: number;

  constructor(around: ClientSurroundings, key: string, request: Request, flow: Flow, user: ClientUser) {
    super(around, figure6, "trying", key, request, flow, user);
    this.#interval = around.timers.T1;
    this.#end = around.clock.now() + lifetime(around.timers);
  }

  protected override begin(request: Request): void {
    this.#bytes = request.bytes();
    this.#armPending();
    this.send(this.#bytes);
  }

  override receive(response: Response): void {
    this.take(response.status < 200 ? "1xx" : "200-699", response);
  }

  /** RFC 3261 §9.1: nothing but an INVITE is cancelled. */
  override cancel(): void {}

  protected override fail(reason: string): void {
    this.take("transport error", undefined, reason);
  }

  protected override enter(state: NonInviteClientState): void {
    switch (state) {
      case "trying":
      case "proceeding":
        // Timers E and F run on; E is T2 from the next time.
        break;
      case "completed":
        this.#bytes = undefined;
        this.arm(this.flow.reliable ? 0 : this.around.timers.T4, "timer K");
        break;
      case "terminated":
        this.disarm();
        this.around.clientGone(this);
        break;
      default:
        state satisfies never;
    }
  }

  protected override act(action: Action, response: Response | undefined, reason: string): void {
    const { T2 } = this.around.timers;
    switch (action) {
      case "request sent":
        this.#interval = this.state === "proceeding" ? T2 : Math.min(2 * this.#interval, T2);
        this.#armPending();
        if (this.#bytes !== undefined) this.send(this.#bytes);
        break;
      case "response to TU":
        if (response !== undefined) this.pass(response);
        if (this.state === "completed") this.forget();
        break;
      case "timeout to TU":
        this.reportTimeout();
        break;
      case "transport error to TU":
        this.reportTransportError(reason);
        break;
      default:
        action satisfies never;
    }
  }

  /** Timers E and F. */
  #armPending(): void {
    this.armUntil(this.#end, "timer F", this.flow.reliable ? Number.POSITIVE_INFINITY : this.#interval, "timer E");
  }
}
