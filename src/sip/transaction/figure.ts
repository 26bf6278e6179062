/**
 * How the state machines of this folder are written down: as the RFC's figures, arrow by arrow, and what runs them.
 * Each machine has one timer slot: where two of the RFC's timers run at once, the nearer one is armed.
 */
import type { Clock, Timer } from "../clock.ts";
import type { TransactionObserver } from "./observer.ts";
import type { Timers } from "./timers.ts";

/** From a state, an input leads to the next state, by way of actions in this order. An input without an arrow is ignored. */
export type Figure<State extends string, Input extends string, Action extends string> = {
  readonly [S in State]: { readonly [I in Input]?: readonly [next: NoInfer<State>, ...actions: Action[]] };
};

/** What the machines need of the layer around them. */
export interface Surroundings {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: TransactionObserver | undefined;
}

/** `Cause` is the type of what comes with an input: a message. */
export abstract class Machine<State extends string, Input extends string, Action extends string, Cause> {
  readonly #figure: Figure<State, Input, Action>;
  readonly #clock: Clock;
  #state: State;
  #timer: Timer | undefined;
  #armed: Input | undefined;
  #elapsed = false;

  constructor(clock: Clock, figure: Figure<State, Input, Action>, start: State) {
    this.#clock = clock;
    this.#figure = figure;
    this.#state = start;
  }

  get state(): State {
    return this.#state;
  }

  /** What begins with a state: its timer, armed or disarmed, or left as it runs; and the end of what it does not need. */
  protected abstract enter(state: State): void;
  protected abstract act(action: Action, cause: Cause | undefined, reason: string): void;

  /** Follows the arrow of `input`. `cause` and `reason` are what came with it. False: there is no such arrow. */
  protected take(input: Input, cause?: Cause, reason = ""): boolean {
    const arrow = this.#figure[this.#state][input];
    if (arrow === undefined) return false;
    if (arrow[0] !== this.#state) {
      this.#state = arrow[0];
      this.enter(arrow[0]);
    }
    for (let at = 1; at < arrow.length; at++) {
      // By the type of Figure, all that follows the state in an arrow is actions.
      this.act(arrow[at] as Action, cause, reason);
    }
    if (this.#elapsed) this.ring();
    return true;
  }

  /** Takes `input` in `ms` milliseconds, unless armed anew or disarmed before; for zero, right after the present arrow. */
  protected arm(ms: number, input: Input): void {
    this.disarm();
    this.#armed = input;
    if (ms <= 0) this.#elapsed = true;
    else this.#timer = this.#clock.after(ms, this);
  }

  /** Arms `input` in `ms` milliseconds, or `last` at the time `end` when that comes first. */
  protected armUntil(end: number, last: Input, ms: number, input: Input): void {
    const left = end - this.#clock.now();
    if (ms < left) this.arm(ms, input);
    else this.arm(Math.max(1, left), last);
  }

  /** Ends the machine without an arrow. */
  protected stop(terminated: State): void {
    this.disarm();
    this.#state = terminated;
  }

  protected disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armed = undefined;
    this.#elapsed = false;
  }

  /** The timer's time has come. */
  ring(): void {
    const input = this.#armed;
    this.#timer = undefined;
    this.#armed = undefined;
    this.#elapsed = false;
    if (input !== undefined) this.take(input);
  }
}
