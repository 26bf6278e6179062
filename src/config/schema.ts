/** Every key of the configuration, once: name, type, default, meaning. Checking, the JSON Schema and the reference come from here. */

import { isIP } from "node:net";
import type { StunServer } from "../media/index.ts";
import { audioCodecNames } from "../sip/audio-codecs.ts";
import { srtpPolicies } from "../sip/offer-answer-srtp.ts";
import { type ListenUrl, parseListenUrl } from "../transport/index.ts";
import { controlType } from "./schema-control.ts";
import { logType } from "./schema-log.ts";
import { pageType } from "./schema-page.ts";
import { captureType, hepType, recordsType } from "./schema-records.ts";
import { routeType } from "./schema-routes.ts";
import { accounts, authType, banType, dnsType, drop, registrarType, store, tlsType } from "./schema-server.ts";
import { speechType } from "./schema-speech.ts";
import { trunksType } from "./schema-trunks.ts";
import { duration, integer, type Key, listOf, mapOf, oneOf, scalarType, size, type Type, text } from "./types.ts";
import { domain, flag, hostName, path, pattern } from "./values.ts";

const listenUrl: Type<ListenUrl> = scalarType(
  "an address such as udp://0.0.0.0:5060, tls://[::]:5061 or wss://0.0.0.0:8443",
  { type: "string", pattern: "^(udp|tcp|tls|wss?)://|^\\$\\{\\w+\\}$" },
  (written) => {
    const url = parseListenUrl(written);
    if (url !== undefined) return url;
    if (/^(udp|tcp|tls|wss?):\/\/[a-z][\w.-]*(:\d+)?$/i.test(written))
      return { wrong: "listening takes an IP address, not a name, such as udp://0.0.0.0:5060" };
    return undefined;
  },
);

const stunServer: Type<StunServer> = scalarType(
  "a STUN server such as stun.example.com:3478",
  { type: "string" },
  (written) => {
    const [, six, name = "", port = "3478"] =
      /^(?:stun:)?(?:\[([\da-f:]+)\]|([a-z\d.-]{1,253}))(?::(\d{1,5}))?$/i.exec(written) ?? [];
    const host = six ?? name;
    if (!(isIP(host) !== 0 || hostName.test(host)) || Number(port) < 1 || Number(port) > 65_535) return undefined;
    return { host, port: Number(port) };
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
    type: listOf(oneOf(audioCodecNames), { atLeast: 1 }),
    default: ["PCMU", "PCMA"],
    doc: "Codecs, the preferred one first: our offers list them in this order, and answers take the caller's first that is here. G722 and opus sound wider and cost more, see docs/media.md.",
  },
  srtp: {
    type: oneOf(srtpPolicies),
    default: "required",
    doc: "Whether calls are encrypted (SRTP) that are signalled over TLS or WSS; docs/media.md tells how.",
  },
  srtp_clear: {
    type: oneOf(srtpPolicies),
    default: "off",
    doc: "The same of calls that are signalled over UDP, TCP and WS, where whoever reads along gets the keys.",
  },
  ice_tcp: {
    type: flag,
    default: false,
    doc: "Browsers may send audio by TCP, to the same ports, where their network lets no UDP out. Open these for TCP, too.",
  },
  latch: {
    type: latch,
    default: "private",
    doc: "Whether audio may come from another address than signalled: `private` when the signalled one is private, true always, false never.",
  },
});

const limitsType = mapOf({
  calls: { type: integer(1, 100_000), default: 2000, doc: "Calls at a time; more are answered 503." },
  calls_per_source: { type: integer(1, 100_000), default: 1000, doc: "Calls at a time from one IP address." },
  connections: { type: integer(1, 1_000_000), default: 10_000, doc: "TCP, TLS and WebSocket connections at a time." },
  connections_per_source: {
    type: integer(1, 1_000_000),
    default: 100,
    doc: "The same from one IP address.",
  },
  transactions: {
    type: integer(100, 10_000_000),
    default: 200_000,
    doc: "Open transactions; new requests beyond get 503.",
  },
  requests_per_source: {
    type: integer(0, 1_000_000),
    default: 100,
    doc: "Requests a second from one IP address that has not proved who it is, outside of dialogs; more get 503. 0: no limit.",
  },
  relays: {
    type: integer(0, 100_000),
    default: 2000,
    doc: "Calls at a time whose media is relayed, and as many whose media is converted.",
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
  stun: {
    type: listOf(stunServer),
    default: [],
    doc: "STUN servers, such as `stun.example.com:3478`: behind a NAT, without `advertise`, they say under which addresses media is seen.",
  },
  tls: {
    type: tlsType,
    doc: "The certificate of tls and wss; or `self-signed`: one for first steps is made in `tls/`, of which browsers warn.",
  },
  page: {
    type: pageType,
    default: {},
    doc: "The page with a phone that browsers get at the addresses of ws and wss; `false`: none.",
  },
  domains: { type: listOf(domain), default: [], doc: "Who we are. Empty: requests for any domain are ours." },
  store: {
    type: store,
    default: "memory:",
    doc: "Where registrations, bans and records outlive the process: `sqlite:FILE`, or `memory:`, where they do not.",
  },
  accounts: {
    type: accounts,
    doc: "Who may register and call: a list of `{ user, password, name }`, the path of a .yaml, .json or .csv file, or `store`. Those that `siproc account` has put into the store count in any case.",
  },
  registrar: { type: registrarType, default: {}, doc: "How registrations are taken." },
  auth: { type: authType, default: {}, doc: "How passwords are asked for." },
  ban: { type: banType, default: {}, doc: "Who is not answered any more." },
  drop: {
    type: drop,
    default: [],
    doc: "Requests that are not answered: rules of `from` (an address or network), `port`, `header` and `matches`.",
  },
  dns: { type: dnsType, default: {}, doc: "How names are resolved." },
  trunks: { type: trunksType, default: [], doc: "Accounts of ours elsewhere. See below." },
  routes: {
    type: listOf(routeType, { lone: false }),
    default: [],
    doc: "What happens to requests: the first route that matches decides. See below.",
  },
  scripts: { type: scriptsType, default: {}, doc: "Limits and permissions of scripts." },
  speech: { type: speechType, default: {}, doc: "Engines that speak and understand." },
  media: { type: mediaType, default: {}, doc: "Audio." },
  log: { type: logType, default: {}, doc: "The log." },
  limits: { type: limitsType, default: {}, doc: "How much is too much." },
  records: {
    type: recordsType,
    default: {},
    doc: "Call records: how long they are kept, and whether a file gets them, too.",
  },
  capture: { type: captureType, default: {}, doc: "How much is kept of what passes, message by message." },
  hep: { type: hepType, doc: "Sends each SIP message to Homer (HEP version 3), without passwords and keys." },
  control: {
    type: controlType,
    doc: "The HTTP API, its events and the console; without it there is none.",
  },
} as const satisfies Record<string, Key<unknown>>;

export const configType = mapOf(configKeys);
