/** The shapes of accounts. */
import { Type } from "@sinclair/typebox";
import { choice, count, given, line, named, optional, text } from "./shapes.ts";

const unwritten = optional(
  text("Only where a change was made: it holds, but could not be written to the store yet, for this reason."),
);

export const Account = named("Account", {
  user: text(),
  domain: optional(text("Missing: good for all domains that are served.")),
  name: optional(text("The name that people see.")),
  description: optional(text()),
  image: optional(text("The URL of a picture.")),
  disabled: Type.Boolean({ description: "Nobody gets in with it." }),
  kept: choice(["configuration", "store"], "Those of the configuration are changed there."),
  unwritten,
});

const secrets = {
  password: optional(line("a password of up to 256 characters", { most: 256 })),
  ha1: optional(line("an MD5 hash, 32 hexadecimal digits", { pattern: "^[0-9a-fA-F]{32}$", most: 32 })),
  ha1_sha256: optional(line("a SHA-256 hash, 64 hexadecimal digits", { pattern: "^[0-9a-fA-F]{64}$", most: 64 })),
  ha1_sha512_256: optional(
    line("a SHA-512-256 hash, 64 hexadecimal digits", { pattern: "^[0-9a-fA-F]{64}$", most: 64 }),
  ),
};
const facts = {
  name: optional(line("a name of up to 256 characters", { most: 256, least: 0 })),
  description: optional(line("text of up to 1024 characters", { least: 0 })),
  image: optional(line("a URL of up to 1024 characters", { least: 0 })),
  disabled: optional(Type.Boolean()),
};

const user = line("a user of up to 128 characters", { most: 128 });
const domain = optional(line("a domain such as example.com", { most: 253 }));

/** An account to put into the store, as a row of an accounts file. */
export const AccountFields = given({ user, domain, ...secrets, ...facts });

/** What of an account is to be changed; `null` takes it away. */
export const AccountEdit = given(
  Object.fromEntries(
    Object.entries({ ...secrets, ...facts }).map(([name, schema]) => [
      name,
      name === "disabled" ? schema : Type.Optional(Type.Union([{ ...schema }, Type.Null()])),
    ]),
  ),
);

export const AccountChanges = Type.Array(
  Type.Union([
    given({ change: Type.Literal("put"), account: AccountFields }),
    given({ change: Type.Literal("edit"), user, domain, account: AccountEdit }),
    given({ change: Type.Literal("remove"), user, domain }),
  ]),
  { minItems: 1, maxItems: 10_000 },
);

export const AccountNames = { user, domain };

export const AccountsChanged = named("AccountsChanged", {
  added: count(),
  changed: count(),
  removed: count(),
  unwritten,
});

export const accountSchemas = { Account, AccountsChanged };
