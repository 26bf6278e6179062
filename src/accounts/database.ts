/**
 * The database file of SIPWS (JSON: `data`, `domain`, `ip`) as a place that accounts are kept in: it is read once, and written anew
 * after each change. What stands in the file is always all of an old or all of a new state, whenever the process is killed.
 */
import { chmod, chown, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Clock, Timer } from "../sip/clock.ts";
import { parseAccounts, readOctets } from "./read.ts";
import type { AccountProblem } from "./rows.ts";
import { type AccountStore, fieldsOf } from "./stored.ts";

export type DatabaseOpened =
  | { readonly ok: true; readonly database: AccountDatabase }
  | { readonly ok: false; readonly problems: readonly AccountProblem[] };

export interface DatabaseOptions {
  readonly clock: Clock;
  /** Told when writing begins to fail, with the reason, and with undefined when it works again. */
  readonly told?: ((failure: string | undefined) => void) | undefined;
  /** Told what somebody should look at. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** Accounts that are put into text in one turn: some ms. */
const atOnce = 1000;
/** ms until a write that failed is tried again. */
const retry = 10_000;

export class AccountDatabase implements AccountStore {
  readonly #file: string;
  readonly #options: DatabaseOptions;
  readonly #values = new Map<string, unknown>();
  #domain = "";
  #ip = "";
  #version = 0;
  /** Counts changes: what is written is behind what is wanted, or the same. */
  #wanted = 0;
  #written = 0;
  #writing: Promise<void> | undefined;
  #failure: string | undefined;
  #retry: Timer | undefined;
  #closed = false;
  /** Those that hold writes back, each with the promise that ends with it. */
  readonly #holds = new Set<Promise<void>>();
  /** The file as it was when it was last read or written. */
  #known: string | undefined;

