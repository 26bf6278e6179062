/** The store that keeps nothing over a restart: `store: "memory:"`. */
import { MemoryTable } from "./table.ts";
import type { Ban, Store } from "./types.ts";

/** Records that can be asked for again. */
const keptRecords = 1000;

export function memoryStore(): Store {
  const secrets = new Map<string, Uint8Array>();
  const records: unknown[] = [];
  return {
    bindings: { load: () => [], put: () => {}, delete: () => {} },
    accounts: new MemoryTable<unknown>(),
    bans: new MemoryTable<Ban>(),
    records: {
      append(record) {
        records.push(record);
        if (records.length >= 2 * keptRecords) records.splice(0, records.length - keptRecords);
      },
      last: async (count) => records.slice(-Math.min(Math.max(1, count), keptRecords)).reverse(),
    },
    secret(name) {
      const known = secrets.get(name);
      if (known !== undefined) return known;
      const made = crypto.getRandomValues(new Uint8Array(32));
      secrets.set(name, made);
      return made;
    },
    state: { kind: "memory", waiting: 0, failure: undefined },
    flush: async () => {},
    close: async () => {},
  };
}
