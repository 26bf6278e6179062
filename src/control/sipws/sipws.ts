/** What SIPWS's requests do: accounts are put, listed and cleared, the service is started and stopped. */
import type { AccountChange, AccountsControl, GateControl } from "../accounts.ts";
import { addressesOf } from "./addresses.ts";
import {
  type ErrorCode,
  entryOf,
  errorCodes,
  readRequest,
  type Signal,
  type SipwsEntry,
  type SipwsRequest,
} from "./request.ts";

/** What the registry keeps beside its accounts: a database file does, or the memory. */
export interface SipwsHome {
  /** The domain of accounts that name none; "": they are good for all domains. */
  domain: string;
  readonly ip: string;
  /** What whoever provisions calls the state of the accounts. */
  version: number;
}

export interface SipwsParts {
  readonly accounts: AccountsControl;
  readonly gate: GateControl;
  readonly home: SipwsHome;
}

/** An answer: its JSON in pieces, each of some hundred rows or of none; others have their turn in between. */
export type Pieces = Generator<string>;

export interface SipwsAnswer {
  readonly code: ErrorCode;
  /** Why it was not done. */
  readonly reason: string | undefined;
  readonly pieces: Pieces;
}

/** Rows of one piece: a ms or two. */
const atOnce = 500;

export class Sipws {
  readonly #parts: SipwsParts;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: SipwsParts) {
    this.#parts = parts;
  }

  /** Does what a body asks for. `may` says whether a key may do that; who asks with a wrong one is told nothing else. */
  async post(
    body: string,
    may: (key: string | undefined, signal: Signal | undefined) => boolean,
  ): Promise<SipwsAnswer> {
    const request = readRequest(body);
    if ("code" in request) {
      const { signal, key, code, reason } = request;
      if (code === errorCodes.body) return failed(signal, code, reason);
      return may(key, signal) ? failed(signal, code, reason) : failed(signal, errorCodes.key, "the key is not known");
    }
    if (!may(request.key, request.signal)) return failed(request.signal, errorCodes.key, "the key is not known");
    const { signal } = request;
    switch (signal) {
      case "start":
      case "stop":
        this.#parts.gate.set(signal === "start");
        return done({ q: signal, errorcode: errorCodes.done });
      case "list":
        return { code: errorCodes.done, reason: undefined, pieces: this.#list(request.domain) };
      case "clear":
        return await this.#inTurn(() => this.#clear(request.domain));
      case "put":
        return await this.#inTurn(() => this.#put(request));
      default:
        return signal satisfies never;
    }
  }

  /** One change after the other, as they came. */
  #inTurn(change: () => Promise<SipwsAnswer>): Promise<SipwsAnswer> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** The accounts in the form of the database, without passwords. */
  *database(): Pieces {
    const { domain, ip, version } = this.#parts.home;
    yield '{"data":[';
    yield* this.#rows(undefined);
    yield `],"domain":${JSON.stringify(domain)},"ip":${JSON.stringify(ip)},"v":${version}}\n`;
  }

  *#list(domain: string | undefined): Pieces {
    yield '{"q":"list","errorcode":"0","registry":[';
    yield* this.#rows(domain);
    yield `],"v":${this.#parts.home.version}}\n`;
  }

  *#rows(domain: string | undefined): Pieces {
    const { accounts, home } = this.#parts;
    let rows: string[] = [];
    let first = true;
    const joined = () => `${first ? "" : ","}${rows.join(",")}`;
    for (const address of addressesOf(accounts, domain, home.domain)) {
      if (address === undefined) {
        yield "";
        continue;
      }
      rows.push(JSON.stringify(address));
      if (rows.length < atOnce) continue;
      yield joined();
      first = false;
      rows = [];
    }
    if (rows.length > 0) yield joined();
  }

  async #clear(domain: string | undefined): Promise<SipwsAnswer> {
    const { accounts, home } = this.#parts;
    const changes: AccountChange[] = [];
    for (const view of accounts.views())
      if (view.kept === "store" && (domain === undefined || (view.domain ?? home.domain) === domain))
        changes.push({ type: "remove", user: view.user, domain: view.domain, maybe: true });
    const outcome = await accounts.change(changes, () => {
      if (domain === undefined) home.version = 0;
    });
    if (!outcome.ok) return failed("clear", errorCodes.request, outcome.faults[0]?.message ?? "");
    return outcome.unwritten === undefined
      ? done({ q: "clear", errorcode: errorCodes.done })
      : failed("clear", errorCodes.unwritten, unwritten(outcome.unwritten));
  }

  async #put(request: SipwsRequest): Promise<SipwsAnswer> {
    const { accounts, home } = this.#parts;
    const domain = request.domain ?? (home.domain === "" ? undefined : home.domain);
    let before = home.version;
    const changes: AccountChange[] = [];
    for (const [at, one] of request.data.entries()) {
      if (at % atOnce === atOnce - 1) await breathe();
      const entry = entryOf(one);
      if (typeof entry === "string") return failed("put", errorCodes.request, faultAt(at, entry), before);
      changes.push(changeOf(entry, domain));
    }
    const outcome = await accounts.change(changes, () => {
      before = home.version;
      if (request.domain !== undefined && home.domain === "") home.domain = request.domain;
      home.version = request.version ?? before + 1;
    });
    if (!outcome.ok) {
      const [fault] = outcome.faults;
      const more = outcome.faults.length > 1 ? `; ${outcome.faults.length - 1} further entries are wrong` : "";
      const reason = faultAt(fault?.index ?? 0, `${fault?.message ?? ""}${more}`);
      return failed("put", errorCodes.request, reason, before);
    }
    return outcome.unwritten === undefined
      ? done({ q: "put", errorcode: errorCodes.done, v: before })
      : failed("put", errorCodes.unwritten, unwritten(outcome.unwritten), before);
  }
}

function changeOf(entry: SipwsEntry, domain: string | undefined): AccountChange {
  const { operation, user, password, name, description, image } = entry;
  if (operation === "-") return { type: "remove", user, domain, maybe: true };
  const named = { domain, password, name, description, image };
  const given = Object.entries(named).filter(([, value]) => value !== undefined);
  return { type: "merge", fields: { user, ...Object.fromEntries(given) } };
}

function faultAt(index: number, what: string): string {
  return `entry ${index + 1} of data: ${what}; nothing was changed`;
}

/** Gives the turn to others. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function unwritten(reason: string): string {
  return `it holds until the server stops, and is not written yet: ${reason}`;
}

function done(answer: object): SipwsAnswer {
  return { code: errorCodes.done, reason: undefined, pieces: once(answer) };
}

function failed(q: Signal | undefined, code: ErrorCode, reason: string, v?: number): SipwsAnswer {
  return {
    code,
    reason,
    pieces: once({ q: q ?? "", errorcode: code, ...(v === undefined ? {} : { v }), error: reason }),
  };
}

function* once(answer: object): Pieces {
  yield `${JSON.stringify(answer)}\n`;
}
