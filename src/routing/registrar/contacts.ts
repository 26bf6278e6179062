/** The Contacts of a REGISTER as changes of bindings, and why some cannot be (RFC 3261 §10.3, RFC 5626 §6, RFC 5627 §5.1). */
import { isLoopback, isPrivate } from "../../ip.ts";
import type { Flow } from "../../sip/flow.ts";
import { canonicalHost, isIPv4 } from "../../sip/host.ts";
import type { Request } from "../../sip/message.ts";
import { type NameAddr, parseNameAddr } from "../../sip/name-addr.ts";
import type { Params } from "../../sip/params.ts";
import { isSipUri, parseUri, type SipUri, type Uri, uriEquals } from "../../sip/uri.ts";
import { socketHost } from "../../transport/address.ts";
import { aorOf, type DomainOf } from "./aor.ts";
import { type Binding, formatFlow, instanceIn } from "./binding.ts";
import type { Change } from "./location.ts";

/** Seconds, but for the count of contacts that one address-of-record may have. */
export interface RegistrarLimits {
  readonly minExpires: number;
  readonly defaultExpires: number;
  readonly maxExpires: number;
  readonly maxContacts: number;
}

export interface Refused {
  readonly status: number;
  readonly reason?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

/** What a REGISTER asks for, before it is known whether it may be done. */
export interface Asked {
  readonly request: Request;
  readonly flow: Flow;
  readonly aor: string;
  readonly domain: string;
  /** The bindings that stand. */
  readonly bindings: readonly Binding[];
  /** The Path; "" when there is none. */
  readonly path: string;
  /** The request came from the client itself, by no other proxy. */
  readonly direct: boolean;
  /** Whether the client says that it supports RFC 5626. */
  readonly outbound: boolean;
  /** See `markOf`. */
  readonly mark: number;
}

export interface Wanted {
  readonly changes: readonly Change[];
  /** How many of them are new bindings. */
  readonly added: number;
  /** A flow is registered by RFC 5626. */
  readonly outbound: boolean;
}

/** Octets: nobody's contact is longer, and what a stranger can make us keep is bounded. */
const longestContact = 1000;
const longestCallId = 256;
const longestUserAgent = 100;

const starAmongOthers: Refused = { status: 400, reason: "Contact * Needs Expires 0 And No Other Contact" };
const tooMany: Refused = { status: 403, reason: "Too Many Contacts" };
const tooLong: Refused = { status: 400, reason: "Contact Too Long" };

/** The changes that the contacts of `asked` mean; all of them, or why none. */
export function readContacts(asked: Asked, limits: RegistrarLimits, domainOf: DomainOf): Wanted | Refused {
  const { request, bindings } = asked;
  const first = request.contact;
  if (first === undefined) return request.lines.find("contact") < 0 ? nothing : removeAll(asked);
  if (request.callId.length > longestCallId) return { status: 400, reason: "Call-ID Too Long" };
  const expires = readSeconds(request.header("expires"));
  if (request.lines.mayBeSeveral("contact")) {
    const values = request.values("contact");
    return values.includes("*") ? starAmongOthers : readSeveral(asked, values, expires, limits, domainOf);
  }
  // Nearly every REGISTER is for one contact.
  const change = readContact(asked, first, expires, limits, domainOf);
  if (change === "done") return nothing;
  if ("status" in change) return change;
  const outbound = change.regId > 0 && change.expires > 0 && asked.outbound;
  const added = change.binding === undefined && change.expires > 0 ? 1 : 0;
  if (bindings.length + added > limits.maxContacts && added > 0) return tooMany;
  return { changes: [change], added, outbound };
}

const nothing: Wanted = { changes: [], added: 0, outbound: false };

/** `Contact: *` (§10.2.2, §10.3 step 6). */
function removeAll({ request, bindings }: Asked): Wanted | Refused {
  if (request.values("contact").length > 1 || readSeconds(request.header("expires")) !== 0) return starAmongOthers;
  const { callId, cseq } = request;
  if (bindings.some((each) => each.isOf(callId) && each.cseq >= cseq.number)) return outOfOrder;
  return {
    changes: bindings.map((binding) => ({ ...removal, binding })),
    added: 0,
    outbound: false,
  };
}

const removal = {
  contact: "",
  params: "",
  callId: "",
  path: "",
  regId: 0,
  flow: "",
  userAgent: "",
  expires: 0,
  q: 1,
  natted: false,
  direct: false,
} as const;

/** §10.3 step 7: the update is aborted. */
const outOfOrder: Refused = { status: 500, reason: "CSeq Out Of Order" };

function readSeveral(
  asked: Asked,
  values: readonly string[],
  headerExpires: number | undefined,
  limits: RegistrarLimits,
  domainOf: DomainOf,
): Wanted | Refused {
  const changes: Change[] = [];
  /** The URIs of new contacts and their places among the changes, to find those that are named twice. */
  const added: { uri: Uri; at: number }[] = [];
  let count = asked.bindings.length;
  let standing = 0;
  let flows = 0;
  for (const value of values) {
    const contact = parseNameAddr(value);
    if (contact === undefined) return { status: 400, reason: "Malformed Contact" };
    const change = readContact(asked, contact, headerExpires, limits, domainOf);
    if (change === "done") continue;
    if ("status" in change) return change;
    const { expires, regId, binding } = change;
    if (expires > 0) standing++;
    if (expires > 0 && regId > 0) flows++;
    // Of contacts that are named twice, the last counts.
    if (binding !== undefined) {
      const earlier = changes.findIndex((other) => other.binding === binding);
      if (earlier < 0 || changes[earlier]?.expires !== 0) count -= expires === 0 ? 1 : 0;
      else count += expires === 0 ? 0 : 1;
      if (earlier >= 0) changes[earlier] = change;
      else changes.push(change);
      continue;
    }
    const earlier = added.find((other) => uriEquals(other.uri, contact.uri));
    if (earlier !== undefined) changes[earlier.at] = change;
    else if (expires > 0) {
      if (++count > limits.maxContacts) return tooMany;
      added.push({ uri: contact.uri, at: changes.length });
      changes.push(change);
    }
  }
  if (flows > 0 && standing > 1) return { status: 400, reason: "One Contact For Each Flow" };
  return { changes, added: added.length, outbound: flows > 0 && asked.outbound };
}

/** What one contact means; "done" when this very request has done it before. */
function readContact(
  asked: Asked,
  contact: NameAddr,
  headerExpires: number | undefined,
  limits: RegistrarLimits,
  domainOf: DomainOf,
): Change | Refused | "done" {
  const { uri, uriText, params: said } = contact;
  const { request, flow, path, direct } = asked;
  const params = said.size === 0 ? "" : keptParams(said);
  if (uriText.length + params.length > longestContact) return tooLong;
  // §10.3 step 7: the contact's own word, that of the request, or ours. A malformed one is none.
  const own = said.size === 0 ? undefined : readSeconds(said.get("expires"));
  const expires = Math.min(own ?? headerExpires ?? limits.defaultExpires, limits.maxExpires);
  if (expires > 0 && expires < limits.minExpires)
    return { status: 423, headers: [["Min-Expires", String(limits.minExpires)]] };
  const instance = said.size === 0 ? undefined : instanceIn(said);
  let regId = instance === undefined ? 0 : regIdOf(contact);
  if (regId > 0 && !isFirstHopOutbound(asked)) {
    if (asked.outbound) return { status: 439 };
    regId = 0;
  }
  if (expires > 0 && (isSipUri(uri) ? loops(asked, uri, domainOf) : instance !== undefined))
    return { status: 403, reason: "Contact Is No Place Of A Device" };
  const binding = find(asked.bindings, uri, uriText, instance, regId);
  if (binding?.isOf(request.callId) === true) {
    const { number } = request.cseq;
    if (number < binding.cseq || (number === binding.cseq && asked.mark !== binding.mark)) return outOfOrder;
    // The same request once more, after its transaction was forgotten.
    if (number === binding.cseq) return "done";
  }
  return {
    contact: uriText,
    params,
    callId: request.callId,
    path,
    regId,
    flow: formatFlow(flow),
    userAgent: (request.header("user-agent") ?? "").slice(0, longestUserAgent),
    expires,
    q: readQ(contact),
    natted: isNatted(asked, uri),
    direct: direct && path === "",
    binding,
  };
}

/** Would a request for the contact come back to the same address-of-record (RFC 5627 §5.1)? */
function loops({ aor, domain }: Asked, uri: SipUri, domainOf: DomainOf): boolean {
  return uri.port === undefined && domainOf(uri.host, uri.port) === domain && aorOf(uri, domain) === aor;
}

function find(
  bindings: readonly Binding[],
  uri: Uri,
  text: string,
  instance: string | undefined,
  regId: number,
): Binding | undefined {
  if (bindings.length === 0) return undefined;
  // RFC 5626 §6: a flow is bound by its instance and number, whatever its URI.
  if (regId > 0) return bindings.find((each) => each.regId === regId && each.instance === instance);
  const [first] = bindings;
  if (first !== undefined && first.regId === undefined && first.isAt(text)) return first;
  const same = bindings.find((each) => each.isAt(text) && each.regId === undefined);
  if (same !== undefined) return same;
  return bindings.find((each) => {
    if (each.regId !== undefined) return false;
    const other = parseUri(each.contact);
    return other !== undefined && uriEquals(other, uri);
  });
}

const notKept = ["expires", "q", "pub-gruu", "temp-gruu"];

function keptParams(params: Params): string {
  if (!notKept.some((name) => params.has(name))) return params.toString();
  const kept = params.clone();
  for (const name of notKept) kept.delete(name);
  return kept.toString();
}

function regIdOf({ params }: NameAddr): number {
  const text = params.get("reg-id");
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
}

/** RFC 5626 §6: the client's first hop is us, or an edge proxy that has said that it keeps the flow. */
function isFirstHopOutbound({ direct, path }: Asked): boolean {
  return path === "" ? direct : /;\s*ob\s*(?:[;>=]|$)/i.test(path);
}

/** 0 to 1; what is no such number means 1. */
function readQ({ params }: NameAddr): number {
  const text = params.size === 0 ? undefined : params.get("q");
  if (text === undefined || !/^(?:0?\.\d{1,3}|0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text)) return 1;
  return Number(text);
}

/** Delta-seconds; undefined for what is none. */
export function readSeconds(text: string | undefined): number | undefined {
  if (text === undefined || text === "" || text.length > 20) return undefined;
  let seconds = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    seconds = Math.min(seconds * 10 + digit, 2 ** 32 - 1);
  }
  return seconds;
}

