/** Dialogs of RFC 3261 §12: how two user agents find each other again, and the order of their requests. */
import { MalformedHeader } from "./errors.ts";
import { buildRequest, type HeaderList, type Message, Request, type Response } from "./message.ts";
import { type NameAddr, parseNameAddr } from "./name-addr.ts";
import { formatUri, isSipUri, type Uri } from "./uri.ts";

/** The dialog ID (RFC 3261 §12) as one string. Tags are compared without regard to case (§7.3.1), a Call-ID is not. */
export function dialogKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId}\n${localTag.toLowerCase()}\n${remoteTag.toLowerCase()}`;
}

/** The key of the dialog that a received request belongs to; undefined for a request outside of any dialog. */
export function dialogKeyOf(request: Request): string | undefined {
  const localTag = request.to.tag;
  return localTag === undefined ? undefined : dialogKey(request.callId, localTag, request.from.tag ?? "");
}

export type DialogState = "early" | "confirmed" | "terminated";

/** Why a request cannot make a dialog, or cannot be taken by one: the response to give. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
}

export interface InDialogParts {
  /** The value of the Via header field, with a fresh branch. */
  via: string;
  /** The value of the Contact header field; needed in target refresh requests. */
  contact?: string | undefined;
  headers?: HeaderList | undefined;
  body?: Uint8Array | undefined;
}

/** Requests that tell the peer's new Contact (§12.2, RFC 3311 §5.1, RFC 6665 §4.4, RFC 3515 §2.4.3). */
const targetRefresh = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"]);

/** Record-Route values in the order of sending, and the URI of the first, which decides how they are used. */
interface RouteSet {
  readonly values: readonly string[];
  readonly first: Uri | undefined;
}

interface Target {
  readonly uri: Uri;
  /** As it stands in a Request-URI. */
  readonly text: string;
}

interface Parts {
  callId: string;
  localTag: string;
  remoteTag: string;
  localId: string;
  remoteId: string;
  secure: boolean;
  localSequence: number | undefined;
  remoteSequence: number | undefined;
  target: Target;
  routes: RouteSet;
  confirmed: boolean;
}

export class Dialog {
  readonly callId: string;
  readonly localTag: string;
  /** Empty when the peer speaks RFC 2543 and has none. */
  readonly remoteTag: string;
  readonly key: string;
  /** The From and To values of what we send: with tags, and otherwise as the dialog began (§12.2.1.1). */
  readonly localId: string;
  readonly remoteId: string;
  /** Set up with a sips URI over TLS: our Contacts must be sips URIs. */
  readonly secure: boolean;
  #state: DialogState;
  #localSequence: number | undefined;
  #remoteSequence: number | undefined;
  #target: Target;
  #routes: RouteSet;

  private constructor(parts: Parts) {
    this.callId = parts.callId;
    this.localTag = parts.localTag;
    this.remoteTag = parts.remoteTag;
    this.key = dialogKey(parts.callId, parts.localTag, parts.remoteTag);
    this.localId = parts.localId;
    this.remoteId = parts.remoteId;
    this.secure = parts.secure;
    this.#localSequence = parts.localSequence;
    this.#remoteSequence = parts.remoteSequence;
    this.#target = parts.target;
    this.#routes = parts.routes;
    this.#state = parts.confirmed ? "confirmed" : "early";
  }

  /**
   * UAS (§12.1.1): the dialog that our response with `localTag` to this request makes; early until `confirm`.
   * Copy the Record-Routes into that response (`copyRecordRoute`). `tls`: whether the request came over TLS.
   */
  static fromRequest(
    request: Request,
    options: { localTag: string; tls: boolean; confirmed?: boolean },
  ): Dialog | Refusal {
    const contact = contactOf(request) ?? callerOfRfc2543(request);
    if (contact === undefined) return { status: 400, reason: "Missing Contact" };
    const routes = routeSet(request.values("record-route"));
    if (routes === undefined) return { status: 400, reason: "Malformed Record-Route" };
    const localTag = request.to.tag ?? options.localTag;
    const to = request.header("to") ?? "";
    return new Dialog({
      callId: request.callId,
      localTag,
      remoteTag: request.from.tag ?? "",
      localId: request.to.tag === undefined ? `${to};tag=${localTag}` : to,
      remoteId: request.header("from") ?? "",
      secure: options.tls && request.target?.scheme === "sips",
      localSequence: undefined,
      remoteSequence: request.cseq.number,
      target: targetOf(contact),
      routes,
      confirmed: options.confirmed ?? false,
    });
  }

  /**
   * UAC (§12.1.2): the dialog that this response to our request makes; undefined when it makes none: 100, 3xx to 6xx,
   * a 1xx without a To tag, a malformed Record-Route. A forked request gets several, one for each To tag.
   */
  static fromResponse(request: Request, response: Response, options: { tls: boolean }): Dialog | undefined {
    const { status } = response;
    const remoteTag = response.to.tag;
    if (status === 100 || status >= 300 || (status < 200 && remoteTag === undefined)) return undefined;
    const routes = routeSet(response.values("record-route").toReversed());
    if (routes === undefined) return undefined;
    const contact = contactOf(response);
    const target = contact !== undefined ? targetOf(contact) : calledTarget(request);
    if (target === undefined) return undefined;
    return new Dialog({
      callId: request.callId,
      localTag: request.from.tag ?? "",
      remoteTag: remoteTag ?? "",
      localId: request.header("from") ?? "",
      remoteId: response.header("to") ?? "",
      secure: options.tls && request.target?.scheme === "sips",
      localSequence: request.cseq.number,
      remoteSequence: undefined,
      target,
      routes,
      confirmed: status >= 200,
    });
  }

  get state(): DialogState {
    return this.#state;
  }

  /** The number of our last request but ACK and CANCEL; undefined before the first. */
  get localSequence(): number | undefined {
    return this.#localSequence;
  }

  get remoteSequence(): number | undefined {
    return this.#remoteSequence;
  }

  get remoteTarget(): Uri {
    return this.#target.uri;
  }

  /** The Route header field values of our requests, in order, for loose routers. */
  get routeSet(): readonly string[] {
    return this.#routes.values;
  }

  /** A request of the next sequence number (§12.2.1.1); for ACK use `ack`. @throws InvalidHeaderValue */
  request(method: string, parts: InDialogParts): Request {
    this.#localSequence = (this.#localSequence ?? 0) + 1;
    return this.#build(method, this.#localSequence, parts);
  }

  /** The ACK for a 2xx to the INVITE numbered `sequence` (§13.2.2.4). @throws InvalidHeaderValue */
  ack(sequence: number, parts: InDialogParts): Request {
    return this.#build("ACK", sequence, parts);
  }

  /** The Request-URI of our requests: the remote target's, or a strict router's (§12.2.1.1). */
  get requestUri(): string {
    const { first } = this.#routes;
    return first !== undefined && isStrict(first) ? requestUri(first) : this.#target.text;
  }

  /** Where our requests are to be sent: to the first route, or to the remote target (§8.1.2). */
  nextHop(): Uri {
    return this.#routes.first ?? this.#target.uri;
  }

  /**
   * Checks a request in this dialog for its order, and notes it (§12.2.2). A gap is in order, and so is an equal number.
   * Does not change the target: `refreshTarget` when the request is accepted.
   */
  receive(request: Request): "ok" | Refusal {
    if (this.#state === "terminated") return { status: 481, reason: "Call/Transaction Does Not Exist" };
    const { method } = request;
    if (method === "ACK" || method === "CANCEL") return "ok";
    const sequence = request.cseq.number;
    if (this.#remoteSequence !== undefined && sequence < this.#remoteSequence)
      return { status: 500, reason: "CSeq Out of Order" };
    this.#remoteSequence = sequence;
    return "ok";
  }

  /**
   * Takes over the peer's new Contact from its target refresh request, once that has been answered with 2xx, or from its
   * 2xx to ours (§12.2.1.2, §12.2.2). Other messages change nothing.
   */
  refreshTarget(message: Request | Response): void {
    if (!targetRefresh.has(message.cseq.method)) return;
    if (!(message instanceof Request) && (message.status < 200 || message.status > 299)) return;
    const contact = contactOf(message);
    if (contact !== undefined) this.#target = targetOf(contact);
  }

  /** Early to confirmed. A UAC passes the 2xx: its route set and Contact are the ones that count (§13.2.2.4). */
  confirm(response?: Response): void {
    if (this.#state !== "early") return;
    this.#state = "confirmed";
    if (response === undefined) return;
    this.#routes = routeSet(response.values("record-route").toReversed()) ?? this.#routes;
    this.refreshTarget(response);
  }

  terminate(): void {
    this.#state = "terminated";
  }

  #build(method: string, sequence: number, parts: InDialogParts): Request {
    const { values, first } = this.#routes;
    const headers: (readonly [name: string, value: string])[] = [
      ["Via", parts.via],
      ["Max-Forwards", "70"],
    ];
    const uri = this.requestUri;
    if (first !== undefined && isStrict(first)) {
      for (let at = 1; at < values.length; at++) headers.push(["Route", values[at] ?? ""]);
      headers.push(["Route", `<${this.#target.text}>`]);
    } else {
      for (const value of values) headers.push(["Route", value]);
    }
    headers.push(
      ["From", this.localId],
      ["To", this.remoteId],
      ["Call-ID", this.callId],
      ["CSeq", `${sequence} ${method}`],
    );
    if (parts.contact !== undefined) headers.push(["Contact", parts.contact]);
    if (parts.headers !== undefined) headers.push(...parts.headers);
    return buildRequest({ method, uri, headers, body: parts.body });
  }
}

