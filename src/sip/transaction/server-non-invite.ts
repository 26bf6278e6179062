/** The non-INVITE server transaction: RFC 3261 §17.2.2, figure 8, with what RFC 4320 adds and forbids. */
import type { Flow } from "../flow.ts";
import { Response } from "../message.ts";
import type { Figure } from "./figure.ts";
import { type Arrival, ServerMachine, type ServerSurroundings } from "./server.ts";
import { lifetime, untilT2 } from "./timers.ts";
import type { NonInviteServerState } from "./user.ts";

type Input =
  | "request"
  | "100 from TU"
  | "200-699 from TU"
  | "408 from TU"
  | "timer E at T2"
  | "timer F"
  | "timer J"
  | "transport error";
type Action = "response sent" | "response sent again" | "100 sent" | "timeout to TU" | "transport error to TU";

/**
 * Figure 8. By RFC 4320 the client's timers matter here: when its timer E reaches T2 it needs a 100, and when its timer F
 * has fired nothing may be sent any more; a 408 is never sent. A transport error leaves the state as it is (RFC 6026 §8.8).
 */
const figure8: Figure<NonInviteServerState, Input, Action> = {
  trying: {
    "100 from TU": ["proceeding", "response sent"],
    "200-699 from TU": ["completed", "response sent"],
    "408 from TU": ["completed"],
    "timer E at T2": ["proceeding", "100 sent"],
    "timer F": ["terminated", "timeout to TU"],
  },
  proceeding: {
    request: ["proceeding", "response sent again"],
    "100 from TU": ["proceeding", "response sent"],
    "200-699 from TU": ["completed", "response sent"],
    "408 from TU": ["completed"],
    "timer F": ["terminated", "timeout to TU"],
    "transport error": ["proceeding", "transport error to TU"],
  },
  completed: {
    request: ["completed", "response sent again"],
    "timer J": ["terminated"],
    "transport error": ["completed", "transport error to TU"],
  },
  terminated: {},
};

export class NonInviteServer extends ServerMachine<NonInviteServerState, Input, Action> {
  #last: Uint8Array | undefined;
  readonly #started: number;

  constructor(around: ServerSurroundings, key: string, method: string, flow: Flow) {
    super(around, figure8, "trying", method, key, flow);
    this.#started = around.clock.now();
  }

  override get responded(): boolean {
    return this.#last !== undefined;
  }

  override again(): void {
    this.take("request");
  }

  override respond(response: Response): boolean {
    const status = response.status;
    if (status >= 200 && status !== 408) return this.take("200-699 from TU", response);
    if (status === 408) this.take("408 from TU");
    else if (status === 100 && this.#mayTry()) return this.take("100 from TU", response);
    return false;
  }

  override awaitUser(): void {
    if (this.state !== "trying") return;
    const { timers } = this.around;
    this.armUntil(this.#started + lifetime(timers), "timer F", untilT2(timers), "timer E at T2");
  }

  override forget(): void {
    this.stop("terminated");
    this.around.serverGone(this);
  }

  protected override fail(reason: string): void {
    this.take("transport error", undefined, reason);
  }

  protected override enter(state: NonInviteServerState): void {
    const { timers } = this.around;
    switch (state) {
      case "trying":
        break;
      case "proceeding":
        this.armUntil(this.#started + lifetime(timers), "timer F", Number.POSITIVE_INFINITY, "timer F");
        break;
      case "completed":
        this.#last = undefined;
        this.arm(this.flow.reliable ? 0 : lifetime(timers), "timer J");
        this.release("unless heard");
        break;
      case "terminated":
        this.disarm();
        this.around.serverGone(this);
        break;
      default:
        state satisfies never;
    }
  }

  protected override act(action: Action, cause: Response | Arrival | undefined, reason: string): void {
    switch (action) {
      case "response sent":
        if (cause instanceof Response) this.#send(cause);
        break;
      case "response sent again":
        if (this.#last !== undefined) this.send(this.#last);
        break;
      case "100 sent": {
        const trying = this.trying();
        if (trying !== undefined) this.#send(trying);
        break;
      }
      case "timeout to TU":
        this.handle?.onTimeout?.();
        this.release("always");
        break;
      case "transport error to TU":
        this.handle?.onTransportError?.(reason);
        break;
      default:
        action satisfies never;
    }
  }

  #send(response: Response): void {
    this.#last = response.bytes();
    this.send(this.#last);
  }

  /** Over UDP a 100 too early would slow down the client's retransmissions (RFC 4320 §4.1). */
  #mayTry(): boolean {
    return this.flow.reliable || this.around.clock.now() - this.#started >= untilT2(this.around.timers);
  }
}
