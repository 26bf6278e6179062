/**
 * The pass that a Record-Route of ours is (RFC 3261 §16.4, §16.6 steps 4 and 6, RFC 5658), and the Path of registrations that
 * go through us (RFC 3327, with the flow token of RFC 5626 §5.2).
 *
 * A request that is to go where its Route headers say is relayed only with a genuine pass: the user part of our URI
 * carries a MAC over the Call-ID, so that no stranger can send through us, and so that nothing has to be remembered.
 */

import type { Flow } from "../sip/flow.ts";
import { formatHost } from "../sip/host.ts";
import type { Request, Response } from "../sip/message.ts";
import { type NameAddr, parseNameAddr } from "../sip/name-addr.ts";
import { endOfElement, trimLws } from "../sip/text.ts";
import { isSipUri } from "../sip/uri.ts";
import { parseVia } from "../sip/via.ts";
import { linkOf, parseLink } from "./link.ts";
import { Mac, macLength } from "./mac.ts";
import type { FlowRef, Ways } from "./ways.ts";

/** What later requests of a dialog need to be told of how its first one was forwarded. */
export interface Mark {
  /** Which proxy forwards them. */
  readonly mode: "stateless" | "stateful";
  /** Media is relayed. */
  readonly nat: boolean;
  /** Media is converted. */
  readonly converted?: boolean | undefined;
  /** Contacts are rewritten (stateless proxy). */
  readonly contact?: boolean | "force" | undefined;
}

/** What the Route (or, behind a strict router, the Request-URI) of a request says of us. */
export type Passage =
  /** Not for us: its Route headers lead elsewhere, or there are none. */
  | { readonly own: false }
  | {
      readonly own: true;
      /** In a dialog, and made by us for its Call-ID; or a Path of ours. Else nobody allowed it to go where its Route says: 403. */
      readonly genuine: boolean;
      /** How many Route values, from the top, are ours and to be removed. */
      readonly values: number;
      readonly mark: Mark;
      /** Where a Path of ours leads: on this flow, and nowhere else. */
      readonly flow: FlowRef | undefined;
      /** The previous hop was a strict router: the last Route value is the Request-URI. */
      readonly strict: boolean;
    };

export interface RecordRouteOptions {
  /** Kept in the store, so that passes hold over a restart. */
  secret: Uint8Array;
  ways: Pick<Ways, "viaFor">;
  /** Whether an address is one that we listen on, or announce. */
  isOwn(host: string, port: number | undefined): boolean;
}

/** The user of a value that begins as ours do, `<sip:user@`, without a look at what follows. */
function plainUser(value: string): string | undefined {
  if (!value.startsWith("<sip:")) return undefined;
  const at = value.indexOf("@");
  return at < 0 || at > longestPass + 5 ? undefined : value.slice(5, at);
}

/** Could the Request-URI be one of ours, as a strict router before us makes it? */
function isOurs(target: Request["target"]): boolean {
  return target !== undefined && isSipUri(target) && target.user !== undefined && looksGenuine(target.user);
}

/** Letters of what is marked, at most, the dot and the MAC. */
const longestPass = 8 + 1 + macLength;

function looksGenuine(user: string): boolean {
  const dot = user.length - macLength - 1;
  return dot >= 1 && user.length <= longestPass && user.charCodeAt(dot) === 0x2e;
}

type Source = Pick<Flow, "id" | "transport" | "remote">;

const elsewhere: Passage = { own: false };
const noMark: Mark = { mode: "stateless", nat: false };

export class RecordRoute {
  readonly #mac: Mac;
  readonly #pathMac: Mac;
  readonly #ways: RecordRouteOptions["ways"];
  readonly #isOwn: RecordRouteOptions["isOwn"];
  #lastRequest: Request | undefined;
  #lastFlow: Source | undefined;
  #last: Passage = elsewhere;

  constructor({ secret, ways, isOwn }: RecordRouteOptions) {
    this.#mac = new Mac(secret, "record-route");
    this.#pathMac = new Mac(secret, "path");
    this.#ways = ways;
    this.#isOwn = isOwn;
  }

  /**
   * The Record-Route values for a request that goes from one flow to another, topmost first: one, or two where the peers
   * reach us by different addresses (RFC 5658).
   */
  values(request: Request, from: Flow, to: Flow, mark: Mark): readonly string[] {
    const secure = asksForSips(request);
    const scheme = secure ? "sips" : "sip";
    const outer = this.#address(to, secure);
    if (this.#isOneAddress(from, to)) {
      const pass = this.#pass(flags(mark, false), request.callId);
      return [`<${scheme}:${pass}@${outer};lr>`];
    }
    const inner = this.#address(from, secure);
    const pass = this.#pass(flags(mark, outer !== inner), request.callId);
    const top = `<${scheme}:${pass}@${outer};lr>`;
    return outer === inner ? [top] : [top, `<${scheme}:${pass}@${inner};lr>`];
  }

