/** Values by name in memory, as stores have them; a store that keeps them is told of each change. */
import type { Table } from "./types.ts";

export class MemoryTable<V> implements Table<V> {
  readonly #values: Map<string, V>;
  readonly #changed: (key: string, value: V | undefined) => void;

  constructor(
    values: Iterable<readonly [string, V]> = [],
    changed: (key: string, value: V | undefined) => void = () => {},
  ) {
    this.#values = new Map(values);
    this.#changed = changed;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  entries(): Iterable<[key: string, value: V]> {
    return this.#values.entries();
  }

  put(key: string, value: V): void {
    this.#values.set(key, value);
    this.#changed(key, value);
  }

  delete(key: string): boolean {
    const had = this.#values.delete(key);
    if (had) this.#changed(key, undefined);
    return had;
  }
}
