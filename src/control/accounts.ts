/** What can be asked of the accounts of a running server, and how they are changed: several at once, all or none. */

/** An account without its secrets. */
export interface AccountView {
  readonly user: string;
  /** In lower case; undefined: good for all our domains. */
  readonly domain: string | undefined;
  /** The name that people see. */
  readonly name: string | undefined;
  readonly description: string | undefined;
  /** The URL of a picture. */
  readonly image: string | undefined;
  /** Nobody gets in with it. */
  readonly disabled: boolean;
  /** Where it is kept: the store can be changed while the server runs. */
  readonly kept: "configuration" | "store";
}

/** Where an account can be reached. */
export interface AccountContact {
  /** `alice@example.com`. */
  readonly aor: string;
  /** Its URI, without a password. */
  readonly contact: string;
  readonly transport: string;
  /** Where it registered from. */
  readonly host: string;
  readonly port: number;
  /** Seconds left. */
  readonly expires: number;
  /** When its last REGISTER came; ms since 1970. */
  readonly refreshed: number;
}

/**
 * One change. `fields` are those of an accounts file: user, domain, password or ha1…, name, description, image, disabled.
 * `put` adds an account, or puts it in the place of the one with its names. `edit` changes what is named and leaves the rest;
 * `null` takes a field away, and a password the hashes, and the other way round. `merge` edits the account with its names, or
 * adds it. `maybe`: an account that is not there is no fault.
 */
export type AccountChange =
  | { readonly type: "put"; readonly fields: Readonly<Record<string, unknown>> }
  | {
      readonly type: "edit";
      readonly user: string;
      readonly domain: string | undefined;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly type: "merge"; readonly fields: Readonly<Record<string, unknown>> }
  | {
      readonly type: "remove";
      readonly user: string;
      readonly domain: string | undefined;
      readonly maybe?: boolean | undefined;
    };

/** What is wrong with one of the changes. */
export interface AccountFault {
  /** Its place among the changes, from 0. */
  readonly index: number;
  /**
   * `invalid`: a field is not what it can be. `unknown`: the store has no such account. `configured`: the account stands in the
   * configuration, and is changed there.
   */
  readonly code: "invalid" | "unknown" | "configured";
  /** What was expected; without secrets. */
  readonly message: string;
}

export type AccountOutcome =
  | {
      readonly ok: true;
      readonly added: number;
      readonly changed: number;
      readonly removed: number;
      /** Why it is not written; it holds all the same, and is written when that is possible again. */
      readonly unwritten: string | undefined;
    }
  /** Nothing has changed. */
  | { readonly ok: false; readonly faults: readonly AccountFault[] };

export interface AccountsControl {
  /** Those of the configuration, then those of the store, as they are when the first is asked for. */
  views(): Iterable<AccountView>;
  /** The account with these names, wherever it is kept. */
  find(user: string, domain: string | undefined): AccountView | undefined;
  /** Each contact that is registered. */
  contacts(): Iterable<AccountContact>;
  /**
   * Does all of it, or nothing, many in several turns; phones whose account is gone or disabled are registered no longer. Resolves when it is written.
   * `holds` is called in the turn in which the changes begin to hold, and before they are written.
   */
  change(changes: readonly AccountChange[], holds?: () => void): Promise<AccountOutcome>;
}

/** Whether requests outside of dialogs are served, or answered 503. */
export interface GateControl {
  readonly open: boolean;
  /** Calls that are up go on. */
  set(open: boolean): void;
}
