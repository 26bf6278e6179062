/** The store that keeps nothing over a restart: `store: "memory:"`. */
import { MemoryTable } from "./table.ts";
import type { Ban, RecordCondition, Retention, Store } from "./types.ts";

/** Records that can be asked for again. */
const keptRecords = 1000;

/** Whether a condition holds for a record: what SQLite finds in the other store. */
function holds(record: object, condition: RecordCondition): boolean {
  const members = new Map<string, unknown>(Object.entries(record));
  if ("anyOf" in condition) return condition.anyOf.some((member) => members.get(member) === condition.value);
  const value = members.get(condition.member);
  switch (condition.is) {
    case "there":
      return value !== undefined && value !== null;
    case "missing":
      return value === undefined || value === null;
    case "=":
      return value === condition.value;
    case "<":
      return typeof value === typeof condition.value && isBelow(value, condition.value);
    case ">=":
      return typeof value === typeof condition.value && !isBelow(value, condition.value);
  }
}

function isBelow(value: unknown, limit: number | string): boolean {
  return (typeof value === "number" || typeof value === "string") && value < limit;
}

export function memoryStore(): Store {
  const secrets = new Map<string, Uint8Array>();
  const records: { id: number; record: object }[] = [];
  let lastRecord = 0;
  let retention: Retention = { keep: Number.POSITIVE_INFINITY, most: keptRecords };
  return {
    bindings: { load: () => [], put: () => {}, delete: () => {} },
    accounts: new MemoryTable<unknown>(),
    bans: new MemoryTable<Ban>(),
    records: {
      append(record) {
        records.push({ id: ++lastRecord, record });
        const most = Math.min(keptRecords, retention.most);
        if (records.length >= 2 * most) records.splice(0, records.length - most);
      },
      last: async (count) =>
        records
          .slice(-Math.min(Math.max(1, count), keptRecords))
          .reverse()
          .map(({ record }) => record),
      async find({ limit, before = Number.POSITIVE_INFINITY, where }) {
        const oldest = Date.now() - retention.keep;
        const recent: RecordCondition[] = Number.isFinite(oldest) ? [{ member: "end", is: ">=", value: oldest }] : [];
        return records
          .slice(-Math.min(keptRecords, retention.most))
          .filter(({ id, record }) => id < before && [...where, ...recent].every((each) => holds(record, each)))
          .slice(-Math.min(Math.max(1, limit), keptRecords))
          .reverse()
          .map(({ id, record }) => [id, record] as const);
      },
      retain(next) {
        retention = next;
      },
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