/**
 * Is a client not to be looked for where its contact says? Of a datagram that came straight from it: not where it came
 * from. Of what came by another proxy: at an address of an inner network, said from outside of it. Such an address would be
 * one of ours, and nobody outside is to reach that by registering it.
 */
function isNatted({ flow, direct, path, request }: Asked, uri: Uri): boolean {
  if (path !== "" || !isSipUri(uri)) return false;
  const { remote } = flow;
  const host = (uri.params.size === 0 ? undefined : uri.params.get("maddr")) ?? uri.host;
  if (!direct) return leadsInside(host, remote.host);
  if (flow.transport !== "udp") return false;
  if (host === remote.host) {
    // A client that sends from one port, listens at another and does not ask for `rport`, as it may.
    return (uri.port ?? 5060) !== remote.port && request.asksForRport;
  }
  if (host.includes(":")) return canonicalHost(host) !== canonicalHost(remote.host);
  return isIPv4(host) || host.toLowerCase().endsWith(".invalid");
}

/** Is `host` an address of an inner network, or of this machine, while `source` is outside? */
export function leadsInside(host: string, source: string): boolean {
  return isInner(host) && !isInner(source);
}

function isInner(host: string): boolean {
  const address = socketHost(host);
  return isPrivate(address) || isLoopback(address);
}

/** A hash (FNV-1a) of the branch, by which a REGISTER that comes again is told from another of the same number. */
export function markOf(request: Request): number {
  const branch = request.branch ?? "";
  let hash = 0x811c9dc5;
  for (let at = 0; at < branch.length; at++) hash = Math.imul(hash ^ branch.charCodeAt(at), 0x01000193);
  return hash | 0;
}
