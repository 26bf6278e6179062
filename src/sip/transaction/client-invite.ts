/** The INVITE client transaction: RFC 3261 §17.1.1 with figure 5 as RFC 6026 §8.4 redraws it, and CANCEL by §9.1. */
import type { Flow } from "../flow.ts";
import type { HeaderList, Request, Response } from "../message.ts";
import { ClientMachine, type ClientSurroundings } from "./client.ts";
import type { Figure } from "./figure.ts";
import { ackFor, cancelFor } from "./hop-by-hop.ts";
import { lifetime } from "./timers.ts";
import type { ClientUser, InviteClientState } from "./user.ts";

type Input =
  | "1xx"
  | "2xx"
  | "300-699"
  | "timer A"
  | "timer B"
  | "timer D"
  | "timer M"
  | "cancelled in vain"
  | "transport error";
type Action =
  | "INVITE sent"
  | "ACK sent"
  | "CANCEL sent if wanted"
  | "response to TU"
  | "timeout to TU"
  | "transport error to TU";

/**
 * Figure 5, and two departures from it: 64*T1 after a CANCEL the transaction is given up (§9.1, "cancelled in vain"); and
 * when the ACK cannot be sent the TU, which has its final response, is neither told nor remembered for that.
 */
const figure5: Figure<InviteClientState, Input, Action> = {
  calling: {
    "timer A": ["calling", "INVITE sent"],
    "timer B": ["terminated", "timeout to TU"],
    "transport error": ["terminated", "transport error to TU"],
    "1xx": ["proceeding", "CANCEL sent if wanted", "response to TU"],
    "2xx": ["accepted", "response to TU"],
    "300-699": ["completed", "ACK sent", "response to TU"],
  },
  proceeding: {
    "1xx": ["proceeding", "response to TU"],
    "2xx": ["accepted", "response to TU"],
    "300-699": ["completed", "ACK sent", "response to TU"],
    "cancelled in vain": ["terminated", "timeout to TU"],
  },
  completed: {
    "300-699": ["completed", "ACK sent"],
    "transport error": ["terminated"],
    "timer D": ["terminated"],
  },
  accepted: {
    "2xx": ["accepted", "response to TU"],
    "timer M": ["terminated"],
  },
  terminated: {},
};

export class InviteClient extends ClientMachine<InviteClientState, Input, Action> {
  /** What is sent again: the INVITE while calling, the ACK when completed. */
  #bytes: Uint8Array | undefined;
  #cancel: "unwanted" | "wanted" | "sent" = "unwanted";
  #cancelHeaders: HeaderList = noHeaders;
  #interval: number;
  #end: number;

  constructor(around: ClientSurroundings, key: string, request: Request, flow: Flow, user: ClientUser) {
    super(around, figure5, "calling", key, request, flow, user);
    this.#interval = around.timers.T1;
    this.#end = around.clock.now() + lifetime(around.timers);
  }

  protected override begin(request: Request): void {
    this.#bytes = request.bytes();
    this.#armCalling();
    this.send(this.#bytes);
  }

  override receive(response: Response): void {
    const status = response.status;
    this.take(status < 200 ? "1xx" : status < 300 ? "2xx" : "300-699", response);
  }

  override cancel(headers: HeaderList = noHeaders): void {
    if (this.#cancel === "unwanted") this.#cancelHeaders = headers;
    if (this.state === "calling") this.#cancel = "wanted";
    else if (this.state === "proceeding") this.#sendCancel();
  }

  protected override fail(reason: string): void {
    this.take("transport error", undefined, reason);
  }

  protected override enter(state: InviteClientState): void {
    switch (state) {
      case "calling":
      case "proceeding":
        this.#bytes = undefined;
        this.disarm();
        break;
      case "completed":
        this.#bytes = undefined;
        this.arm(this.flow.reliable ? 0 : this.around.timers.D, "timer D");
        break;
      case "accepted":
        this.#bytes = undefined;
        this.arm(lifetime(this.around.timers), "timer M");
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
    switch (action) {
      case "INVITE sent":
        this.#interval *= 2;
        this.#armCalling();
        if (this.#bytes !== undefined) this.send(this.#bytes);
        break;
      case "ACK sent":
        if (response !== undefined && this.request !== undefined) this.#bytes = ackFor(this.request, response).bytes();
        if (this.#bytes !== undefined) this.send(this.#bytes);
        break;
      case "CANCEL sent if wanted":
        if (this.#cancel === "wanted") this.#sendCancel();
        break;
      case "response to TU":
        if (response !== undefined) this.pass(response);
        if (this.state === "completed") this.forget();
        else if (this.state === "accepted") this.forgetRequest();
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

  /** Timers A and B. */
  #armCalling(): void {
    this.armUntil(this.#end, "timer B", this.flow.reliable ? Number.POSITIVE_INFINITY : this.#interval, "timer A");
  }

  #sendCancel(): void {
    if (this.#cancel === "sent" || this.request === undefined) return;
    this.#cancel = "sent";
    this.arm(lifetime(this.around.timers), "cancelled in vain");
    this.around.request(cancelFor(this.request, this.#cancelHeaders), this.flow, indifferent);
  }
}

const noHeaders: HeaderList = [];

/** What becomes of a CANCEL shows in the INVITE's final response. */
const indifferent: ClientUser = { response() {}, timeout() {}, transportError() {} };
