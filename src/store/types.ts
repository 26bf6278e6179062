/**
 * What is kept over a restart, as its users see it: everything is in memory and answers at once, and what changes is
 * written behind. Nobody waits for a disk.
 */

/**
 * A binding on its way to the store, which asks for its row when it writes: a binding that changes ten times between two
 * writes is written once. `saving` is the store's own note on it.
 */
export interface StoredBinding {
  /** Unique among all bindings, ascending. */
  readonly id: number;
  /** What is kept of it: fields separated by line feeds, in the order of `BindingRow`. */
  row(): string;
  saving: SavingState;
}

/** Is there a row of it (`written`), and is another write of it due (`due`)? */
export type SavingState = "new" | "new, due" | "written" | "written, due" | "gone, due" | "gone";

/** The fields of a row, each an octet string without line feeds and NULs; numbers are written in decimal. */
export interface BindingRow {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly refreshed: number;
  readonly cseq: number;
  readonly q: number;
  readonly natted: number;
  readonly direct: number;
  readonly aor: string;
  readonly contact: string;
  readonly params: string;
  readonly callId: string;
  readonly path: string;
  readonly regId: number;
  readonly flow: string;
  readonly userAgent: string;
}

export interface BindingStore {
  /** What was kept when the store was opened; can be asked for once. */
  load(): readonly BindingRow[];
  put(binding: StoredBinding): void;
  delete(binding: StoredBinding): void;
}

/** Values kept by a name. */
export interface Table<V> {
  get(key: string): V | undefined;
  entries(): Iterable<[key: string, value: V]>;
  put(key: string, value: V): void;
  delete(key: string): boolean;
  readonly size: number;
}

/** A source that is refused. */
export interface Ban {
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly why: string;
}

/** One condition on a member of a record, which is a number, a text or missing. */
export type RecordCondition =
  | { readonly member: string; readonly is: "=" | "<" | ">="; readonly value: number | string }
  | { readonly member: string; readonly is: "there" | "missing" }
  /** One of several members. */
  | { readonly anyOf: readonly string[]; readonly is: "="; readonly value: string };

export interface RecordFilter {
  readonly limit: number;
  /** Only those with smaller numbers. */
  readonly before?: number | undefined;
  /** All must hold. */
  readonly where: readonly RecordCondition[];
}

/** How long records are kept (ms since the call's `end`), and how many. */
export interface Retention {
  readonly keep: number;
  readonly most: number;
}

export interface RecordStore {
  /** Keeps a record; it must be of what JSON can say. */
  append(record: object): void;
  /** The last `count` records (1,000 at most), the newest first. */
  last(count: number): Promise<readonly unknown[]>;
  /** The records that match, the newest first, 1,000 at most, each with its number. What waits to be written is among them. */
  find(filter: RecordFilter): Promise<readonly (readonly [id: number, record: unknown])[]>;
  /** What is kept from now on; a million of any age before. */
  retain(retention: Retention): void;
}

export interface Store {
  readonly bindings: BindingStore;
  /**
   * Accounts by `user@domain`, or `user` for any domain. What came from a file is `unknown` until somebody has read it.
   */
  readonly accounts: Table<unknown>;
  /** By source address. */
  readonly bans: Table<Ban>;
  readonly records: RecordStore;
  /** 32 random octets that are the same at each start: made when first asked for. */
  secret(name: string): Uint8Array;
  /** What is not written yet, and whether writing fails at present: for a status command. */
  readonly state: StoreState;
  /** Resolves when all that was put before is written, or writing has failed. */
  flush(): Promise<void>;
  /** Writes what is left, for five seconds at most, and closes. */
  close(): Promise<void>;
}

export interface StoreState {
  readonly kind: "memory" | "sqlite";
  /** Changes that wait to be written. */
  readonly waiting: number;
  /** Why the last write failed; undefined when it did not. */
  readonly failure: string | undefined;
}

export type StoreErrorCode =
  | "bad-url"
  | "unwritable"
  | "locked"
  | "full"
  | "damaged"
  | "foreign"
  | "version"
  | "failed";

/** Why a store cannot be opened; the message names the file and says what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
