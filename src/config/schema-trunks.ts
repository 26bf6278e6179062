/** The keys of `trunks:`: accounts of ours elsewhere. */

import { parseNameAddr } from "../sip/name-addr.ts";
import { srtpPolicies } from "../sip/offer-answer-srtp.ts";
import { encodeUtf8 } from "../sip/text.ts";
import { isSipUri, parseUri } from "../sip/uri.ts";
import { duration, integer, type Key, listOf, mapOf, oneOf, scalarType, type Type, text } from "./types.ts";
import { domain, flag, secret } from "./values.ts";

const serverUri = (expected: string): Type<string> =>
  scalarType(expected, { type: "string", pattern: "^(sips?:|\\$\\{)" }, (written) => {
    const uri = parseUri(written);
    if (uri !== undefined && isSipUri(uri) && uri.headers === undefined) return written;
    return /^[\w.:[\]-]+$/.test(written) && !/^sips?:/i.test(written) ? { wrong: `write sip:${written}` } : undefined;
  });

/** A name-addr: `"Full Name" <sip:account@example.com>`, with or without the name and the brackets. */
const identity: Type<string> = scalarType(
  'who we are there, such as "Full Name" <sip:account@example.com>',
  { type: "string" },
  (written) => {
    const address = /[\x00-\x1f\x7f]/.test(written) ? undefined : parseNameAddr(encodeUtf8(written));
    if (address === undefined || !isSipUri(address.uri)) return undefined;
    if (address.uri.user === undefined) return { wrong: "the user is missing, as in sip:account@example.com" };
    return /[<]/.test(written) ? written : `<${written}>`;
  },
);

export const trunkName: Type<string> = text("a trunk's name: letters, digits, dots and dashes", (name) =>
  /^[\w.-]{1,64}$/.test(name),
);

export const trunkKeys = {
  name: { type: trunkName, doc: "What routes and handlers call it." },
  registrar: {
    type: serverUri("a SIP URI without a user, such as sip:sip.provider.example"),
    doc: "Where we register; by default at `domain`.",
  },
  id: { type: identity, doc: "Who we are there: the From of our calls. By default `username` at `domain`." },
  username: { type: secret, doc: "Who the password is of; by default the user of `id`." },
  password: { type: secret, doc: "The password; best taken from the environment." },
  realm: {
    type: text("a realm on one line", (realm) => /^[^\x00-\x1f\x7f"\\]{1,128}$/.test(realm)),
    doc: "Answers only challenges that name this realm; by default any of a server on this trunk's way.",
  },
  domain: {
    type: domain,
    doc: "Where numbers are called, and what makes a called URI one of this trunk's; by default the host of `registrar`, or of `id`.",
  },
  register: {
    type: flag,
    default: true,
    doc: "Whether we register there. A provider that knows us by our address needs no registration.",
  },
  expires: { type: integer(30, 604_800), default: 3600, doc: "Seconds that a registration is asked for." },
  retry: {
    type: duration("1s", "1h"),
    default: "30s",
    doc: "The first pause after a registration failed; each further one is twice as long. After a refusal it is 5m at least.",
  },
  retry_max: { type: duration("1s", "24h"), default: "30m", doc: "The longest of these pauses." },
  keepalive: {
    type: duration("0s", "5m"),
    default: "25s",
    doc: "How often an empty line keeps the way through a NAT open while we are registered; 0s: never.",
  },
  proxy: {
    type: serverUri("a SIP URI such as sip:edge.provider.example;lr"),
    doc: "An outbound proxy: requests go there first. With `;lr` it stands in Route as well.",
  },
  strict_route: {
    type: flag,
    default: false,
    doc: "The proxy is a strict router of RFC 2543: it becomes the Request-URI.",
  },
  transport: {
    type: oneOf(["udp", "tcp", "tls"]),
    doc: "How to reach the trunk's servers, where their URIs do not say it; by default what the DNS says.",
  },
  srtp: {
    type: oneOf(srtpPolicies),
    doc: "Whether calls out through it are encrypted; by default as `media` says.",
  },
} as const satisfies Record<string, Key<unknown>>;

export const trunkType = mapOf(trunkKeys);
export const trunksType = listOf(trunkType, { lone: false });
