/** The keys of the page with a phone that browsers get where `ws:` and `wss:` listen. */
import type { PageSettings, TurnSettings } from "./config.ts";
import { duration, listOf, mapOf, scalarType, type Type, text } from "./types.ts";
import { domain, flag, secret } from "./values.ts";

const origin: Type<string> = scalarType(
  "an origin such as https://intranet.example.com",
  { type: "string" },
  (written) => {
    const url = URL.parse(written);
    if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined;
    return url.origin === written.toLowerCase().replace(/\/$/, "") ? url.origin : { wrong: `expected ${url.origin}` };
  },
);

const callable = text("a user, user@host or SIP URI without spaces", (value) =>
  /^[^\s"<>\x00-\x1f]{1,200}$/.test(value),
);

const iceServer = text("a server such as stun:stun.example.com:3478", (value) =>
  /^(stuns?|turns?):[\w.:[\]-]{1,200}(\?transport=(udp|tcp))?$/.test(value),
);

const turnUrl = text("a server such as turn:turn.example.com:3478?transport=udp", (value) =>
  /^turns?:[\w.:[\]-]{1,200}(\?transport=(udp|tcp))?$/.test(value),
);

const turnKeys = mapOf({
  urls: {
    type: listOf(turnUrl, { atLeast: 1 }),
    doc: "TURN servers for the page, such as `turn:turn.example.com:3478?transport=udp`.",
  },
  secret: {
    type: secret,
    doc: "What siproc and the TURN server share: coturn's `static-auth-secret`, with `use-auth-secret`.",
  },
  ttl: {
    type: duration("10m", "24h"),
    default: "1h",
    doc: "How long a page's credentials hold; registered pages get new ones with each registration.",
  },
  anonymous: {
    type: flag,
    default: false,
    doc: "Pages that have not registered get credentials, too: whoever asks for them then has a relay.",
  },
});

const turn: Type<TurnSettings> = {
  ...turnKeys,
  read(node, context) {
    const values = turnKeys.read(node, context);
    if (values === undefined) return undefined;
    const { urls, secret: shared } = values;
    if (urls !== undefined && shared !== undefined) return { ...values, urls, secret: shared };
    const missing = urls === undefined ? "urls: [turn:turn.example.com:3478]" : "secret, coturn's static-auth-secret";
    context.problem(node.at, `${missing} is missing here`);
    return undefined;
  },
};

const keys = mapOf({
  title: {
    type: text("text on one line", (value) => /^[^\x00-\x1f\x7f]{1,80}$/.test(value)),
    default: "siproc",
    doc: "What stands at the top of the page.",
  },
  to: {
    type: listOf(callable),
    default: [],
    doc: "Whom the page offers to call, such as `[echo, ivr]`. Whoever opens the page sees them.",
  },
  domain: {
    type: domain,
    doc: "What is called where somebody types a user alone; by default the first of `domains`, or the host that the page came from.",
  },
  frames: {
    type: listOf(origin),
    default: [],
    doc: "Sites that may show the page in a frame, such as `https://intranet.example.com`. None by default.",
  },
  ice: {
    type: listOf(iceServer),
    default: [],
    doc: "STUN servers for browsers, such as `stun:stun.example.com:3478`. Calls with siproc itself need none.",
  },
  turn: {
    type: turn,
    doc: "A TURN server, for pages in networks that let no UDP out.",
  },
});

/** `false`: there is no page. */
export const pageType: Type<PageSettings | false> = {
  ...keys,
  expected: `false, or ${keys.expected}`,
  schema: { anyOf: [{ const: false }, keys.schema] },
  read(node, context) {
    if (node.kind === "scalar" && node.value === false) return false;
    return keys.read(node, context);
  },
};
