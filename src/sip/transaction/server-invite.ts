/** The INVITE server transaction: RFC 3261 §17.2.1 with figure 7 as RFC 6026 §8.6 redraws it. */
import type { Flow } from "../flow.ts";
import { type Request, Response } from "../message.ts";
import type { Figure } from "./figure.ts";
import { isLegacy } from "./key.ts";
import { type Arrival, ServerMachine, type ServerSurroundings } from "./server.ts";
import { lifetime } from "./timers.ts";
import type { InviteServerState } from "./user.ts";

type Input =
  | "INVITE"
  | "ACK"
  | "100-199 from TU"
  | "2xx from TU"
  | "300-699 from TU"
  | "200 ms"
  | "timer G"
  | "timer H"
  | "timer I"
  | "timer L"
  | "transport error";
type Action =
  | "response sent"
  | "response sent again"
  | "100 sent"
  | "G reset"
  | "ACK to TU"
  | "ACK noted"
  | "timeout to TU"
  | "transport error to TU";

/** Figure 7. Beyond it, a user who wants to know is told of the ACK for a failure ("noted"), and of its absence. */
const figure7: Figure<InviteServerState, Input, Action> = {
  proceeding: {
    INVITE: ["proceeding", "response sent again"],
    "200 ms": ["proceeding", "100 sent"],
    "100-199 from TU": ["proceeding", "response sent"],
    "2xx from TU": ["accepted", "response sent"],
    "300-699 from TU": ["completed", "response sent"],
    "transport error": ["proceeding", "transport error to TU"],
  },
  completed: {
    INVITE: ["completed", "response sent again"],
    "timer G": ["completed", "response sent again", "G reset"],
    "timer H": ["terminated", "timeout to TU"],
    ACK: ["confirmed", "ACK noted"],
    "transport error": ["completed", "transport error to TU"],
  },
  confirmed: {
    "timer I": ["terminated"],
  },
  accepted: {
    INVITE: ["accepted"],
    "2xx from TU": ["accepted", "response sent"],
    ACK: ["accepted", "ACK to TU"],
    "transport error": ["accepted", "transport error to TU"],
    "timer L": ["terminated"],
  },
  terminated: {},
};

export class InviteServer extends ServerMachine<InviteServerState, Input, Action> {
  /** The response that is sent when the INVITE comes again, or the ACK does not. */
  #last: Uint8Array | undefined;
  /** Remembered as long as its To tag may be asked for. */
  #lastResponse: Response | undefined;
  #interval = 0;
  #end = 0;
  readonly #octetsPerInvite: number;
  #octetsLeft: number;

  /**
   * `octets` are what each INVITE that came entitles us to send in failure responses: beyond it they are repeated for
   * another INVITE alone, not by timer G. Whoever sends from a forged address gets little sent to it.
   */
  constructor(around: ServerSurroundings, key: string, flow: Flow, octets: number) {
    super(around, figure7, "proceeding", "INVITE", key, flow);
    this.#octetsPerInvite = octets;
    this.#octetsLeft = octets;
  }

  /** The To tag of the last provisional response; for a client of RFC 2543, of any response from 300 on, too. */
  get toTag(): string | undefined {
    return this.#lastResponse?.to.tag;
  }

  override get responded(): boolean {
    return this.#last !== undefined;
  }

  override again(): void {
    this.#octetsLeft += this.#octetsPerInvite;
    this.take("INVITE");
  }

  /** By the branch it is; a client of RFC 2543 must also name the response by its To tag (RFC 3261 §17.2.3). */
  isAcknowledgedBy(ack: Request): boolean {
    return this.state !== "completed" || !isLegacy(this.key) || this.toTag === ack.to.tag;
  }

  acknowledged(ack: Arrival): void {
    this.take("ACK", ack);
  }

  override respond(response: Response): boolean {
    const status = response.status;
    const input = status < 200 ? "100-199 from TU" : status < 300 ? "2xx from TU" : "300-699 from TU";
    return this.take(input, response);
  }

  override awaitUser(): void {
    const { trying } = this.around.timers;
    if (this.state === "proceeding" && this.#last === undefined && trying > 0) this.arm(trying, "200 ms");
  }

  override forget(): void {
    this.stop("terminated");
    this.around.serverGone(this);
  }

  protected override fail(reason: string): void {
    this.take("transport error", undefined, reason);
  }

  protected override enter(state: InviteServerState): void {
    const { timers, clock } = this.around;
    switch (state) {
      case "proceeding":
        break;
      case "completed":
        this.#interval = timers.T1;
        this.#end = clock.now() + lifetime(timers);
        this.#armCompleted();
        this.release("unless heard");
        break;
      case "confirmed":
        this.#last = undefined;
        this.arm(this.flow.reliable ? 0 : timers.T4, "timer I");
        break;
      case "accepted":
        this.#last = undefined;
        this.arm(lifetime(timers), "timer L");
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
        if (this.#last === undefined) this.#sendTrying();
        else if (this.flow.reliable || this.#last.length <= this.#octetsLeft) this.#count(this.#last);
        break;
      case "100 sent":
        this.#sendTrying();
        break;
      case "G reset":
        this.#interval = Math.min(2 * this.#interval, this.around.timers.T2);
        this.#armCompleted();
        break;
      case "ACK to TU":
        if (cause !== undefined && "flow" in cause) this.around.ackFor2xx(cause.request, cause.flow);
        break;
      case "ACK noted":
        if (cause !== undefined && "flow" in cause) this.handle?.onAck?.(cause.request);
        this.release("always");
        break;
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
    const bytes = response.bytes();
    if (this.state === "proceeding") this.disarm();
    this.#lastResponse = this.state === "proceeding" || isLegacy(this.key) ? response : undefined;
    if (this.state !== "accepted") this.#last = bytes;
    this.#count(bytes);
  }

  #count(bytes: Uint8Array): void {
    this.#octetsLeft -= bytes.length;
    this.send(bytes);
  }

  #sendTrying(): void {
    const trying = this.trying();
    if (trying !== undefined) this.#send(trying);
  }

  /** Timers G and H. */
  #armCompleted(): void {
    this.armUntil(this.#end, "timer H", this.flow.reliable ? Number.POSITIVE_INFINITY : this.#interval, "timer G");
  }
}
