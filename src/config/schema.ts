/** Every key of the configuration, once: name, type, default, meaning. Checking, the JSON Schema and the reference come from here. */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { levels } from "../log.ts";
import { compilePattern, type Pattern } from "../routing/pattern.ts";
import { type ListenUrl, parseListenUrl } from "../transport/index.ts";
import { duration, integer, type Key, listOf, mapOf, oneOf, scalarType, size, type Type, text } from "./types.ts";

const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/i;

const listenUrl: Type<ListenUrl> = scalarType(
  "an address such as udp://0.0.0.0:5060 or tcp://[::]:5060",
  { type: "string", pattern: "^(udp|tcp)://|^\\$\\{\\w+\\}$" },
  (written) => {
    const url = parseListenUrl(written);
    if (url !== undefined) return url;
    if (/^(tls|wss?):\/\//i.test(written))
      return { wrong: "this version of siproc does not support tls, ws and wss yet; use udp or tcp" };
    if (/^(udp|tcp):\/\/[a-z][\w.-]*(:\d+)?$/i.test(written))
      return { wrong: "listening takes an IP address, not a name, such as udp://0.0.0.0:5060" };
    return undefined;
  },
);

const advertised: Type<string> = scalarType(
  "an IP address or host name without a port",
  { type: "string" },
  (written) => {
    const bare = written.startsWith("[") && written.endsWith("]") ? written.slice(1, -1) : written;
    if (bare === "0.0.0.0" || bare === "::")
      return { wrong: "nobody can answer to this address; name one that peers reach" };
    return isIP(bare) !== 0 || hostName.test(bare) ? bare : undefined;
  },
);

const domain: Type<string> = scalarType("a domain such as example.com", { type: "string" }, (written) => {
  const bare = written.startsWith("[") && written.endsWith("]") ? written.slice(1, -1) : written;
  return isIP(bare) !== 0 || hostName.test(bare) ? bare.toLowerCase() : undefined;
});

const pattern: Type<Pattern> = scalarType(
  "a glob on user@host, such as *@example.com, or a /regular expression/",
  { type: "string" },
  (written) => {
    const compiled = compilePattern(written);
    return compiled.ok ? compiled.pattern : { wrong: compiled.reason };
  },
);

const method: Type<string> = scalarType(
  "a SIP method such as INVITE",
  { type: "string", pattern: "^[A-Z0-9.!%*_+`'~-]+$" },
  (written) => {
    if (/^[A-Z0-9\-.!%*_+`'~]{1,64}$/.test(written)) return written;
    return /^[A-Za-z]+$/.test(written)
      ? { wrong: `methods are written in capitals: ${written.toUpperCase()}` }
      : undefined;
  },
);

/** An absolute path. */
const path: Type<string> = scalarType("a path", { type: "string" }, (written, context) =>
  written === "" || written.length > 4096 || written.includes("\0") ? undefined : resolve(context.folder, written),
);

/** A program with a slash in it counts from the file's folder; without one it is looked for in PATH. */
const word: Type<string> = text("text without NUL", (written) => !written.includes("\0"));

const exec: Type<string[]> = {
  ...listOf(word, { atLeast: 1 }),
  expected: "a list of program and arguments, such as [./handlers/ivr.sh]",
  read(node, context) {
    const argv = listOf(word, { atLeast: 1 }).read(node, context);
    const [program, ...args] = argv ?? [];
    if (program === undefined) return undefined;
    if (node.kind === "scalar" && /\s/.test(program)) {
      const list = program.trim().split(/\s+/).join(", ");
      context.problem(node.at, `a program with arguments is a list; write exec: [${list}]`);
      return undefined;
    }
    if (program === "") {
      context.problem(node.at, "found an empty program; expected its name or path");
      return undefined;
    }
    return [program.includes("/") ? resolve(context.folder, program) : program, ...args];
  },
};

export interface Reply {
  code: number;
  reason: string | undefined;
}

const replyCode = integer(200, 699);
const replyMap = mapOf({
  code: { type: replyCode, doc: "The status code." },
  reason: {
    type: text("a phrase on one line", (phrase) => phrase.length <= 256 && !/[\x00-\x1f\x7f]/.test(phrase)),
    doc: "The reason phrase; the usual one of the code by default.",
  },
});

const reply: Type<Reply> = {
  expected: "a status code such as 404, or { code, reason }",
  schema: { anyOf: [replyCode.schema, replyMap.schema] },
  read(node, context) {
    if (node.kind !== "map") {
      const code = replyCode.read(node, context);
      return code === undefined ? undefined : { code, reason: undefined };
    }
    const read = replyMap.read(node, context);
    if (read === undefined) return undefined;
    if (read.code !== undefined) return { code: read.code, reason: read.reason };
    context.problem(node.at, "the code is missing; write { code: 404, reason: Nobody here }");
    return undefined;
  },
};

const redirect: Type<string> = scalarType(
  "a sip:, sips: or tel: URI, in which $1 … $9 are groups of the route's `to`",
  { type: "string", pattern: "^(sips?|tel):" },
  (written) => (/^(sips?:[^\s<>"\x00-\x1f\x7f]+|tel:[\w+$().*#;=-]+)$/i.test(written) ? written : undefined),
);

export const routeKeys = {
  to: {
    type: pattern,
    doc: "Which Request-URIs: a glob or /regular expression/ on `user@host`, without `@` on the user.",
  },
  from: { type: pattern, doc: "Which From addresses, written like `to`." },
  method: {
    type: listOf(method, { atLeast: 1 }),
    doc: "Which methods; any by default. `script` and `exec` take INVITE only.",
  },
  script: { type: path, doc: "A JavaScript or TypeScript file that handles the call, in a sandbox." },
  exec: {
    type: exec,
    doc: "A program that handles the call: a list of program and arguments, started once per call, no shell between.",
  },
  reply: { type: reply, doc: "Answers with a status code, or with `{ code, reason }`." },
  redirect: { type: redirect, doc: "Answers 302 with this URI; `$1` … `$9` are groups of `to`." },
  location: { type: word, doc: "To where the registrar knows the address.", planned: true },
  auth: { type: word, doc: "Asks for a password first.", planned: true },
  nat: { type: word, doc: "Helps media through NAT.", planned: true },
  trunk: { type: word, doc: "Out through a trunk.", planned: true },
  proxy: { type: word, doc: "On to another server.", planned: true },
  mode: { type: word, doc: "How a proxy works.", planned: true },
} as const satisfies Record<string, Key<unknown>>;

export const routeType = mapOf(routeKeys);

export const actionNames = ["script", "exec", "reply", "redirect"] as const;

const ports: Type<[number, number]> = scalarType(
  "a range of ports such as 10000-20000",
  { type: "string", pattern: "^(\\d+ ?- ?\\d+|\\$\\{\\w+\\})$" },
  (written) => {
    const [, first, last] = /^(\d{1,5}) ?- ?(\d{1,5})$/.exec(written) ?? [];
    const range: [number, number] = [Number(first ?? 0), Number(last ?? 0)];
    if (first === undefined) return undefined;
    if (range[0] < 1 || range[1] > 65535) return { wrong: "ports go from 1 to 65535" };
    if (range[0] > range[1]) return { wrong: "the lower port comes first" };
    // A call takes an even port for RTP and the next for RTCP (RFC 3550 §11).
    if (range[1] - range[0] < (range[0] % 2 === 0 ? 1 : 2))
      return { wrong: "a call needs an even port and the one after it; make the range larger" };
    return range;
  },
);

const latch: Type<boolean | "private"> = scalarType(
  "true, false or private",
  { enum: [true, false, "private"] },
  (written) => (written === "private" ? written : written === "true" ? true : written === "false" ? false : undefined),
);

const netHost: Type<string> = scalarType(
  "a host such as api.example.com, *.example.com or api.example.com:8443",
  { type: "string" },
  (written) => {
    const [, host = "", port] = /^((?:\*\.)?[^:*/]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i.exec(written) ?? [];
    const bare = host.replace(/^\*\.|^\[|\]$/g, "");
    if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) return undefined;
    if (/^https?:\/\//i.test(written)) return { wrong: "only the host is named here, without https://" };
    return hostName.test(bare) || isIP(bare) !== 0 ? written.toLowerCase() : undefined;
  },
);

const envName = text("the name of an environment variable", (name) => /^[A-Za-z_]\w*$/.test(name));

const allowType = mapOf({
  read: { type: listOf(path), default: [], doc: "Folders and files that scripts may play and read." },
  write: { type: listOf(path), default: [], doc: "Folders and files that scripts may record to and write." },
  net: {
    type: listOf(netHost),
    default: [],
    doc: "Hosts that scripts may fetch from: `host`, `*.domain`, `host:port`.",
  },
  dial: {
    type: listOf(pattern),
    default: [],
    doc: "Whom scripts may call: patterns on `user@host`, written like `to` of a route. The guard against toll fraud.",
  },
  env: {
    type: listOf(envName),
    default: [],
    doc: "Environment variables that scripts may read, and that `exec` programs get besides PATH, HOME, LANG and their like.",
  },
});

const scriptsType = mapOf({
  memory: { type: size("1MB", "1GB"), default: "16MB", doc: "Memory of one call's script." },
  cpu: {
    type: duration("1ms", "10s"),
    default: "50ms",
    doc: "How long a script may compute without waiting for anything.",
  },
  timeout: { type: duration("1s", "24h"), default: "1h", doc: "How long a script may handle one call." },
  allow: { type: allowType, default: {}, doc: "What scripts may touch. Nothing by default." },
});

const mediaType = mapOf({
  ports: { type: ports, default: "10000-20000", doc: "UDP ports for audio, both included; each call takes two." },
  codecs: {
    type: listOf(oneOf(["PCMU", "PCMA"]), { atLeast: 1 }),
    default: ["PCMU", "PCMA"],
    doc: "Codecs, the preferred one first.",
  },
  latch: {
    type: latch,
    default: "private",
    doc: "Whether audio may come from another address than signalled: `private` when the signalled one is private, true always, false never.",
  },
});

const logType = mapOf({
  level: { type: oneOf(levels), default: "info", doc: "The least level that is written." },
  format: {
    type: oneOf(["pretty", "json"]),
    default: "pretty",
    doc: "Lines for people, or JSON for machines; on stderr.",
  },
});

const limitsType = mapOf({
  calls: { type: integer(1, 100_000), default: 2000, doc: "Calls at a time; more are answered 503." },
  calls_per_source: { type: integer(1, 100_000), default: 1000, doc: "Calls at a time from one IP address." },
  connections: { type: integer(1, 1_000_000), default: 10_000, doc: "TCP connections at a time." },
  connections_per_source: {
    type: integer(1, 1_000_000),
    default: 100,
    doc: "TCP connections at a time from one IP address.",
  },
  drain: {
    type: duration("0s", "24h"),
    default: "1m",
    doc: "How long `siproc run` lets calls go on when it is told to stop.",
  },
});

export const configKeys = {
  listen: {
    type: listOf(listenUrl, { atLeast: 1 }),
    default: ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"],
    doc: "Where to listen. Port 5060 when none is named; 0 lets the system choose.",
  },
  advertise: {
    type: advertised,
    doc: "The address put into Via, Contact and SDP when it is not the bound one: behind NAT, or in a container.",
  },
  domains: { type: listOf(domain), default: [], doc: "Who we are. Empty: requests for any domain are ours." },
  routes: {
    type: listOf(routeType, { lone: false }),
    default: [],
    doc: "What happens to requests: the first route that matches decides. See below.",
  },
  scripts: { type: scriptsType, default: {}, doc: "Limits and permissions of scripts." },
  media: { type: mediaType, default: {}, doc: "Audio." },
  log: { type: logType, default: {}, doc: "The log, on stderr." },
  limits: { type: limitsType, default: {}, doc: "How much is too much." },
  tls: { type: word, doc: "Certificates.", planned: true },
  store: { type: word, doc: "Where bindings and records are kept.", planned: true },
  accounts: { type: word, doc: "Who may register and call.", planned: true },
  registrar: { type: word, doc: "How registrations are taken.", planned: true },
  trunks: { type: word, doc: "Accounts of ours elsewhere.", planned: true },
  control: { type: word, doc: "The HTTP API.", planned: true },
} as const satisfies Record<string, Key<unknown>>;

export const configType = mapOf(configKeys);
