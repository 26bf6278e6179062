/** The store in a SQLite file: read once at the start, then written behind by a worker. */
import { resolve } from "node:path";
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import type { ValueTable } from "./protocol.ts";
import { lockFile, readFile } from "./sqlite-file.ts";
import { MemoryTable } from "./table.ts";
import { type Ban, type BindingRow, type Store, StoreError } from "./types.ts";
import { type WorkerPort, WriteBehind } from "./write-behind.ts";

export interface SqliteOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly worker: () => WorkerPort;
}

/** Milliseconds that closing waits for the disk, for each of its two steps. */
const patience = 2500;

/** @throws StoreError */
export async function sqliteStore(name: string, options: SqliteOptions): Promise<Store> {
  const file = resolve(name);
  const unlock = lockFile(file);
  try {
    const contents = readFile(file);
    const behind = new WriteBehind({ file, ...options });
    const failure = await behind.open();
    if (failure !== undefined) throw new StoreError("failed", `${file} cannot be opened: ${failure}`);
    return storeOf(contents, behind, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function storeOf(contents: ReturnType<typeof readFile>, behind: WriteBehind, unlock: () => void): Store {
  let rows: readonly BindingRow[] = contents.bindings;
  const { values } = contents;
  const table = <V>(name: ValueTable, known: Iterable<readonly [string, V]>) =>
    new MemoryTable<V>(known, (key, value) =>
      behind.value(name, key, value === undefined ? null : JSON.stringify(value)),
    );
  const secrets = table<string>("secrets", ofKind(values.secrets, isSecret));
  return {
    bindings: {
      load() {
        const loaded = rows;
        rows = [];
        return loaded;
      },
      put: (binding) => behind.put(binding),
      delete: (binding) => behind.delete(binding),
    },
    accounts: table<unknown>("accounts", values.accounts),
    bans: table<Ban>("bans", ofKind(values.bans, isBan)),
    records: {
      append: (record) => behind.record(JSON.stringify(record)),
      async last(count) {
        const rows = await behind.find({ limit: Math.min(Math.max(1, count), 1000), where: [] });
        return rows.map(([, json]): unknown => JSON.parse(json));
      },
      async find(filter) {
        const rows = await behind.find({ ...filter, limit: Math.min(Math.max(1, filter.limit), 1000) });
        return rows.map(([id, json]): [number, unknown] => [id, JSON.parse(json)]);
      },
      retain: (retention) => behind.retain(retention),
    },
    secret(name) {
      const known = secrets.get(name);
      if (known !== undefined) return Uint8Array.fromHex(known);
      const made = crypto.getRandomValues(new Uint8Array(32));
      secrets.put(name, made.toHex());
      void behind.flush();
      return made;
    },
    get state() {
      return { kind: "sqlite", waiting: behind.waiting, failure: behind.failure } as const;
    },
    flush: () => behind.flush(),
    async close() {
      await behind.close(patience);
      unlock();
    },
  };
}

function* ofKind<V>(values: Iterable<[string, unknown]>, is: (value: unknown) => value is V): Iterable<[string, V]> {
  for (const [key, value] of values) if (is(value)) yield [key, value];
}

function isSecret(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function isBan(value: unknown): value is Ban {
  return (
    typeof value === "object" &&
    value !== null &&
    "until" in value &&
    typeof value.until === "number" &&
    "why" in value &&
    typeof value.why === "string"
  );
}
