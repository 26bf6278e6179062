/** The accounts as the control plane sees and changes them: those of the store, several at once, all or none. */
import { type Account, type AccountStore, accountKey, accountOfFields, fieldsOf } from "../accounts/index.ts";
import type {
  AccountChange,
  AccountContact,
  AccountFault,
  AccountOutcome,
  AccountsControl,
  AccountView,
} from "../control/accounts.ts";
import type { Log } from "../log.ts";
import { decodeUtf8 } from "../sip/text.ts";
import { withoutPassword } from "../sip/uri.ts";
import type { Services } from "./services.ts";

/** Where accounts are kept, and when they are. */
export interface KeptAccounts extends AccountStore {
  /** Resolves when all that was put before is written, or writing has failed. */
  flush(): Promise<void>;
  /** Why the last write failed; undefined when it did not. */
  readonly failure: string | undefined;
  /** Begins no write until the returned function is called: what changes until then is written as one. */
  hold?(): () => void;
}

export interface AccountsParts {
  readonly services: Pick<Services, "configured" | "stored" | "location" | "forgetStrangers" | "algorithms">;
  /** Makes anew what depends on the algorithms that all accounts can be checked with. */
  readonly apply: () => void;
  /** Resolves when all is written, or writing has failed: with the reason. */
  readonly written: () => Promise<string | undefined>;
  /** Begins no write until what it gives is called. */
  readonly hold?: (() => () => void) | undefined;
  readonly log?: Pick<Log, "info"> | undefined;
  /** Told of each change once it holds. */
  readonly told?: ((kind: "changed" | "removed", account: Pick<Account, "user" | "domain">) => void) | undefined;
  /** Gives the turn to others in the middle of many changes. */
  readonly breathe?: (() => Promise<void>) | undefined;
}

/** Changes that are looked at in one turn: some ms. */
const atOnce = 500;

type Made = { account: Account } | { gone: Pick<Account, "user" | "domain"> };
type Fault = Omit<AccountFault, "index">;

