/** The Contacts of a REGISTER as changes of bindings, and why some cannot be (RFC 3261 §10.3, RFC 5626 §6, RFC 5627 §5.1). */
import { isLoopback, isPrivate } from "../../ip.ts";
import type { Flow } from "../../sip/flow.ts";
import { canonicalHost, isIPv4 } from "../../sip/host.ts";
import type { Request } from "../../sip/message.ts";
import { type NameAddr, parseNameAddr } from "../../sip/name-addr.ts";
import { isSipUri, parseUri, type Uri, uriEquals } from "../../sip/uri.ts";
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
const tooLong: Refused = { status: 400, reason: "Contact Too Long" };

/** The changes that the contacts of `asked` mean; all of them, or why none. */
export function readContacts(asked: Asked, limits: RegistrarLimits, domainOf: DomainOf): Wanted | Refused {
  const { request } = asked;
  const first = request.contact;
  if (first === undefined) {
    if (request.header("contact") === undefined) return { changes: [], added: 0, outbound: false };
    return removeAll(asked);
  }
  if (request.callId.length > longestCallId) return { status: 400, reason: "Call-ID Too Long" };
  const contacts = contactsOf(request, first);
  if (contacts === undefined) return starAmongOthers;
  const reader = new ContactReader(asked, limits, domainOf);
  for (const contact of contacts) {
    const refused = reader.add(contact);
    if (refused !== undefined) return refused;
  }
  return reader.result();
}

/** Undefined when there is a `*` among others. */
function contactsOf(request: Request, first: NameAddr): readonly NameAddr[] | undefined {
  const { lines } = request;
  const line = lines.find("contact");
  if (lines.find("contact", line) < 0 && !lines.value(line).includes(",")) return [first];
  const contacts: NameAddr[] = [];
  for (const value of request.values("contact")) {
    const contact = value === "*" ? undefined : parseNameAddr(value);
    if (contact === undefined) return undefined;
    contacts.push(contact);
  }
  return contacts;
}

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

class ContactReader {
  readonly #asked: Asked;
  readonly #limits: RegistrarLimits;
  readonly #domainOf: DomainOf;
  readonly #changes: Change[] = [];
  /** The URIs of new contacts, to find those that are named twice. */
  readonly #added: { uri: Uri; at: number }[] = [];
  readonly #mark: number;
  readonly #expires: number | undefined;
  readonly #flow: string;
  readonly #userAgent: string;
  #count: number;
  #standing = 0;
  #flows = 0;

  constructor(asked: Asked, limits: RegistrarLimits, domainOf: DomainOf) {
    const { request, flow, bindings } = asked;
    this.#asked = asked;
    this.#limits = limits;
    this.#domainOf = domainOf;
    this.#mark = markOf(request);
    this.#expires = readSeconds(request.header("expires"));
    this.#flow = formatFlow(flow);
    this.#userAgent = (request.header("user-agent") ?? "").slice(0, longestUserAgent);
    this.#count = bindings.length;
  }

  add(contact: NameAddr): Refused | undefined {
    const { uri, uriText } = contact;
    const asked = this.#asked;
    const params = keptParams(contact);
    if (uriText.length + params.length > longestContact) return tooLong;
    const expires = this.#seconds(contact);
    if (typeof expires !== "number") return expires;
    const instance = instanceIn(contact.params);
    const flowId = instance === undefined ? 0 : regIdOf(contact);
    if (flowId > 0 && !isFirstHopOutbound(asked) && asked.outbound) return { status: 439 };
    const regId = flowId > 0 && isFirstHopOutbound(asked) ? flowId : 0;
    if (expires > 0) {
      const loops = isSipUri(uri) ? this.#loops(uri) : instance !== undefined;
      if (loops) return { status: 403, reason: "Contact Is No Place Of A Device" };
      this.#standing++;
      if (regId > 0) this.#flows++;
    }
    const binding = find(asked.bindings, uri, uriText, instance, regId);
    if (binding?.isOf(asked.request.callId) === true) {
      const { number } = asked.request.cseq;
      if (number < binding.cseq || (number === binding.cseq && this.#mark !== binding.mark)) return outOfOrder;
      // The same request once more, after its transaction was forgotten: it is done already.
      if (number === binding.cseq) return undefined;
    }
    const change: Change = {
      contact: uriText,
      params,
      callId: asked.request.callId,
      path: asked.path,
      regId,
      flow: this.#flow,
      userAgent: this.#userAgent,
      expires,
      q: readQ(contact),
      natted: isNatted(asked, uri),
      direct: asked.direct && asked.path === "",
      binding,
    };
    return this.#note(change, uri);
  }

  result(): Wanted | Refused {
    if (this.#flows > 0 && this.#standing > 1) return { status: 400, reason: "One Contact For Each Flow" };
    return { changes: this.#changes, added: this.#added.length, outbound: this.#flows > 0 && this.#asked.outbound };
  }

  /** Of contacts that are named twice, the last counts. */
  #note(change: Change, uri: Uri): Refused | undefined {
    const changes = this.#changes;
    if (change.binding !== undefined) {
      const earlier = changes.findIndex(({ binding }) => binding === change.binding);
      if (earlier < 0 || changes[earlier]?.expires !== 0) this.#count -= change.expires === 0 ? 1 : 0;
      else this.#count += change.expires === 0 ? 0 : 1;
      if (earlier >= 0) {
        changes[earlier] = change;
        return undefined;
      }
    } else {
      const earlier = this.#added.find((other) => uriEquals(other.uri, uri));
      if (earlier !== undefined) {
        changes[earlier.at] = change;
        return undefined;
      }
      if (change.expires === 0) return undefined;
      if (++this.#count > this.#limits.maxContacts) return { status: 403, reason: "Too Many Contacts" };
      this.#added.push({ uri, at: changes.length });
    }
    changes.push(change);
    return undefined;
  }

  /** §10.3 step 7: the contact's own word, that of the request, or ours. A malformed one is none. */
  #seconds({ params }: NameAddr): number | Refused {
    const { minExpires, maxExpires, defaultExpires } = this.#limits;
    const asked = (params.size === 0 ? undefined : readSeconds(params.get("expires"))) ?? this.#expires;
    const seconds = asked ?? defaultExpires;
    if (seconds > 0 && seconds < minExpires) return { status: 423, headers: [["Min-Expires", String(minExpires)]] };
    return Math.min(seconds, maxExpires);
  }

  /** Would a request for the contact come back to the same address-of-record (RFC 5627 §5.1)? */
  #loops(uri: Uri): boolean {
    if (!isSipUri(uri)) return false;
    const { aor, domain } = this.#asked;
    return uri.port === undefined && this.#domainOf(uri.host, uri.port) === domain && aorOf(uri, domain) === aor;
  }
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

function keptParams({ params }: NameAddr): string {
  if (params.size === 0) return "";
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
