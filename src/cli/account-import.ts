/** Accounts of a file as changes of a running server's: every format that the configuration takes, and SIPWS's database. */
import { fieldsOf, readAccounts } from "../accounts/index.ts";
import type { Problem } from "../config/index.ts";
import { substitute } from "../config/substitute.ts";
import { parseYaml } from "../config/yaml.ts";
import type { AccountChange } from "../control/accounts.ts";

export type AccountsToImport =
  | {
      readonly ok: true;
      readonly changes: readonly AccountChange[];
      /** Whom each is about, for complaints. */
      readonly places: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** @param path absolute; a file that ends with .yaml, .json or .csv, or is JSON whatever its name */
export async function readAccountChanges(path: string): Promise<AccountsToImport> {
  const read = await readAccounts(path, {
    yaml: parseYaml,
    substitute: (text) => substitute(text, process.env),
    ...(/\.(?:ya?ml|json|csv)$/i.test(path) ? {} : { format: "json" }),
  });
  if (!read.ok) return read;
  return {
    ok: true,
    changes: read.accounts.map((account) => ({ type: "put", fields: fieldsOf(account) })),
    places: read.accounts.map(String),
  };
}