export function accountsControl(parts: AccountsParts): AccountsControl {
  const { configured, stored, location } = parts.services;
  const breathe = parts.breathe ?? (() => new Promise<void>((resolve) => setImmediate(resolve)));
  /** One after the other: what the one checks, the next must not have changed meanwhile. */
  let turn: Promise<unknown> = Promise.resolve();

  const prepare = async (changes: readonly AccountChange[]): Promise<Map<string, Made> | AccountFault[]> => {
    const made = new Map<string, Made>();
    const faults: AccountFault[] = [];
    for (const [index, change] of changes.entries()) {
      if (index % atOnce === atOnce - 1) await breathe();
      const one = makeOne(change, made);
      if ("code" in one) faults.push({ index, ...one });
      else if ("account" in one) made.set(accountKey(one.account.user, one.account.domain), one);
      else made.set(accountKey(one.gone.user, one.gone.domain), one);
      if (faults.length === 100) break;
    }
    return faults.length > 0 ? faults : made;
  };

  const makeOne = (change: AccountChange, made: ReadonlyMap<string, Made>): Made | Fault => {
    const now = (user: string, domain: string | undefined): Account | undefined => {
      const already = made.get(accountKey(user, domain));
      if (already === undefined) return stored.get(user, domain);
      return "account" in already ? already.account : undefined;
    };
    if (change.type === "put") return accountFrom(change.fields);
    if (change.type === "merge") {
      const { user, domain } = change.fields;
      const before = typeof user === "string" ? now(user, typeof domain === "string" ? domain : undefined) : undefined;
      return accountFrom(before === undefined ? change.fields : edited(before, change.fields));
    }
    const { user } = change;
    const domain = change.domain?.toLowerCase();
    const before = now(user, domain);
    if (before === undefined) {
      const whom = domain === undefined ? user : `${user}@${domain}`;
      if (change.type === "remove" && change.maybe === true && configured.get(user, domain) === undefined)
        return { gone: { user, domain } };
      return configuredFault(user, domain) ?? { code: "unknown", message: `the store has no account ${whom}` };
    }
    if (change.type === "remove") return { gone: before };
    const one = accountFrom(edited(before, change.fields));
    if ("account" in one && accountKey(one.account.user, one.account.domain) !== accountKey(user, domain))
      return { code: "invalid", message: "an account keeps its user and domain; add another one and remove this" };
    return one;
  };

  const accountFrom = (fields: Readonly<Record<string, unknown>>): { account: Account } | Fault => {
    const read = accountOfFields(fields);
    if (!("account" in read)) return { code: "invalid", message: read.problems.join("; ") };
    const { account } = read;
    return configuredFault(account.user, account.domain) ?? { account };
  };

  const configuredFault = (user: string, domain: string | undefined): Fault | undefined => {
    const there = configured.get(user, domain);
    if (there === undefined) return undefined;
    return { code: "configured", message: `${there} stands in the configuration; change it there` };
  };

  const commit = async (
    made: ReadonlyMap<string, Made>,
  ): Promise<{ added: number; changed: number; removed: number }> => {
    const counts = { added: 0, changed: 0, removed: 0 };
    const algorithms = parts.services.algorithms.join();
    const strangers = new Set<string>();
    let n = 0;
    for (const one of made.values()) {
      if (++n % atOnce === 0) await breathe();
      if ("account" in one) {
        const before = stored.get(one.account.user, one.account.domain);
        counts[before === undefined ? "added" : "changed"]++;
        if (one.account.disabled) strangers.add(one.account.user);
        stored.put(one.account);
        parts.told?.("changed", one.account);
        continue;
      }
      const { user, domain } = one.gone;
      if (!stored.remove(user, domain)) continue;
      counts.removed++;
      strangers.add(user);
      parts.told?.("removed", one.gone);
    }
    // Letters with several spellings are compared with care there.
    const plain = [...strangers].every((user) => /^[\x00-\x7f]*$/.test(user));
    if (strangers.size > 0) parts.services.forgetStrangers(plain ? strangers : undefined);
    if (parts.services.algorithms.join() !== algorithms) parts.apply();
    tell(counts, made);
    return counts;
  };

  const tell = (counts: { added: number; changed: number; removed: number }, made: ReadonlyMap<string, Made>): void => {
    const [one] = made.values();
    if (one === undefined || counts.added + counts.changed + counts.removed === 0) return;
    const { user, domain } = "account" in one ? one.account : one.gone;
    const whom = made.size > 1 ? undefined : domain === undefined ? user : `${user}@${domain}`;
    parts.log?.info("accounts of the store were changed", { account: whom, ...counts });
  };

  const changeAll = async (changes: readonly AccountChange[], holds?: () => void): Promise<AccountOutcome> => {
    const made = await prepare(changes);
    if (!(made instanceof Map)) return { ok: false, faults: made };
    const release = parts.hold?.();
    try {
      const counts = await commit(made);
      holds?.();
      return { ok: true, ...counts, unwritten: undefined };
    } finally {
      release?.();
    }
  };

  return {
    *views() {
      // Whoever goes through them may take several turns, in which they change.
      const [fixed, kept] = [[...configured], [...stored]];
      for (const account of fixed) yield viewOf(account, "configuration");
      for (const account of kept) yield viewOf(account, "store");
    },
    find(user, domain) {
      const fixed = configured.get(user, domain);
      if (fixed !== undefined) return viewOf(fixed, "configuration");
      const kept = stored.get(user, domain);
      return kept === undefined ? undefined : viewOf(kept, "store");
    },
    *contacts() {
      for (const binding of [...location.all()]) {
        const { transport, remote } = binding.flow;
        yield {
          aor: decodeUtf8(binding.aor),
          contact: withoutPassword(decodeUtf8(binding.contact)),
          transport,
          host: remote.host,
          port: remote.port,
          expires: location.secondsLeft(binding),
          refreshed: binding.refreshed,
        } satisfies AccountContact;
      }
    },
    async change(changes, holds) {
      const done = turn.then(() => changeAll(changes, holds));
      turn = done.catch(() => {});
      const outcome = await done;
      return outcome.ok ? { ...outcome, unwritten: await parts.written() } : outcome;
    },
  };
}

/** The fields of an account with some of them changed. A new password takes the place of hashes, and hashes of a password. */
function edited(before: Account, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const hashes = ["ha1", "ha1_sha256", "ha1_sha512_256"];
  const given = (name: string) => Object.hasOwn(fields, name) && fields[name] !== null && fields[name] !== undefined;
  const old = new Map<string, unknown>(Object.entries(fieldsOf(before)));
  if (given("password")) for (const hash of hashes) old.delete(hash);
  if (hashes.some(given)) for (const name of ["password", ...hashes]) old.delete(name);
  return { ...Object.fromEntries(old), ...fields };
}

function viewOf({ user, domain, name, description, image, disabled }: Account, kept: AccountView["kept"]): AccountView {
  return { user, domain, name, description, image, disabled, kept };
}
