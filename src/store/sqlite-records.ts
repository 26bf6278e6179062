/**
 * Call records in a SQLite file: as the JSON that they came as, and beside it the members by which they are found, so that a
 * search reads little of each.
 */
import type { Database } from "bun:sqlite";
import type { RecordCondition, RecordFilter, Retention } from "./types.ts";

/** Members with a column of their own, and what they hold. */
const columns: ReadonlyMap<string, string> = new Map([
  ["begin", "INTEGER"],
  ["end", "INTEGER"],
  ["answer", "INTEGER"],
  ["status", "INTEGER"],
  ["worstMos", "REAL"],
  ["callId", "TEXT"],
  ["callerUser", "TEXT"],
  ["calleeUser", "TEXT"],
  ["user", "TEXT"],
  ["handler", "TEXT"],
]);
/** Those of them that a few records of many have in common. */
const indexed = ["end", "callId", "callerUser", "calleeUser", "user"] as const;
/** Records that go at once for their age: a batch is not to wait for long. */
const atOnce = 10_000;

const quoted = (name: string) => `"${name}"`;
const names = [...columns.keys()];

/** Adds a record. Its parameter is the JSON. */
export const insertRecord = `INSERT INTO calls (${names.map(quoted).join(", ")}, json)
  VALUES (${names.map((name) => `json_extract(?1, '$.${name}')`).join(", ")}, ?1)`;

/** Makes what is missing. Throws SQLiteError. */
export function prepareRecords(database: Database): void {
  const list = [...columns].map(([name, type]) => `${quoted(name)} ${type}`);
  database.run(
    `CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY, ${list.join(", ")}, json TEXT NOT NULL) STRICT`,
  );
  for (const name of indexed)
    database.run(
      `CREATE INDEX IF NOT EXISTS ${quoted(`calls_${name}`)} ON calls (${quoted(name)}) WHERE ${quoted(name)} IS NOT NULL`,
    );
}

/** Removes what is too old and what is too much. Throws SQLiteError. */
export function forgetRecords(database: Database, { keep, most }: Retention, now: number): void {
  database.run("DELETE FROM calls WHERE id <= (SELECT max(id) FROM calls) - ?", [most]);
  if (!Number.isFinite(keep)) return;
  database.run(`DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE "end" < ? LIMIT ${atOnce})`, [now - keep]);
}

/** The statement that finds records, and its values. */
export function recordQuery(
  { limit, before, where }: RecordFilter,
  { keep }: Retention,
  now: number,
): { sql: string; values: (number | string)[] } {
  const values: (number | string)[] = [];
  const column = (member: string): string => {
    if (!columns.has(member)) throw new TypeError(`records are not found by ${member}`);
    return quoted(member);
  };
  const holds = (condition: RecordCondition): string => {
    if ("anyOf" in condition)
      return `(${condition.anyOf.map((member) => holds({ member, is: "=", value: condition.value })).join(" OR ")})`;
    const member = column(condition.member);
    if (!("value" in condition)) return `${member} IS ${condition.is === "there" ? "NOT NULL" : "NULL"}`;
    values.push(condition.value);
    // A range holds for much of what is looked at, newest first: by an index all of it would have to be sorted.
    return `${condition.is === "=" ? "" : "+"}${member} ${condition.is} ?`;
  };
  const conditions = where.map(holds);
  if (Number.isFinite(keep)) conditions.push(holds({ member: "end", is: ">=", value: now - keep }));
  if (before !== undefined) {
    conditions.push("id < ?");
    values.push(before);
  }
  const all = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  values.push(limit);
  return { sql: `SELECT id, json FROM calls${all} ORDER BY id DESC LIMIT ?`, values };
}