  /**
   * The Path value for a REGISTER that came on `from` and goes to `to` (RFC 3327 §5.2): requests that come back with it
   * go down `from`. `first`: nobody was before us, so that the client's flow is ours to keep (RFC 5626 §5.1).
   */
  path(request: Request, from: Flow, to: Flow, mark: Mark, first: boolean): string {
    const secure = asksForSips(request);
    const token = `${flags(mark, false)}.${linkOf(from)}`;
    const outbound = first ? ";ob" : "";
    const user = `p${token}.${this.#pathMac.of(token)}`;
    return `<${secure ? "sips" : "sip"}:${user}@${this.#address(to, secure)};lr${outbound}>`;
  }

  /** What a request's Route says of us. `flow`, where it came from: a client cannot use its own Path to send elsewhere. */
  read(request: Request, flow?: Source): Passage {
    if (request.lines.find("route") < 0) return elsewhere;
    // Who decides where a request goes and who sends it there both ask, one after the other.
    if (this.#lastRequest !== request || this.#lastFlow !== flow) {
      this.#last = this.#read(request, flow);
      this.#lastRequest = request;
      this.#lastFlow = flow;
    }
    return this.#last;
  }

  #read(request: Request, flow: Source | undefined): Passage {
    const { lines } = request;
    const line = lines.find("route");
    const list = lines.value(line);
    const { target } = request;
    const plain = plainUser(list);
    if (plain !== undefined && !isPair(plain) && !isOurs(target)) {
      const mark = this.#genuine(plain, request.callId);
      if (mark !== undefined)
        return { own: true, genuine: isInDialog(request), values: 1, mark, flow: undefined, strict: false };
    }
    const end = endOfElement(list, 0);
    const top = parseRoute(end === list.length ? list : list.slice(0, end));
    const second = () =>
      end < list.length ? parseRoute(elementAt(list, end + 1)) : parseRoute(firstElement(request, line));
    // RFC 3261 §16.4: a strict router before us made our URI the Request-URI.
    if (target !== undefined && isSipUri(target) && target.user !== undefined) {
      const mark = this.#genuine(target.user, request.callId);
      if (mark !== undefined) {
        const pair = isPair(target.user) && userOf(top) === target.user;
        return {
          own: true,
          genuine: isInDialog(request),
          values: pair ? 1 : 0,
          mark,
          flow: undefined,
          strict: true,
        };
      }
    }
    if (top === undefined || !isSipUri(top.uri)) return elsewhere;
    const { user, host, port } = top.uri;
    if (user !== undefined) {
      const mark = this.#genuine(user, request.callId);
      if (mark !== undefined) {
        const values = isPair(user) && userOf(second()) === user ? 2 : 1;
        return { own: true, genuine: isInDialog(request), values, mark, flow: undefined, strict: false };
      }
      const path = this.#readPath(user);
      if (path !== undefined)
        return {
          own: true,
          genuine: flow === undefined || !isSame(path.flow, flow),
          values: 1,
          ...path,
          strict: false,
        };
    }
    if (!this.#isOwn(host, port)) return elsewhere;
    return { own: true, genuine: false, values: 1, mark: noMark, flow: undefined, strict: false };
  }

  /** Whether nobody stands between us and who sent this response, as far as its Record-Route tells. */
  isTop(response: Response): boolean {
    const { lines, callId } = response;
    const line = lines.find("record-route");
    if (line < 0) return true;
    const isOurs = (user: string | undefined) => user !== undefined && this.#genuine(user, callId) !== undefined;
    if (!isOurs(userOf(parseRoute(elementAt(lines.value(line), 0))))) return false;
    // A request that came to us again, by way of somebody else, has more passes than the response has Vias of ours left.
    const users = response.values("record-route").map((value) => userOf(parseRoute(value)));
    const passes = users.filter((user, at) => user !== users[at - 1] && isOurs(user)).length;
    if (passes === 1) return true;
    const vias = response.values("via").map(parseVia);
    return passes <= vias.filter((via) => via !== undefined && this.#isOwn(via.host, via.port)).length;
  }

  #pass(text: string, callId: string): string {
    return `${text}.${this.#mac.of(`${text}\n${callId}`)}`;
  }