/** A strict router, of RFC 2543, expects its own URI in the Request-URI (§12.2.1.1). */
function isStrict(route: Uri): boolean {
  return !(isSipUri(route) && route.params.has("lr"));
}

/** The text of a URI without what may not stand in a Request-URI: headers and the method parameter (§19.1.1). */
function requestUri(uri: Uri): string {
  if (!isSipUri(uri)) return formatUri(uri);
  const { headers: _, ...rest } = uri;
  return formatUri(uri.params.has("method") ? { ...rest, params: uri.params.clone().delete("method") } : rest);
}

function targetOf(contact: NameAddr): Target {
  const { uri, uriText } = contact;
  const plain = !isSipUri(uri) || (uri.headers === undefined && !uri.params.has("method"));
  return { uri, text: plain ? uriText : requestUri(uri) };
}

/** A response without its Contact (§12.1.1 demands it) leaves only the address that was called. */
function calledTarget(request: Request): Target | undefined {
  const uri = request.target;
  return uri && { uri, text: request.uri };
}

/** The first Contact; undefined where there is none or it is malformed (`Message.contact` would throw). */
function contactOf(message: Message): NameAddr | undefined {
  try {
    return message.contact;
  } catch (error) {
    if (error instanceof MalformedHeader) return undefined;
    throw error;
  }
}

/** RFC 2543 did not ask for a Contact, nor for a From tag: such a caller is reached at its From (RFC 4475 §3.4.1). */
function callerOfRfc2543(request: Request): NameAddr | undefined {
  return request.from.tag === undefined && request.header("contact") === undefined ? request.from : undefined;
}

function routeSet(values: readonly string[]): RouteSet | undefined {
  if (values.length === 0) return noRoutes;
  const first = parseNameAddr(values[0] ?? "");
  if (first === undefined || values.some((value) => parseNameAddr(value) === undefined)) return undefined;
  return { values, first: first.uri };
}

const noRoutes: RouteSet = { values: [], first: undefined };
