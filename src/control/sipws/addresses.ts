/** The rows of SIPWS's registry: each account, with the phone that has registered for it last. Never with a password. */
import type { AccountContact, AccountsControl, AccountView } from "../accounts.ts";

/** As `list` and GET give it. */
export interface SipwsAddress {
  /** Whether a phone is registered. */
  readonly avail: "0" | "1";
  /** `udp`, `tcp`, `tls`, `ws`, `wss`; "": no phone is registered. */
  readonly proto: string;
  /** Where the account is kept: `registry` can be changed by `put`, `configuration` cannot. */
  readonly origin: "registry" | "configuration";
  readonly key: string;
  readonly cn: string;
  readonly description: string;
  readonly id: string;
  readonly domain: string;
  /** Where the phone registered from. */
  readonly host: string;
  /** Parameters of its contact. */
  readonly line: string;
  readonly tag: string;
  readonly rinstance: string;
  readonly image: string;
  readonly port: number;
  /** Seconds left. */
  readonly expire: number;
  /** Seconds since 1970; 0: never. */
  readonly registered: number;
  readonly updated: number;
}

/** Contacts that are looked at in one turn. */
const atOnce = 1000;

/**
 * The rows of one domain, or of all; undefined now and then, where others may have their turn.
 * @param home the domain of accounts that name none, "" for none
 */
export function* addressesOf(
  accounts: AccountsControl,
  domain: string | undefined,
  home: string,
): Generator<SipwsAddress | undefined> {
  const contacts = new Map<string, AccountContact>();
  let n = 0;
  for (const contact of accounts.contacts()) {
    note(contact, contacts, accounts);
    if (++n % atOnce === 0) yield undefined;
  }
  for (const view of accounts.views()) {
    if (++n % atOnce === 0) yield undefined;
    if (domain !== undefined && (view.domain ?? home) !== domain) continue;
    const contact = contacts.get(view.domain === undefined ? view.user : `${view.user}@${view.domain}`);
    yield addressOf(view, contact, view.domain ?? home);
  }
}

/** The newest contact by `user@domain`, and by `user` alone for accounts that are good for all domains. */
function note(contact: AccountContact, newest: Map<string, AccountContact>, accounts: AccountsControl): void {
  const at = contact.aor.lastIndexOf("@");
  const [user, domain] = [contact.aor.slice(0, at), contact.aor.slice(at + 1)];
  const name = accounts.find(user, domain) === undefined ? user : contact.aor;
  const known = newest.get(name);
  if (known === undefined || known.refreshed < contact.refreshed) newest.set(name, contact);
}

function addressOf(view: AccountView, contact: AccountContact | undefined, domain: string): SipwsAddress {
  const { user, name = "", description = "", image = "", kept } = view;
  const updated = contact === undefined ? 0 : Math.floor(contact.refreshed / 1000);
  return {
    avail: contact === undefined ? "0" : "1",
    proto: contact?.transport ?? "",
    origin: kept === "store" ? "registry" : "configuration",
    key: domain === "" ? user : `${user}@${domain}`,
    cn: name,
    description,
    id: user,
    domain,
    host: contact?.host ?? "",
    line: parameter(contact, "line"),
    tag: "",
    rinstance: parameter(contact, "rinstance"),
    image,
    port: contact?.port ?? 5060,
    expire: contact?.expires ?? 3600,
    registered: updated,
    updated,
  };
}

const parameters = { line: /;line=([^;>?]{1,128})/i, rinstance: /;rinstance=([^;>?]{1,128})/i };

function parameter(contact: AccountContact | undefined, name: keyof typeof parameters): string {
  return parameters[name].exec(contact?.contact ?? "")?.[1] ?? "";
}
