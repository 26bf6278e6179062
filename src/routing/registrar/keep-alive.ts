/**
 * Keeps the NAT before each client on UDP open: an empty line to each in every interval, evenly spread over it. Clients of
 * RFC 5626 see to it themselves.
 */
import type { Clock, Timer } from "../../sip/clock.ts";
import type { Binding } from "./binding.ts";
import type { Location } from "./location.ts";
import type { FlowFinder } from "./targets.ts";

/** Milliseconds between two steps. */
const step = 100;
const emptyLine = new Uint8Array([0x0d, 0x0a]);

export class KeepAlive {
  readonly #clock: Clock;
  readonly #ways: FlowFinder;
  readonly #interval: number;
  readonly #bindings: Binding[] = [];
  readonly #stopListening: () => void;
  #next = 0;
  /** What the last steps were short of a whole binding. */
  #owed = 0;
  #timer: Timer | undefined;

  /** `interval` in ms; 0 keeps nothing open. */
  constructor(options: { location: Location; ways: FlowFinder; clock: Clock; interval?: number | undefined }) {
    const { location, ways, clock, interval = 25_000 } = options;
    this.#clock = clock;
    this.#ways = ways;
    this.#interval = interval;
    if (interval <= 0) {
      this.#stopListening = () => {};
      return;
    }
    for (const binding of location.all()) this.#look(binding);
    this.#stopListening = location.listen((event, binding) => {
      if (event === "expired" || event === "unregistered") this.#remove(binding);
      else this.#look(binding);
    });
  }

  /** Bindings that are kept open. */
  get size(): number {
    return this.#bindings.length;
  }

  close(): void {
    this.#stopListening();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(binding: Binding): void {
    const wanted = binding.natted && binding.regId === undefined;
    if (!wanted) this.#remove(binding);
    else if (binding.alive < 0) {
      binding.alive = this.#bindings.length;
      this.#bindings.push(binding);
      this.#timer ??= this.#clock.after(step, this.#turn);
    }
  }

  #remove(binding: Binding): void {
    const at = binding.alive;
    if (at < 0) return;
    binding.alive = -1;
    const last = this.#bindings.pop();
    if (last === undefined || last === binding) return;
    this.#bindings[at] = last;
    last.alive = at;
  }

  readonly #turn = (): void => {
    this.#timer = undefined;
    const { length } = this.#bindings;
    if (length === 0) return;
    this.#owed += (length * step) / this.#interval;
    for (; this.#owed >= 1; this.#owed--) {
      if (this.#next >= length) this.#next = 0;
      const binding = this.#bindings[this.#next++];
      if (binding !== undefined) this.#ways.flowOf(binding.flow)?.send(emptyLine);
    }
    this.#timer = this.#clock.after(step, this.#turn);
  };
}
