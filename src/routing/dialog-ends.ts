/**
 * Both ends of a dialog as a proxy on its way knows them: what it takes to say BYE to each, in the other's name, where the media
 * has ended and neither of them will (RFC 3261 §12.2.1.1 builds requests of just this).
 */
import type { Flow } from "../sip/flow.ts";
import type { HeaderList } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import type { Message, Request, Response } from "../sip/request-response.ts";
import { isSipUri } from "../sip/uri.ts";

/** A BYE without the Via that whoever sends it puts on top. */
export interface Bye {
  readonly uri: string;
  readonly headers: HeaderList;
  readonly flow: Flow;
}

interface End {
  /** Its From or To, tag included. */
  name: string;
  /** The URI of its Contact. */
  contact: string;
  /** Of its last request. */
  cseq: number;
  /** Proxies between us and it, the nearest first. */
  routes: readonly string[];
  /** By which it reached us. */
  flow: Flow;
}

export class DialogEnds {
  readonly #callId: string;
  readonly #isOwn: (host: string, port: number | undefined) => boolean;
  readonly #a: End;
  #b: End | undefined;

  constructor(invite: Request, flow: Flow, isOwn: (host: string, port: number | undefined) => boolean) {
    this.#callId = invite.callId;
    this.#isOwn = isOwn;
    const { number } = invite.cseq;
    this.#a = { name: invite.header("from") ?? "", contact: contactOf(invite) ?? "", cseq: number, routes: [], flow };
  }

  /** A 2xx to the INVITE; of several the first counts. */
  answered(response: Response, flow: Flow): void {
    if (this.#b !== undefined) return;
    const routes = response.values("record-route");
    const own = routes.map((route) => this.#isOurs(route));
    this.#b = {
      name: response.header("to") ?? "",
      contact: contactOf(response) ?? "",
      cseq: 0,
      routes: routes.slice(0, Math.max(0, own.indexOf(true))).reverse(),
      flow,
    };
    this.#a.routes = routes.slice(own.lastIndexOf(true) + 1);
  }

  /** A request within the dialog. */
  passes(request: Request, by: "a" | "b", flow: Flow): void {
    const end = by === "a" ? this.#a : this.#b;
    if (end === undefined) return;
    if (request.method !== "ACK") end.cseq = Math.max(end.cseq, request.cseq.number);
    end.flow = flow;
    if (request.method === "INVITE" || request.method === "UPDATE") end.contact = contactOf(request) ?? end.contact;
  }

  /** @param why a Reason (RFC 3326) */
  byes(why: string): Bye[] {
    const a = this.#a;
    const b = this.#b;
    if (b === undefined) return [];
    return [this.#bye(a, b, why), this.#bye(b, a, why)].filter(({ uri }) => uri !== "");
  }

  #bye(from: End, to: End, why: string): Bye {
    return {
      uri: to.contact,
      flow: to.flow,
      headers: [
        ["Max-Forwards", "70"],
        ...to.routes.map((route) => ["Route", route] as const),
        ["From", from.name],
        ["To", to.name],
        ["Call-ID", this.#callId],
        ["CSeq", `${from.cseq + 1} BYE`],
        ["Reason", why],
      ],
    };
  }

  #isOurs(route: string): boolean {
    const uri = parseNameAddr(route)?.uri;
    return uri !== undefined && isSipUri(uri) && this.#isOwn(uri.host, uri.port);
  }
}

function contactOf(message: Message): string | undefined {
  const [first] = message.values("contact");
  return first === undefined ? undefined : parseNameAddr(first)?.uriText;
}
