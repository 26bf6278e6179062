/** The keys of the page with a phone that browsers get where `ws:` and `wss:` listen. */
import type { PageSettings } from "./config.ts";
import { listOf, mapOf, scalarType, type Type, text } from "./types.ts";
import { domain } from "./values.ts";

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
