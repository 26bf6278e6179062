/**
 * The location service (RFC 3261 §10.3): which contacts an address-of-record is bound to. It is all in memory; the store is
 * told what changes, and gives back at the start what was there.
 */
import type { Clock } from "../../sip/clock.ts";
import type { BindingStore } from "../../store/types.ts";
import { Binding, type BindingFacts } from "./binding.ts";
import { Expiry } from "./expiry.ts";

export type RegistrationEvent = "registered" | "refreshed" | "unregistered" | "expired";

export interface LocationOptions {
  readonly clock: Clock;
  /** Milliseconds since 1970; the system's clock by default. */
  readonly wall?: () => number;
  readonly store?: BindingStore | undefined;
  /** Bindings of all users together; one million by default. */
  readonly maxBindings?: number | undefined;
  /** Seconds that a restored binding may still have, whatever the store says; a day by default. */
  readonly maxExpires?: number | undefined;
  /** Is told after each change. */
  readonly tell?: ((event: RegistrationEvent, binding: Binding) => void) | undefined;
}

/** One contact of a REGISTER. */
export interface Change extends BindingFacts {
  /** Seconds; 0 removes the binding. */
  readonly expires: number;
  readonly q: number;
  readonly natted: boolean;
  readonly direct: boolean;
  /** The binding that it concerns; undefined: a new one. */
  readonly binding: Binding | undefined;
}

const none: readonly Binding[] = [];

export class Location {
  readonly #clock: Clock;
  readonly #wall: () => number;
  readonly #store: BindingStore | undefined;
  readonly #max: number;
  readonly #listeners: ((event: RegistrationEvent, binding: Binding) => void)[] = [];
  /** The first binding of each address-of-record; the others hang on it. */
  readonly #first = new Map<string, Binding>();
  readonly #expiry: Expiry;
  #size = 0;
  #lastId = 0;

  constructor(options: LocationOptions) {
    const { clock, wall = Date.now, store, maxBindings = 1_000_000, maxExpires = 86_400 } = options;
    this.#clock = clock;
    this.#wall = wall;
    this.#store = store;
    this.#max = maxBindings;
    if (options.tell !== undefined) this.#listeners.push(options.tell);
    this.#expiry = new Expiry(clock, (binding) => {
      this.#unlink(binding);
      this.#tell("expired", binding);
    });
    if (store !== undefined) this.#restore(store, maxExpires * 1000);
  }

  /** Bindings, those among them whose time has just come. */
  get size(): number {
    return this.#size;
  }

  /** Addresses-of-record with bindings. */
  get users(): number {
    return this.#first.size;
  }

  /** Is there no room for `count` further bindings? */
  isFull(count: number): boolean {
    return this.#size + count > this.#max;
  }

  /** Adds somebody who is told after each change; the answer takes him away again. */
  listen(listener: (event: RegistrationEvent, binding: Binding) => void): () => void {
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }

  /** The bindings of an address-of-record (as `aorOf` writes it) that stand now, in the order in which they were made. */
  lookup(aor: string): readonly Binding[] {
    const first = this.#first.get(aor);
    if (first === undefined) return none;
    const found: Binding[] = [];
    const now = this.#clock.now();
    for (let binding: Binding | undefined = first; binding !== undefined; binding = binding.sibling)
      if (binding.due > now) found.push(binding);
    return found;
  }

  /** All that stand now. Do not change anything while walking. */
  *all(): Iterable<Binding> {
    const now = this.#clock.now();
    for (const first of this.#first.values())
      for (let binding: Binding | undefined = first; binding !== undefined; binding = binding.sibling)
        if (binding.due > now) yield binding;
  }

  /** Seconds until a binding expires, rounded up: 1 at least while it stands. */
  secondsLeft(binding: Binding): number {
    return Math.ceil((binding.due - this.#clock.now()) / 1000);
  }

  /** Carries out what a REGISTER asks; that it may be done was checked before. `mark` is a hash of its branch. */
  apply(aor: string, changes: readonly Change[], cseq: number, mark: number): void {
    for (const change of changes) {
      const { binding } = change;
      if (change.expires === 0) {
        if (binding !== undefined) this.remove(binding);
      } else if (binding === undefined) {
        const added = new Binding(++this.#lastId, aor, change);
        this.#set(added, change, cseq, mark);
        this.#append(added);
        this.#expiry.add(added);
        this.#store?.put(added);
        this.#tell("registered", added);
      } else {
        binding.update(change);
        this.#set(binding, change, cseq, mark);
        this.#expiry.add(binding);
        this.#store?.put(binding);
        this.#tell("refreshed", binding);
      }
    }
  }

  /** Ends a binding before its time. */
  remove(binding: Binding): void {
    if (binding.slot < 0) return;
    this.#expiry.remove(binding);
    this.#unlink(binding);
    this.#tell("unregistered", binding);
  }

  close(): void {
    this.#expiry.close();
  }

  #set(binding: Binding, { expires, q, natted, direct }: Change, cseq: number, mark: number): void {
    const now = this.#wall();
    binding.refreshed = now;
    binding.expires = now + expires * 1000;
    binding.due = this.#clock.now() + expires * 1000;
    binding.q = q;
    binding.natted = natted;
    binding.direct = direct;
    binding.cseq = cseq;
    binding.mark = mark;
  }

  #append(binding: Binding): void {
    this.#size++;
    let last = this.#first.get(binding.aor);
    if (last === undefined) {
      this.#first.set(binding.aor, binding);
      return;
    }
    while (last.sibling !== undefined) last = last.sibling;
    last.sibling = binding;
  }

  #unlink(binding: Binding): void {
    const { aor, sibling } = binding;
    const first = this.#first.get(aor);
    if (first === binding) {
      if (sibling === undefined) this.#first.delete(aor);
      else this.#first.set(aor, sibling);
    } else {
      let before = first;
      while (before !== undefined && before.sibling !== binding) before = before.sibling;
      if (before !== undefined) before.sibling = sibling;
    }
    binding.sibling = undefined;
    this.#size--;
    this.#store?.delete(binding);
  }

  #tell(event: RegistrationEvent, binding: Binding): void {
    for (const listener of this.#listeners) listener(event, binding);
  }

  #restore(store: BindingStore, longest: number): void {
    const wall = this.#wall();
    const now = this.#clock.now();
    for (const row of store.load()) {
      const binding = Binding.restored(row);
      this.#lastId = Math.max(this.#lastId, binding.id);
      const left = Math.min(row.expires - wall, longest);
      if (left <= 0 || this.isFull(1)) {
        store.delete(binding);
        continue;
      }
      binding.due = now + left;
      this.#append(binding);
      this.#expiry.add(binding);
    }
  }
}
