/** The keys of a route: what a request must be like, and what happens to it. */

import { resolve } from "node:path";
import { mediaWishes } from "../routing/media-profile.ts";
import { srtpPolicies } from "../sip/offer-answer-srtp.ts";
import { isSipUri, parseUri } from "../sip/uri.ts";
import { trunkName } from "./schema-trunks.ts";
import { integer, type Key, listOf, mapOf, oneOf, scalarType, type Type, text } from "./types.ts";
import { flag, method, path, pattern, word } from "./values.ts";

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

/** Only `true` makes sense: an action that needs no argument. */
const yes: Type<true> = scalarType("true", { const: true }, (written) => (written === "true" ? true : undefined));

const proxyTarget: Type<string> = scalarType(
  "a SIP URI such as sip:192.0.2.1:5070, or request-uri",
  { type: "string", pattern: "^(sips?:|request-uri$)" },
  (written) => {
    if (written === "request-uri") return written;
    const uri = parseUri(written);
    if (uri !== undefined && isSipUri(uri) && uri.headers === undefined) return written;
    return /^[\w.:[\]-]+$/.test(written) && !/^sips?:/i.test(written) ? { wrong: `write sip:${written}` } : undefined;
  },
);
const proxyTargets: Type<string[]> = listOf(proxyTarget, { atLeast: 1 });

export const authFilters = ["from-is-auth-user", "from-is-realm", "to-is-from"] as const;
export type AuthFilter = (typeof authFilters)[number];
const filterList = listOf(oneOf(authFilters));

/** The filters, in the one order that they have. */
const auth: Type<AuthFilter[]> = {
  expected: `true, any, or a list of ${authFilters.join(", ")}`,
  schema: { anyOf: [{ enum: [true, "any"] }, filterList.schema] },
  read(node, context) {
    if (node.kind === "scalar" && String(node.value) === "true") return ["from-is-auth-user"];
    if (node.kind === "scalar" && node.value === "any") return [];
    return filterList.read(node, context);
  },
};

const rewriteContact: Type<boolean | "force"> = scalarType(
  "true, false or force",
  { enum: [true, false, "force"] },
  (written) => (written === "force" ? written : written === "true" ? true : written === "false" ? false : undefined),
);

const trunkNumber: Type<string> = text(
  "a number or a user name, in which $1 … $9 are groups of the route's `to`",
  (written) => /^[-\w+*#.!~$]{1,128}$/.test(written),
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
  location: { type: yes, doc: "`true`: to where the registrar knows the Request-URI's user to be." },
  proxy: {
    type: proxyTargets,
    doc: "On to another server, or to the next of a list when one fails: SIP URIs, in which `$1` … `$9` are groups of `to`. With a user part it becomes the Request-URI. `request-uri`: to wherever the Request-URI says.",
  },
  drop: { type: yes, doc: "`true`: no answer at all." },
  events: {
    type: yes,
    doc: "`true`: the call is handled by who reads the events of `siproc run --events` and writes lines; without --events it is answered 480.",
  },
  mode: {
    type: oneOf(["stateful", "stateless", "redirect"]),
    doc: "How `location` and `proxy` work: `stateful` (the default) forks, retries and keeps a record; `stateless` forwards; `redirect` answers 302 with the targets.",
  },
  auth: {
    type: auth,
    doc: "Asks for an account's password first: `true`, and the From must be the account's; `any`: whatever the From; or a list of what must hold: from-is-auth-user, from-is-realm, to-is-from.",
  },
  nat: {
    type: oneOf(["relay"]),
    doc: "`relay`: audio and video go through this server, so that phones behind NAT hear each other.",
  },
  media: {
    type: oneOf(mediaWishes),
    doc: "How `location` and `proxy` treat audio: `auto` (the default) converts between browsers, SRTP over TLS and RTP where the sides differ; `relay` is auto with `nat: relay`; `webrtc`, `srtp` and `plain` say what the callee speaks; `direct` never converts.",
  },
  rewrite_contact: {
    type: rewriteContact,
    doc: "Of a stateless proxy: puts itself into Contact where a request leaves by another address than it came in (`true`), or always (`force`).",
  },
  record_route: { type: flag, doc: "Whether a proxy stays on the path of the dialog; true by default." },
  trunk: {
    type: trunkName,
    doc: "Alone: calls go out through this trunk. Beside another action: which calls, those that come in by this trunk.",
  },
  srtp: {
    type: oneOf(srtpPolicies),
    doc: "Whether calls are encrypted that this route's script, program or trunk takes; by default as `media` says.",
  },
  number: {
    type: trunkNumber,
    doc: "Whom to call through the trunk, in which `$1` … `$9` are groups of `to`; by default the user that was called.",
  },
} as const satisfies Record<string, Key<unknown>>;

export const routeType = mapOf(routeKeys);

export const actionNames = [
  "script",
  "exec",
  "reply",
  "redirect",
  "location",
  "proxy",
  "drop",
  "trunk",
  "events",
] as const;