  private constructor(file: string, options: DatabaseOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** Reads the file, or makes it; it must be writable. What cannot be is told with its place, and nothing is changed. */
  static async open(path: string, options: DatabaseOptions): Promise<DatabaseOpened> {
    // A link to the file stays one.
    const file = await realpath(path).catch(() => resolve(path));
    await sweep(file);
    const database = new AccountDatabase(file, options);
    const there = await stat(file).then(
      () => true,
      (error: unknown) => !isMissing(error),
    );
    database.#known = await markOf(file);
    const problems = there ? await database.#load() : [];
    if (problems.length > 0) return { ok: false, problems };
    // A disk that is full or read-only is better known now than after the first change.
    const failure = await database.#try(there);
    if (failure === undefined) return { ok: true, database };
    return { ok: false, problems: [{ file, line: 0, column: 0, message: `the file cannot be written: ${failure}` }] };
  }

  /** The domain of accounts that name none; "": they are good for all. */
  get domain(): string {
    return this.#domain;
  }

  set domain(domain: string) {
    this.#domain = domain;
    this.#changed();
  }

  get ip(): string {
    return this.#ip;
  }

  /** What whoever provisions calls the state of the accounts. */
  get version(): number {
    return this.#version;
  }

  set version(version: number) {
    this.#version = version;
    this.#changed();
  }

  /** Why the last write failed; undefined when it did not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  entries(): Iterable<[key: string, value: unknown]> {
    return this.#values.entries();
  }

  put(key: string, value: unknown): void {
    this.#values.set(key, value);
    this.#changed();
  }

  delete(key: string): boolean {
    const had = this.#values.delete(key);
    if (had) this.#changed();
    return had;
  }

  /** Begins no write until the returned function is called: what changes until then is in the file as a whole or not at all. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#holds.add(promise);
    return () => {
      this.#holds.delete(promise);
      resolve();
      this.#soon();
    };
  }

  /** Resolves when all that was put before is on the disk, or writing has failed. */
  async flush(): Promise<void> {
    const wanted = this.#wanted;
    // The write that is under way may have begun before the last change.
    for (let tries = 0; this.#written < wanted && tries < 2; tries++) {
      while (this.#holds.size > 0) await Promise.all(this.#holds);
      await this.#write();
    }
  }

  /** Writes what is left, and nothing after that. */
  async close(): Promise<void> {
    this.#retry?.cancel();
    await this.flush();
    this.#closed = true;
    this.#retry?.cancel();
  }

  async #load(): Promise<readonly AccountProblem[]> {
    const octets = await readOctets(this.#file);
    if (typeof octets === "string") return [{ file: this.#file, line: 0, column: 0, message: octets }];
    // An empty file is what `touch` makes for a database to be.
    if (octets.every((octet) => octet <= 0x20)) return [];
    const read = parseAccounts(octets, this.#file, { format: "json" });
    if (!read.ok) return read.problems;
    for (const account of read.accounts) this.#values.set(account.toString(), fieldsOf(account));
    // It was read as JSON just now, by a reader that is stricter.
    const root: unknown = JSON.parse(new TextDecoder("utf-8").decode(octets));
    const { domain, ip, v } = typeof root === "object" && root !== null ? { domain: "", ip: "", v: 0, ...root } : {};
    this.#domain = typeof domain === "string" ? domain.toLowerCase() : "";
    this.#ip = typeof ip === "string" ? ip : "";
    this.#version = Number.isSafeInteger(v) && Number(v) >= 0 ? Number(v) : 0;
    return [];
  }

  /** Why the file could not be written; one that is there is left as it is. */
  async #try(there: boolean): Promise<string | undefined> {
    const temporary = this.#temporary;
    try {
      await this.#writeTo(temporary);
      await (there ? rm(temporary) : rename(temporary, this.#file));
      this.#known = await markOf(this.#file);
      return undefined;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      return reasonOf(error);
    }
  }

  /** Its own for each process: two that were told to keep the same file must not write into each other's. */
  get #temporary(): string {
    return join(dirname(this.#file), `.${basename(this.#file)}.${process.pid}.new`);
  }

  /** What somebody else has written into the file meanwhile is put aside, and not lost. */
  async #keepOther(): Promise<void> {
    const mark = await markOf(this.#file);
    if (mark === undefined || mark === this.#known) return;
    await rename(this.#file, `${this.#file}.other`);
    this.#options.warn?.(
      "somebody else has changed the database; what it was is kept beside it, with .other at its end",
    );
  }

  #changed(): void {
    this.#wanted++;
    this.#soon();
  }

  /** All that changes in one turn is one write. */
  #soon(): void {
    if (this.#writing === undefined && this.#retry === undefined) queueMicrotask(() => void this.#write());
  }

  /** One write at a time; whoever comes meanwhile waits for that one. */
  #write(): Promise<void> {
    if (this.#closed || this.#holds.size > 0 || this.#written === this.#wanted) return Promise.resolve();
    this.#writing ??= this.#writeOnce().finally(() => {
      this.#writing = undefined;
      if (this.#written < this.#wanted && this.#failure === undefined) void this.#write();
    });
    return this.#writing;
  }

  async #writeOnce(): Promise<void> {
    this.#retry?.cancel();
    this.#retry = undefined;
    const wanted = this.#wanted;
    const before = this.#failure;
    const temporary = this.#temporary;
    try {
      await this.#writeTo(temporary);
      await this.#keepOther();
      await rename(temporary, this.#file);
      this.#known = await markOf(this.#file);
      await syncFolder(dirname(this.#file));
      this.#written = wanted;
      this.#failure = undefined;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      this.#failure = reasonOf(error);
      if (!this.#closed)
        this.#retry = this.#options.clock.after(retry, () => {
          this.#retry = undefined;
          void this.#write();
        });
    }
    if (before !== this.#failure) this.#options.told?.(this.#failure);
  }

  async #writeTo(temporary: string): Promise<void> {
    // Accounts and their fields are replaced, never changed: this is one state of them all.
    const values = [...this.#values.values()];
    const end = { domain: this.#domain, ip: this.#ip === "" ? this.#domain : this.#ip, v: this.#version };
    const old = await stat(this.#file).catch(() => undefined);
    // A link of that name may be somebody's trap.
    await rm(temporary, { force: true });
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.write('{\n"data":[');
      for (let at = 0; at < values.length; at += atOnce) {
        const rows = values.slice(at, at + atOnce).map((fields) => `\n${JSON.stringify(rowOf(fields))}`);
        await handle.write(`${at === 0 ? "" : ","}${rows.join(",")}`);
      }
      await handle.write(`\n],\n${JSON.stringify(end).slice(1)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (old === undefined) return;
    await chmod(temporary, old.mode & 0o7777);
    // Who may not give files away keeps its own.
    if (old.uid !== process.getuid?.() || old.gid !== process.getgid?.())
      await chown(temporary, old.uid, old.gid).catch(() => {});
  }
}

/** An account as SIPWS has it; what it keeps of phones is that of one that is not there. */
function rowOf(fields: unknown): Record<string, unknown> {
  const known: Readonly<Record<string, unknown>> = { ...(typeof fields === "object" ? fields : {}) };
  const { user, name, password, description, image, ...others } = known;
  return {
    avail: "0",
    cn: name ?? "",
    description: description ?? "",
    ...others,
    expire: 3600,
    id: user,
    image: image ?? "",
    origin: "registry",
    ...(password === undefined ? {} : { password }),
    port: 5060,
  };
}

/** Takes away what processes left that were killed while they wrote. */
async function sweep(file: string): Promise<void> {
  const [before, after] = [`.${basename(file)}.`, ".new"];
  for (const name of await readdir(dirname(file)).catch(() => [])) {
    if (!name.startsWith(before) || !name.endsWith(after)) continue;
    const pid = name.slice(before.length, -after.length);
    if (/^\d{1,10}$/.test(pid) && !isRunning(Number(pid))) await rm(join(dirname(file), name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** What changes whenever a file is written; undefined: there is none. */
async function markOf(file: string): Promise<string | undefined> {
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  return found === undefined ? undefined : `${found.ino} ${found.size} ${found.mtimeNs}`;
}

/** The new name of a file is on the disk once its folder is. Not every file system can be asked for that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return "no space is left on the disk";
    case "EACCES":
    case "EPERM":
      return "this user may not write in its folder";
    case "EROFS":
      return "the file system is read-only";
    case "ENOENT":
      return "there is no such folder";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
