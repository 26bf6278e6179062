/** What the main thread and the store's worker say to each other. One batch at a time is on its way, and one transaction. */
import type { RecordFilter, Retention } from "./types.ts";

export interface Batch {
  /** Rows as bindings write them, separated by NULs; "" for none. */
  readonly bindings: string;
  /** Ids of bindings that are gone, separated by commas; "" for none. */
  readonly gone: string;
  /** Changed values of the tables as JSON; null removes. */
  readonly values: readonly (readonly [table: ValueTable, key: string, json: string | null])[];
  /** Records as JSON. */
  readonly records: readonly string[];
}

export type ValueTable = "accounts" | "bans" | "secrets";
export const valueTables = ["accounts", "bans", "secrets"] as const;

/** A record as JSON, with its number. */
export type FoundRow = readonly [id: number, json: string];

export type ToWorker =
  | { type: "open"; file: string }
  | { type: "write"; batch: Batch }
  | { type: "find"; question: number; filter: RecordFilter }
  | { type: "retain"; retention: Retention }
  | { type: "close" };

export type FromWorker =
  | { type: "opened" }
  | { type: "written" }
  /** Opening or writing failed; nothing of the batch is kept. */
  | { type: "failed"; reason: string }
  | { type: "records"; question: number; rows: readonly FoundRow[] }
  | { type: "retained" }
  | { type: "closed" };
