/** The keys of `control:`: the HTTP API, for whom it is, and whom it tells of events. */

import { isIP } from "node:net";
import { feedTypes, isFeedPattern } from "../control/feed-events.ts";
import { isPrivate } from "../control/http/private.ts";
import { type ControlKey, type ControlSettings, type ControlTls, scopes } from "../control/settings.ts";
import {
  integer,
  type Key,
  listOf,
  type MapType,
  mapOf,
  oneOf,
  scalarType,
  shown,
  type Type,
  text,
  type ValuesOf,
} from "./types.ts";
import { flag, path, secret, selfSignedFile } from "./values.ts";

interface Address {
  readonly host: string;
  readonly port: number;
}

const address: Type<Address> = scalarType<Address>(
  'an IP address and a port, such as 127.0.0.1:8082 or "[::1]:8082"',
  { type: "string" },
  (written) => {
    const [, ipv6, other = "", digits] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(written) ?? [];
    const host = ipv6 ?? (other === "localhost" ? "127.0.0.1" : other);
    if (isIP(host) !== 0 && Number(digits) < 65_536) return { host, port: Number(digits) };
    return isIP(written) !== 0 ? { wrong: "the port is missing, as in 127.0.0.1:8082" } : undefined;
  },
);

/** Short ones can be found by trying. */
const shortestKey = 8;

const keyText: Type<string> = {
  ...secret,
  expected: `${shortestKey} to 256 visible ASCII characters`,
  read(node, context) {
    const key = secret.read(node, context);
    if (key === undefined || /^[\x21-\x7e]{8,256}$/.test(key)) return key;
    context.problem(node.at, `this key cannot be used: expected ${shortestKey} to 256 visible ASCII characters`);
    return undefined;
  },
};

const keyMap = mapOf({
  name: {
    type: text("a name on one line", (value) => /^[^\x00-\x1f\x7f]{1,64}$/.test(value)),
    doc: "What the log calls it.",
  },
  key: { type: keyText, doc: "The key; best taken from the environment." },
  scopes: {
    type: listOf(oneOf(scopes), { atLeast: 1 }),
    default: ["admin"],
    doc: "What it may do: `read` everything that is no secret, `calls`, `accounts`, or all with `admin`.",
  },
});

const key: Type<Omit<ControlKey, "name"> & { readonly name: string | undefined }> = {
  expected: `a key of ${keyText.expected}, or ${keyMap.expected}`,
  schema: { anyOf: [keyText.schema, keyMap.schema] },
  read(node, context) {
    if (node.kind === "scalar") {
      const read = keyText.read(node, context);
      return read === undefined ? undefined : { name: undefined, key: read, scopes: ["admin"] };
    }
    const read = keyMap.read(node, context);
    if (read === undefined) return undefined;
    if (read.key !== undefined) return { ...read, key: read.key };
    context.problem(
      node.at,
      `the key is missing, as in { name: dashboard, key: ${variable("DASHBOARD_KEY")}, scopes: [read] }`,
    );
    return undefined;
  },
};

const variable = (name: string) => `$\{${name}}`;

const tlsMap = mapOf({
  cert: { type: path, doc: "The certificate with its chain, a PEM file." },
  key: { type: path, doc: "Its private key, a PEM file." },
  passphrase: { type: secret, doc: "What the private key is encrypted with." },
});

const tls: Type<ControlTls> = {
  expected: `self-signed, or ${tlsMap.expected}`,
  schema: { anyOf: [{ const: "self-signed" }, tlsMap.schema] },
  read(node, context) {
    if (node.kind === "scalar" && node.value === "self-signed") {
      return {
        cert: selfSignedFile(context, "cert"),
        key: selfSignedFile(context, "key"),
        passphrase: undefined,
        selfSigned: true,
      };
    }
    if (node.kind === "scalar") {
      context.problem(node.at, `found ${shown(node)}; expected ${tls.expected}`);
      return undefined;
    }
    const read = tlsMap.read(node, context);
    if (read === undefined) return undefined;
    if (read.cert !== undefined && read.key !== undefined)
      return { cert: read.cert, key: read.key, passphrase: read.passphrase, selfSigned: false };
    context.problem(node.at, `tls needs both cert and key; ${read.cert === undefined ? "cert" : "key"} is missing`);
    return undefined;
  },
};

const webhookUrl: Type<string> = scalarType("an http: or https: URL without a user", { type: "string" }, (written) => {
  const url = URL.parse(written);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.username !== "" || url.password !== "")
    return { wrong: "a URL with a password stands in logs; take secret instead" };
  return url.href;
});

const feedPattern: Type<string> = scalarType(
  `a type of event such as call.ended, a pattern such as call.*, or *`,
  { type: "string" },
  (written) =>
    isFeedPattern(written) ? written : { wrong: `there is no such event; there are ${feedTypes.join(", ")}` },
);

const webhook = mapOf({
  url: { type: webhookUrl, doc: "Where events are posted." },
  secret: { type: secret, doc: "What the requests are signed with; best taken from the environment." },
  events: { type: listOf(feedPattern, { atLeast: 1 }), default: ["*"], doc: "Which events: types, or patterns." },
});

export const controlKeys = {
  listen: {
    type: listOf(address, { atLeast: 1 }),
    default: ["127.0.0.1:8082"],
    doc: "Where the HTTP API listens: `ADDRESS:PORT`, one or several. Another than loopback needs `keys`.",
  },
  keys: {
    type: listOf(key),
    default: [],
    doc: "Who may ask: keys, or `{ name, key, scopes }`. Without any, whoever is on this machine may do everything.",
  },
  tls: { type: tls, doc: "Its certificate: `{ cert, key, passphrase }`, or `self-signed`. Without it, HTTP in clear." },
  console: { type: flag, default: true, doc: "Whether the console is served at `/`." },
  sipws: {
    type: flag,
    default: false,
    doc: "Whether requests of SIPWS are taken: POST at `/` and `/sipws`, with a key that may change accounts, GET at `/sipws`. See docs/sipws.md.",
  },
  requests_per_second: {
    type: integer(0, 1_000_000),
    default: 100,
    doc: "Requests a second from one address; more are answered 429. 0: no limit.",
  },
  webhooks: {
    type: listOf(webhook, { lone: false }),
    default: [],
    doc: "Whom events are posted to: `{ url, secret, events }`; docs/api.md tells how.",
  },
} as const satisfies Record<string, Key<unknown>>;

const map: MapType<ValuesOf<typeof controlKeys>> = mapOf(controlKeys);

export const controlType: Type<ControlSettings> = {
  ...map,
  read(node, context) {
    const read = map.read(node, context);
    if (read === undefined) return undefined;
    const { requests_per_second: requestsPerSecond, keys, webhooks, ...others } = read;
    if (keys.length === 0 && !isPrivate(read)) {
      context.problem(
        node.at,
        `control listens where others reach it, and has no keys: add some, as in keys: ["${variable("CONTROL_KEY")}"], or listen on 127.0.0.1`,
      );
      return undefined;
    }
    const hooks = webhooks.flatMap(({ url, secret: key, events }) =>
      url === undefined || key === undefined ? [] : [{ url, secret: key, events }],
    );
    if (hooks.length < webhooks.length) {
      context.problem(node.at, "each of control.webhooks needs url and secret");
      return undefined;
    }
    return {
      ...others,
      requestsPerSecond,
      keys: keys.map((one, i) => ({ ...one, name: one.name ?? `key ${i + 1}` })),
      webhooks: hooks,
    };
  },
};
