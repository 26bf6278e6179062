/**
 * When bindings expire: a ring of slots of one second each, and in each the bindings that expire in it. A refresh moves
 * nothing: what is found in a slot before its time is put where it belongs then, so a binding costs nothing while it stands.
 */
import type { Clock, Timer } from "../../sip/clock.ts";
import type { Binding } from "./binding.ts";

/** Milliseconds. */
const width = 1000;
/** A binding that expires beyond the ring is looked at once for each turn of it. */
const slots = 4096;
/** Bindings that are looked at in one go: nobody waits longer than a few milliseconds for them. */
const atOnce = 1000;

export class Expiry {
  readonly #clock: Clock;
  readonly #expired: (binding: Binding) => void;
  /** The first binding of each slot. */
  readonly #ring: (Binding | undefined)[] = new Array(slots).fill(undefined);
  #count = 0;
  /** The last tick whose slot is empty. */
  #turned: number;
  #timer: Timer | undefined;

  /** `expired` is called for each binding whose `due` has come; it is no longer here by then. */
  constructor(clock: Clock, expired: (binding: Binding) => void) {
    this.#clock = clock;
    this.#expired = expired;
    this.#turned = this.#tick();
  }

  /** Notes when a binding is due, or that it is due at another time than before. */
  add(binding: Binding): void {
    if (this.#count === 0) this.#turned = this.#tick();
    if (binding.slot >= 0) {
      // Where it is, it will be looked at in time.
      if (this.#next(binding.slot) * width <= binding.due) return;
      this.remove(binding);
    }
    this.#place(binding, this.#turned + 1);
    this.#timer ??= this.#clock.after(width, this.#turn);
  }

  #place(binding: Binding, earliest: number): void {
    const tick = Math.max(Math.ceil(binding.due / width), earliest);
    const slot = Math.min(tick, this.#turned + slots) % slots;
    const first = this.#ring[slot];
    binding.later = first;
    if (first !== undefined) first.earlier = binding;
    binding.slot = slot;
    this.#ring[slot] = binding;
    this.#count++;
  }

  remove(binding: Binding): void {
    const { slot, earlier, later } = binding;
    if (slot < 0) return;
    if (earlier === undefined) this.#ring[slot] = later;
    else earlier.later = later;
    if (later !== undefined) later.earlier = earlier;
    this.#unlinked(binding);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tick(): number {
    return Math.floor(this.#clock.now() / width);
  }

  /** The tick at which a slot is emptied next. */
  #next(slot: number): number {
    const coming = this.#turned + 1;
    return coming + ((((slot - coming) % slots) + slots) % slots);
  }

  readonly #turn = (): void => {
    this.#timer = undefined;
    const now = this.#tick();
    // After a long sleep one turn of the ring sees them all.
    this.#turned = Math.max(this.#turned, now - slots);
    let left = atOnce;
    while (this.#turned < now) {
      left = this.#empty((this.#turned + 1) % slots, left);
      if (left <= 0) break;
      this.#turned++;
    }
    if (this.#count > 0) this.#timer ??= this.#clock.after(left > 0 ? width : 1, this.#turn);
  };

  /** Empties a slot as far as `left` bindings go; what then is left of `left`. */
  #empty(slot: number, left: number): number {
    const now = this.#clock.now();
    // What is due later goes to another slot than this one.
    for (let binding = this.#ring[slot]; binding !== undefined; binding = this.#ring[slot]) {
      if (left-- <= 0) return 0;
      this.#ring[slot] = binding.later;
      if (binding.later !== undefined) binding.later.earlier = undefined;
      this.#unlinked(binding);
      if (binding.due <= now) this.#expired(binding);
      else this.#place(binding, this.#turned + 2);
    }
    return left;
  }

  #unlinked(binding: Binding): void {
    binding.earlier = undefined;
    binding.later = undefined;
    binding.slot = -1;
    this.#count--;
  }
}
