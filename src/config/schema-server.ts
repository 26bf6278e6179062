/** The keys of what a server for phones needs: certificates, accounts, registrar, DNS, and what keeps strangers out. */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { type Account, accountsOfYaml } from "../accounts/index.ts";
import type { DropRule } from "./config.ts";
import { substitute } from "./substitute.ts";
import { duration, integer, listOf, mapOf, oneOf, scalarType, type Type, text } from "./types.ts";
import { domain, flag, path, pattern, secret, selfSignedFile } from "./values.ts";

const certificateKeys = {
  cert: { type: path, doc: "The certificate with its chain, a PEM file." },
  key: { type: path, doc: "Its private key, a PEM file." },
  passphrase: { type: secret, doc: "What the private key is encrypted with; best taken from the environment." },
} as const;

const tlsKeys = mapOf({
  ...certificateKeys,
  ca: { type: path, doc: "Certificate authorities to trust instead of the system's, a PEM file." },
  clients: {
    type: oneOf(["none", "ask", "require"]),
    default: "none",
    doc: "Whether clients are asked for a certificate, which must be of `ca`.",
  },
  names: {
    type: listOf(mapOf({ name: { type: domain, doc: "The name that clients ask for (SNI)." }, ...certificateKeys }), {
      lone: false,
    }),
    default: [],
    doc: "Further certificates, each for the name that clients ask for: `{ name, cert, key }`.",
  },
});

type TlsValue = NonNullable<ReturnType<typeof tlsKeys.read>> & { readonly selfSigned?: true };

export const tlsType: Type<TlsValue> = {
  ...tlsKeys,
  expected: `self-signed, or ${tlsKeys.expected}`,
  schema: { anyOf: [{ const: "self-signed" }, tlsKeys.schema] },
  read(node, context) {
    if (node.kind !== "scalar" || node.value !== "self-signed") return tlsKeys.read(node, context);
    const [cert, key] = [selfSignedFile(context, "cert"), selfSignedFile(context, "key")];
    return { cert, key, passphrase: undefined, ca: undefined, clients: "none", names: [], selfSigned: true };
  },
};

const dnsServer: Type<{ host: string; port: number }> = scalarType(
  "an IP address with an optional port, such as 192.0.2.53 or 127.0.0.1:5353",
  { type: "string" },
  (written) => {
    if (isIP(written) !== 0) return { host: written, port: 53 };
    const [, host = "", port = "53"] = /^(?:\[([0-9a-f:.]+)\]|[\d.]+)(?::(\d{1,5}))?$/i.test(written)
      ? (/^\[?([0-9a-f:.]+?)\]?(?::(\d{1,5}))?$/i.exec(written) ?? [])
      : [];
    return isIP(host) !== 0 && Number(port) > 0 && Number(port) < 65536 ? { host, port: Number(port) } : undefined;
  },
);

export const dnsType = mapOf({
  servers: { type: listOf(dnsServer), default: [], doc: "DNS servers to ask; the system's by default." },
  timeout: {
    type: duration("100ms", "30s"),
    default: "2s",
    doc: "How long an answer may take before the next server is asked.",
  },
});

/** `memory:`, or `sqlite:` with an absolute path. */
export const store: Type<string> = scalarType(
  "sqlite:FILE or memory:",
  { type: "string", pattern: "^(sqlite:.|memory:$)" },
  (written, context) => {
    if (written === "memory:" || written === "memory") return "memory:";
    const [, file] = /^sqlite:(?:\/\/)?([^\0]+)$/.exec(written) ?? [];
    return file === undefined ? undefined : `sqlite:${resolve(context.folder, file)}`;
  },
);

/** Accounts that stand in the configuration, or the file that holds them. */
export type AccountsValue = { readonly accounts: readonly Account[] } | { readonly file: string };

const accountSchema = {
  type: "object",
  required: ["user"],
  properties: Object.fromEntries(
    ["user", "password", "name", "domain", "ha1", "ha1_sha256", "ha1_sha512_256", "description", "image"].map((key) => [
      key,
      { type: "string" },
    ]),
  ),
};

