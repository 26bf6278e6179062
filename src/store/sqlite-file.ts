/** A store's SQLite file: its tables, how it is opened, and what a user is told when that does not go. */
import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Batch, type FoundRow, type ValueTable, valueTables } from "./protocol.ts";
import { forgetRecords, insertRecord, prepareRecords, recordQuery } from "./sqlite-records.ts";
import { type BindingRow, type RecordFilter, type Retention, StoreError } from "./types.ts";

/** "sipr": marks the file as ours. */
const applicationId = 0x73697072;
const schemaVersion = 1;
/** Milliseconds that another program may hold the file before it counts as locked. */
const patience = 2000;
/** Call records beyond so many go, the oldest first, where nobody says otherwise. */
const keptRecords = 1_000_000;

/** The columns of bindings in the order in which a binding writes them. */
const columns = [
  "id",
  "expires",
  "refreshed",
  "cseq",
  "q",
  "natted",
  "direct",
  "aor",
  "contact",
  "params",
  "call_id",
  "path",
  "reg_id",
  "flow",
  "user_agent",
] as const;

const integers: ReadonlySet<string> = new Set(["expires", "refreshed", "cseq", "natted", "direct", "reg_id"]);

const schema = `
  CREATE TABLE bindings (${columns
    .map((name) => {
      if (name === "id") return "id INTEGER PRIMARY KEY";
      return `${name} ${integers.has(name) ? "INTEGER" : name === "q" ? "REAL" : "TEXT"} NOT NULL`;
    })
    .join(", ")}) STRICT;
  CREATE TABLE accounts (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE bans (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE secrets (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

export interface Contents {
  readonly bindings: BindingRow[];
  readonly values: Readonly<Record<ValueTable, [key: string, value: unknown][]>>;
}

/** Opens the file, makes what is missing, and reads it. @throws StoreError */
export function readFile(file: string): Contents {
  makePrivately(file);
  return explained(file, () => {
    const database = open(file);
    try {
      prepare(database, file);
      return contentsOf(database);
    } finally {
      database.close();
    }
  });
}

/**
 * Keeps other servers from the file, until the process ends or the answer is called: two that write the same bindings would
 * undo each other's work. Other programs may read, and write as SQLite lets them. @throws StoreError
 */
export function lockFile(file: string): () => void {
  const lock = `${file}-lock`;
  makePrivately(lock);
  const database = explained(file, () => {
    const opened = new Database(lock, { create: true });
    try {
      opened.run("PRAGMA busy_timeout = 500");
      opened.run("BEGIN EXCLUSIVE");
    } catch (error) {
      opened.close();
      if (error instanceof SQLiteError && codeOf(error) === "SQLITE_BUSY")
        throw new StoreError(
          "locked",
          `${file} is in use by another siproc; stop that one, or give this one a store of its own`,
        );
      throw error;
    }
    return opened;
  });
  return () => database.close();
}

/** The worker's hold on the file. */
export class Writer {
  readonly #database: Database;
  readonly #put;
  readonly #record;
  readonly #values;
  #retention: Retention = { keep: Number.POSITIVE_INFINITY, most: keptRecords };

  /** The file was made by `readFile`. Throws SQLiteError. */
  constructor(file: string) {
    const database = open(file);
    this.#database = database;
    this.#put = database.prepare<void, string[]>(
      `REPLACE INTO bindings (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
    );
    this.#record = database.prepare<void, [string]>(insertRecord);
    const replace = (table: ValueTable) =>
      database.prepare<void, [string, string]>(`REPLACE INTO ${table} VALUES (?, ?)`);
    const remove = (table: ValueTable) => database.prepare<void, [string]>(`DELETE FROM ${table} WHERE key = ?`);
    this.#values = {
      accounts: { replace: replace("accounts"), remove: remove("accounts") },
      bans: { replace: replace("bans"), remove: remove("bans") },
      secrets: { replace: replace("secrets"), remove: remove("secrets") },
    };
  }

  /** All of it or nothing. Throws SQLiteError. */
  write({ bindings, gone, values, records }: Batch): void {
    const database = this.#database;
    database.run("BEGIN IMMEDIATE");
    try {
      if (bindings !== "") for (const row of bindings.split("\0")) this.#put.run(...row.split("\n"));
      if (gone !== "") database.run(`DELETE FROM bindings WHERE id IN (${gone})`);
      for (const [table, key, json] of values) {
        if (json === null) this.#values[table].remove.run(key);
        else this.#values[table].replace.run(key, json);
      }
      for (const record of records) this.#record.run(record);
      if (records.length > 0) forgetRecords(database, this.#retention, Date.now());
      database.run("COMMIT");
    } catch (error) {
      // SQLite has undone it by itself after some errors.
      if (database.inTransaction) database.run("ROLLBACK");
      throw error;
    }
  }

  /** What is older, or more, goes now and with each batch that brings records. Throws SQLiteError. */
  retain(retention: Retention): void {
    this.#retention = retention;
    forgetRecords(this.#database, retention, Date.now());
  }

  /** Throws SQLiteError. */
  find(filter: RecordFilter): FoundRow[] {
    const { sql, values } = recordQuery(filter, this.#retention, Date.now());
    return this.#database
      .query<{ id: number; json: string }, (number | string)[]>(sql)
      .all(...values)
      .map(({ id, json }) => [id, json]);
  }

  close(): void {
    this.#database.close();
  }
}

function open(file: string): Database {
  const database = new Database(file, { readwrite: true, create: true });
  database.run(`PRAGMA busy_timeout = ${patience}`);
  // Written first to a log beside the file: what was committed outlives a crash of ours, and readers do not wait for us.
  database.run("PRAGMA journal_mode = WAL");
  // A loss of power may cost the last commits, and never more than them.
  database.run("PRAGMA synchronous = NORMAL");
  return database;
}

function prepare(database: Database, file: string): void {
  const number = (pragma: string): number => {
    const row = database.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get();
    return row?.[pragma] ?? 0;
  };
  const tables = database.query<{ count: number }, []>("SELECT count(*) AS count FROM sqlite_schema").get()?.count ?? 0;
  if (tables === 0 && number("application_id") === 0) {
    database.transaction(() => {
      database.run(schema);
      database.run(`PRAGMA application_id = ${applicationId}`);
      database.run(`PRAGMA user_version = ${schemaVersion}`);
    })();
  }
  if (number("application_id") !== applicationId)
    throw new StoreError("foreign", `${file} is a database of another program; name another file in store:`);
  const version = number("user_version");
  if (version !== schemaVersion) {
    const newer = version > schemaVersion ? "a newer siproc, which is needed to read it" : "an older siproc";
    throw new StoreError(
      "version",
      `${file} has the format ${version} of ${newer}; this one reads format ${schemaVersion}`,
    );
  }
  prepareRecords(database);
  // Says now rather than later that the file, or the disk, takes nothing.
  database.run("REPLACE INTO meta VALUES ('opened', ?)", [new Date().toISOString()]);
}

function contentsOf(database: Database): Contents {
  const list = columns.map((name) => {
    const field = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return field === name ? name : `${name} AS ${field}`;
  });
  const bindings = database.query<BindingRow, []>(`SELECT ${list.join(", ")} FROM bindings ORDER BY id`).all();
  const valuesOf = (table: ValueTable): [string, unknown][] =>
    database
      .query<{ key: string; json: string }, []>(`SELECT key, json FROM ${table}`)
      .all()
      .map(({ key, json }) => [key, parsed(json)]);
  const [accounts, bans, secrets] = valueTables;
  return {
    bindings,
    values: { accounts: valuesOf(accounts), bans: valuesOf(bans), secrets: valuesOf(secrets) },
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // Written by another hand.
  }
}

/** It will hold what nobody else should read. */
function makePrivately(file: string): void {
  if (existsSync(file)) {
    if (statSync(file).isDirectory())
      throw new StoreError("unwritable", `${file} is a folder; store: needs the name of a file`);
    return;
  }
  if (!existsSync(dirname(file)))
    throw new StoreError(
      "unwritable",
      `the folder ${dirname(file)} of the store ${file} does not exist; make it first`,
    );
  try {
    closeSync(openSync(file, "a", 0o600));
  } catch (error) {
    const full = error instanceof Error && "code" in error && error.code === "ENOSPC";
    if (full) throw new StoreError("full", noSpace(file));
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError(
      "unwritable",
      `${file} cannot be made (${reason}); siproc must be allowed to write to its folder`,
    );
  }
}

function noSpace(file: string): string {
  return `there is no space left on the disk of ${file}; make some, or name a file elsewhere in store:`;
}

/** The primary code's name: "SQLITE_IOERR" of "SQLITE_IOERR_WRITE". */
function codeOf(error: SQLiteError): string {
  return /^SQLITE_[A-Z]+/.exec(error.code ?? "")?.[0] ?? "";
}

function explained<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error;
    const reason = reasonOf(error);
    switch (codeOf(error)) {
      case "SQLITE_BUSY":
      case "SQLITE_LOCKED":
        throw new StoreError(
          "locked",
          `${file} is locked by another program; end that program, or name another file in store:`,
        );
      case "SQLITE_FULL":
        throw new StoreError("full", noSpace(file));
      case "SQLITE_NOTADB":
        throw new StoreError(
          "foreign",
          `${file} is no SQLite database; name another file in store:, or move this one away`,
        );
      case "SQLITE_CORRUPT":
        throw new StoreError(
          "damaged",
          `${file} is damaged (${reason}); restore it from a backup, save what is left by "sqlite3 ${file} .recover", or move it away to start anew`,
        );
      case "SQLITE_CANTOPEN":
      case "SQLITE_READONLY":
      case "SQLITE_PERM":
      case "SQLITE_AUTH":
        throw new StoreError(
          "unwritable",
          `${file} cannot be written (${reason}); siproc must be allowed to write to it and to its folder`,
        );
      default:
        throw new StoreError("failed", `${file} cannot be opened: ${reason}`);
    }
  }
}

/** What SQLite says, with its code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof SQLiteError)) return error instanceof Error ? error.message : String(error);
  return error.code === undefined ? error.message : `${error.message}, ${error.code}`;
}
