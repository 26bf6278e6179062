/**
 * Requests that are not answered, by a list that a program can change while it runs: conditions with an end, and a file that
 * keeps them over a restart.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { compilePattern, type DropCondition, dropper, type Incoming, type Receiver } from "../routing/index.ts";

/**
 * One rule: all that it names holds.
 *
 * @example
 * list.add({ header: "User-Agent", matches: "/^friendly-scanner/i" });
 */
export interface DropEntry {
  /** Address or network, such as `203.0.113.0/24`. */
  readonly from?: string | undefined;
  /** Source port. */
  readonly port?: number | undefined;
  /** The name of a header field, which is there. */
  readonly header?: string | undefined;
  /** What its value is like: a glob or a `/regular expression/`, as in a configuration. */
  readonly matches?: string | undefined;
  /** When the rule ends, in ms since 1970; never without it. */
  readonly until?: number | undefined;
}

/**
 * @example
 * const list = new DropList({ file: "dropped.json", dropped: ({ flow }) => console.log(flow.remote.host) });
 */
export interface DropListOptions {
  /** Keeps the list: a JSON file, made when something is added. */
  readonly file?: string | undefined;
  /** Told of each request that is dropped. */
  readonly dropped?: ((incoming: Incoming) => void) | undefined;
  /** ms since 1970; the system's clock by default. */
  readonly now?: (() => number) | undefined;
}

/**
 * A file that holds no list of rules, or a rule that cannot be.
 *
 * @example
 * try {
 *   list.add({ matches: "x" });
 * } catch (error) {
 *   if (error instanceof DropListError) console.error(error.message);
 * }
 */
export class DropListError extends Error {
  override readonly name = "DropListError";
}

/**
 * A dropper that a program changes while it runs.
 *
 * @example
 * const list = new DropList({ file: "dropped.json" });
 * list.add({ from: "203.0.113.7" }, 3_600_000);
 * ua.serve(list.receive, ua.createRegistrar());
 */
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

  /** Adds a rule, for `ms` milliseconds or for good. Throws DropListError. */
  add(entry: Omit<DropEntry, "until">, ms?: number): void {
    if (!isEntry(entry))
      throw new DropListError(`${JSON.stringify(entry)} is no rule; expected such as { from: "203.0.113.0/24" }`);
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
  const compiled = matches === undefined ? undefined : compilePattern(matches);
  return { from, port, header, matches: compiled?.ok ? compiled.pattern : undefined };
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

const kinds = { from: "string", port: "number", header: "string", matches: "string", until: "number" };

function isEntry(item: unknown): item is DropEntry {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return false;
  const given = Object.entries(item).filter(([, value]) => value !== undefined);
  const isKnown = ([key, value]: readonly [string, unknown]) =>
    Object.entries(kinds).some(([name, kind]) => name === key && typeof value === kind);
  const pattern = given.find(([key]) => key === "matches")?.[1];
  return (
    given.every(isKnown) &&
    given.some(([key]) => key === "from" || key === "port" || key === "header") &&
    (pattern === undefined || (given.some(([key]) => key === "header") && compilePattern(String(pattern)).ok))
  );
}