export const accounts: Type<AccountsValue> = {
  expected:
    "a list of accounts, such as [{ user: alice, password: wonderland }], the path of a .yaml, .json or .csv file, or store",
  schema: { anyOf: [{ type: "array", items: accountSchema }, path.schema] },
  read(node, context) {
    if (node.kind === "scalar" && node.value === "store") return { accounts: [] };
    if (node.kind === "scalar") {
      const file = path.read(node, context);
      return file === undefined ? undefined : { file };
    }
    const read = accountsOfYaml(node, "", { substitute: (text) => substitute(text, context.environment) });
    if (read.ok) return { accounts: read.accounts };
    for (const { line, column, message } of read.problems) context.problem({ line, column }, message);
    return undefined;
  },
};

export const registrarType = mapOf({
  min_expires: { type: integer(1, 86_400), default: 60, doc: "Seconds: a shorter registration is answered 423." },
  default_expires: { type: integer(1, 604_800), default: 3600, doc: "Seconds, where the phone names none." },
  max_expires: { type: integer(1, 604_800), default: 7200, doc: "Seconds: longer ones are shortened to this." },
  max_contacts: { type: integer(1, 1000), default: 10, doc: "Contacts that one user may have at a time." },
  open: {
    type: flag,
    default: false,
    doc: "Where there are no accounts: `true` lets anybody register as anybody. For tests, and for networks without strangers.",
  },
  keepalive: {
    type: duration("0s", "5m"),
    default: "25s",
    doc: "How often phones behind NAT are sent a packet that keeps their way open; 0s: never.",
  },
});

export const authType = mapOf({
  realm: {
    type: text("a realm on one line", (realm) => /^[^\x00-\x1f\x7f"\\]{1,128}$/.test(realm)),
    doc: "The realm of challenges; by default the domain that is called.",
  },
  algorithms: {
    type: listOf(oneOf(["SHA-512-256", "SHA-256", "MD5"]), { atLeast: 1 }),
    default: ["MD5"],
    doc: "Digest algorithms to offer, the preferred one first.",
  },
  nonce: { type: duration("10s", "24h"), default: "5m", doc: "How long a challenge can be answered." },
});

const network: Type<string> = scalarType(
  "an IP address or a network such as 203.0.113.0/24",
  { type: "string" },
  (written) => {
    const [, host = "", bits] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(written) ?? [];
    const family = isIP(host);
    return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128) ? written.toLowerCase() : undefined;
  },
);

const headerName = text("the name of a header field", (name) => /^[\w.!%*+`'~-]{1,64}$/.test(name));

const dropRule = mapOf({
  from: { type: network, doc: "Source address or network." },
  port: { type: integer(1, 65_535), doc: "Source port." },
  header: { type: headerName, doc: "A header field." },
  matches: { type: pattern, doc: "What the field's value is like; without it, the field need only be there." },
});

export const drop: Type<DropRule[]> = {
  ...listOf(dropRule, { lone: false }),
  read(node, context) {
    const rules = listOf(dropRule, { lone: false }).read(node, context);
    for (const rule of rules ?? []) {
      if (rule.from === undefined && rule.port === undefined && rule.header === undefined)
        context.problem(node.at, "a drop rule names at least one of from, port and header");
      else if (rule.matches !== undefined && rule.header === undefined)
        context.problem(node.at, "matches is about a header field; name it, as in header: User-Agent");
    }
    return rules;
  },
};

export const banType = mapOf({
  failures: {
    type: integer(0, 100_000),
    default: 20,
    doc: "Wrong passwords from one address until it is banned; 0: never.",
  },
  within: { type: duration("1s", "24h"), default: "5m", doc: "The time in which they are counted." },
  for: { type: duration("1s", "365d"), default: "1h", doc: "How long a ban lasts." },
  scanners: {
    type: flag,
    default: true,
    doc: "Bans sources whose User-Agent is that of a known scanner, and those that try many numbers that nobody has.",
  },
  never: {
    type: listOf(network),
    default: ["127.0.0.0/8", "::1"],
    doc: "Addresses and networks that are never banned nor limited.",
  },
});