  /** What a user part says, if it is a pass that we made for this Call-ID. */
  #genuine(user: string, callId: string): Mark | undefined {
    if (!looksGenuine(user)) return undefined;
    const dot = user.length - macLength - 1;
    const text = user.slice(0, dot);
    return this.#mac.matches(`${text}\n${callId}`, user.slice(dot + 1)) ? readFlags(text) : undefined;
  }

  #readPath(user: string): { mark: Mark; flow: FlowRef } | undefined {
    const dot = user.length - macLength - 1;
    if (user.charCodeAt(0) !== 0x70 || dot < 1 || user.charCodeAt(dot) !== 0x2e) return undefined;
    const token = user.slice(1, dot);
    if (!this.#pathMac.matches(token, user.slice(dot + 1))) return undefined;
    const flow = parseLink(token.slice(token.indexOf(".") + 1));
    return flow && { mark: readFlags(token.slice(0, token.indexOf("."))), flow };
  }

  #isOneAddress(from: Flow, to: Flow): boolean {
    if (from.transport !== to.transport) return false;
    const { host, port } = this.#ways.viaFor(from);
    const other = this.#ways.viaFor(to);
    return host === other.host && port === other.port;
  }

  /** Where the peer of a flow reaches us: `host:port`, with the parameter that names the transport. */
  #address(flow: Flow, secure: boolean): string {
    const { host, port } = this.#ways.viaFor(flow);
    const { transport } = flow;
    // A sips URI asks for TLS by its scheme, RFC 7118 §5.5 names both WebSocket transports alike.
    const name = transport === "wss" ? "ws" : transport === "tls" && secure ? "udp" : transport;
    return `${formatHost(host)}:${port}${name === "udp" ? "" : `;transport=${name}`}`;
  }
}

/** How a request goes on: its Request-URI, its Route values, and the URI that says where to send it. */
export interface Course {
  readonly uri: string;
  readonly routes: readonly string[];
  readonly hop: string;
}

const noRoutes: readonly string[] = [];

/** The Request-URI and Route values of a request once what is ours is taken away (RFC 3261 §16.4). */
export function withoutPassage(request: Request, passage: Passage): { uri: string; routes: readonly string[] } {
  if (passage.own && !passage.strict && passage.values === 1 && !request.lines.mayBeSeveral("route"))
    return { uri: request.uri, routes: noRoutes };
  const all = request.values("route");
  if (!passage.own) return { uri: request.uri, routes: all };
  if (!passage.strict) return { uri: request.uri, routes: all.slice(passage.values) };
  const last = parseNameAddr(all.at(-1) ?? "");
  return { uri: last?.uriText ?? request.uri, routes: all.slice(passage.values, -1) };
}

/**
 * Where a request goes whose Request-URI and Route values are these (RFC 3261 §16.6 steps 6 and 7): to the topmost Route,
 * else to the Request-URI. A strict router, whose URI has no `lr`, gets its own URI as Request-URI and the real one as
 * the last Route. Undefined when the topmost Route cannot be read.
 */
export function courseOf(uri: string, routes: readonly string[]): Course | undefined {
  const [first] = routes;
  if (first === undefined) return { uri, routes, hop: uri };
  const top = parseNameAddr(first);
  if (top === undefined || !isSipUri(top.uri)) return undefined;
  if (top.uri.params.has("lr")) return { uri, routes, hop: top.uriText };
  return { uri: top.uriText, routes: [...routes.slice(1), `<${uri}>`], hop: top.uriText };
}

/**
 * Within a dialog there is a To tag (RFC 3261 §12.2.1.1), and who gets a request with a tag that he never gave answers 481.
 * A pass that let new requests through would let whoever has made one call make others to anywhere.
 */
function isInDialog(request: Request): boolean {
  return request.to.tag !== undefined;
}

function asksForSips(request: Request): boolean {
  return request.uri.length > 5 && request.uri.charCodeAt(4) === 0x3a && /^sips:/i.test(request.uri);
}

/** `s` or `f` for the mode, then what is asked for. */
function flags({ mode, nat, converted, contact }: Mark, pair: boolean): string {
  if (!nat && !converted && !contact && !pair) return mode === "stateful" ? "f" : "s";
  return `${mode === "stateful" ? "f" : "s"}${nat ? "n" : ""}${converted ? "m" : ""}${contact === "force" ? "C" : contact ? "c" : ""}${pair ? "2" : ""}`;
}

function readFlags(text: string): Mark {
  if (text === "f") return plainStateful;
  return {
    mode: text.startsWith("f") ? "stateful" : "stateless",
    nat: text.includes("n"),
    ...(text.includes("m") && { converted: true }),
    contact: text.includes("C") ? "force" : text.includes("c"),
  };
}

const plainStateful: Mark = { mode: "stateful", nat: false, contact: false };

function isPair(pass: string): boolean {
  return pass.charCodeAt(pass.length - macLength - 2) === 0x32;
}

function isSame(ref: FlowRef, { id, transport, remote }: Source): boolean {
  if (ref.transport !== transport) return false;
  return transport === "udp" ? ref.remote.host === remote.host && ref.remote.port === remote.port : ref.id === id;
}

function parseRoute(value: string | undefined): NameAddr | undefined {
  return value === undefined ? undefined : parseNameAddr(value);
}

function userOf(route: NameAddr | undefined): string | undefined {
  return route !== undefined && isSipUri(route.uri) ? route.uri.user : undefined;
}

/** The list element that starts at `from`. */
function elementAt(list: string, from: number): string {
  return trimLws(list.slice(from, endOfElement(list, from)));
}

/** The first element of the next Route line. */
function firstElement(request: Request, after: number): string | undefined {
  const line = request.lines.find("route", after);
  return line < 0 ? undefined : elementAt(request.lines.value(line), 0);
}
