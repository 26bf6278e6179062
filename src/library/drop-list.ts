/**
 * Requests that are not answered, by a list that a program can change while it runs: conditions with an end, and a file that
 * keeps them over a restart.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { type DropCondition, dropper, type Incoming, type Receiver } from "../routing/index.ts";

/** One rule. Text only, so that it can be kept: `matches` is a regular expression on the header field's value. */
export interface DropEntry {
  /** Address or network, such as `203.0.113.0/24`. */
  readonly from?: string | undefined;
  /** Source port. */
  readonly port?: number | undefined;
  readonly header?: string | undefined;
  readonly matches?: string | undefined;
  /** When the rule ends, in ms since 1970; never without it. */
  readonly until?: number | undefined;
}

export interface DropListOptions {
  /** Keeps the list: a JSON file, made when something is added. */
  readonly file?: string | undefined;
  /** Told of each request that is dropped. */
  readonly dropped?: ((incoming: Incoming) => void) | undefined;
  /** ms since 1970; the system's clock by default. */
  readonly now?: (() => number) | undefined;
}

/** A file that holds no list of rules. */
export class DropListError extends Error {
  override readonly name = "DropListError";
}

export class DropList {
  readonly #options: DropListOptions;
  #entries: DropEntry[];
  #receiver: Receiver = () => false;
  /** When the next rule ends. */
  #next = Number.POSITIVE_INFINITY;

  /** Throws DropListError when the file is there and cannot be read. */
  constructor(options: DropListOptions = {}) {
    this.#options = options;
    this.#entries = options.file === undefined ? [] : readEntries(options.file);
    this.#changed();
  }

  /** A receiver for a chain: it stays the same when the list changes. */
  readonly receive: Receiver = (incoming) => {
    if (this.#now() >= this.#next) this.#changed();
    return this.#receiver(incoming);
  };

  /** Adds a rule, for `ms` milliseconds or for good. */
  add(entry: Omit<DropEntry, "until">, ms?: number): void {
    this.#entries.push(ms === undefined ? entry : { ...entry, until: this.#now() + ms });
    this.#changed();
    this.#keep();
  }

  /** Takes away the rules with this source and header; how many there were. */
  remove({ from, header }: Pick<DropEntry, "from" | "header">): number {
    const before = this.#entries.length;
    this.#entries = this.#entries.filter((entry) => entry.from !== from || entry.header !== header);
    this.#changed();
    this.#keep();
    return before - this.#entries.length;
  }

  list(): readonly DropEntry[] {
    if (this.#now() >= this.#next) this.#changed();
    return this.#entries;
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  #changed(): void {
    const now = this.#now();
    this.#entries = this.#entries.filter(({ until }) => until === undefined || until > now);
    this.#next = Math.min(...this.#entries.map(({ until }) => until ?? Number.POSITIVE_INFINITY));
    this.#receiver = dropper(this.#entries.map(conditionOf), { dropped: this.#options.dropped });
  }

  /** Replaces the file as a whole: a crash leaves the old one or the new one. */
  #keep(): void {
    const { file } = this.#options;
    if (file === undefined) return;
    const fresh = `${file}.new`;
    writeFileSync(fresh, `${JSON.stringify(this.#entries, undefined, 2)}\n`);
    renameSync(fresh, file);
  }
}

function conditionOf({ from, port, header, matches }: DropEntry): DropCondition {
  return { from, port, header, matches: matches === undefined ? undefined : new RegExp(matches, "i") };
}

function readEntries(file: string): DropEntry[] {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw new DropListError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!Array.isArray(read)) throw new DropListError(`${file} holds no list; expected a JSON list of rules`);
  return read.map((item: unknown, i) => {
    if (isEntry(item)) return item;
    throw new DropListError(`${file}: entry ${i + 1} is no rule; expected such as { "from": "203.0.113.0/24" }`);
  });
}

function isEntry(item: unknown): item is DropEntry {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return false;
  const known = { from: "string", port: "number", header: "string", matches: "string", until: "number" };
  const entries = Object.entries(item);
  return (
    entries.every(([key, value]) =>
      Object.entries(known).some(([name, type]) => name === key && typeof value === type),
    ) &&
    entries.some(([key]) => key === "from" || key === "port" || key === "header") &&
    (!("matches" in item) || isExpression(String(item.matches)))
  );
}

function isExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
