/**
 * Contacts rewritten on their way and back again, without a memory: the user part of the URI that stands for a Contact is
 * the Contact itself, encrypted and with a MAC, so that it shows nothing, that nobody else can make one, and that it holds
 * over restarts. The same Contact always gives the same URI; one of ours in a Contact is turned back, never wrapped again.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { isPrivate } from "../../ip.ts";
import type { Flow } from "../../sip/flow.ts";
import { canonicalHost, formatHost } from "../../sip/host.ts";
import type { Request, Response } from "../../sip/message.ts";
import { parseNameAddr } from "../../sip/name-addr.ts";
import type { Splice } from "../../sip/splice.ts";
import { quote, splitList } from "../../sip/text.ts";
import { isSipUri, parseUri } from "../../sip/uri.ts";
import { linkOf, parseLink } from "../link.ts";
import { derivedKey } from "../mac.ts";
import type { FlowRef, Ways } from "../ways.ts";
import { type Manner, mannerText, readManner } from "./branch.ts";

/** What a rewritten Contact stands for. */
export interface HiddenContact {
  /** The URI as it was sent. */
  readonly uri: string;
  /** Where it came from, when its own address does not lead there (NAT, a browser). */
  readonly flow: FlowRef | undefined;
  readonly manner: Manner;
}

/** Octets of the synthetic initialisation vector, which is the MAC as well (as in RFC 5297). */
const vectorLength = 12;
const prefix = "c-";

export class ContactRewriter {
  readonly #macKey: Uint8Array;
  readonly #key: Uint8Array;
  readonly #ways: Pick<Ways, "viaFor">;

  constructor(secret: Uint8Array, ways: Pick<Ways, "viaFor">) {
    this.#macKey = derivedKey(secret, "contact mac");
    this.#key = derivedKey(secret, "contact");
    this.#ways = ways;
  }

  /** What the user part of a URI stands for, if we made it. */
  read(user: string | undefined): HiddenContact | undefined {
    if (user === undefined || !user.startsWith(prefix)) return undefined;
    const text = this.#decrypt(user.slice(prefix.length));
    if (text === undefined) return undefined;
    const [flags = "", link = "", uri = ""] = text.split("\n");
    return { uri, flow: link === "" ? undefined : parseLink(link), manner: readManner(flags) };
  }

  /** Rewrites the Contacts of a message that came from one flow and goes to another. */
  rewrite(
    splice: Splice<Request> | Splice<Response>,
    message: Request | Response,
    from: Flow,
    to: Flow,
    manner: Manner,
  ): void {
    const address = this.#address(to);
    if (manner.contact !== "force" && address === this.#address(from)) return;
    const { lines } = message;
    for (let line = lines.find("contact"); line >= 0; line = lines.find("contact", line)) {
      // What no Contact can hold is left as it came.
      if (lines.value(line).includes("\0")) continue;
      const values = splitList(lines.value(line)).map((value) => this.#value(value, from, address, manner));
      splice.replace(line, `${lines.nameAsSent(line)}: ${values.join(", ")}`);
    }
  }

  #value(value: string, from: Flow, address: string, manner: Manner): string {
    const contact = value === "*" ? undefined : parseNameAddr(value);
    if (contact === undefined || !isSipUri(contact.uri)) return value;
    const hidden = this.read(contact.uri.user);
    const uri = hidden?.uri ?? this.#hide(contact.uriText, from, address, manner);
    const display = contact.display === "" ? "" : `${quote(contact.display)} `;
    return `${display}<${uri}>${contact.params}`;
  }

  #hide(uri: string, from: Flow, address: string, manner: Manner): string {
    const link = isElsewhere(uri, from, manner.nat) ? linkOf(from) : "";
    const scheme = /^sips:/i.test(uri) ? "sips" : "sip";
    return `${scheme}:${prefix}${this.#encrypt(`${mannerText(manner)}\n${link}\n${uri}`)}@${address}`;
  }

  #address(flow: Flow): string {
    const { host, port } = this.#ways.viaFor(flow);
    const { transport } = flow;
    const name = transport === "wss" ? "ws" : transport;
    return `${formatHost(host)}:${port}${name === "udp" ? "" : `;transport=${name}`}`;
  }

  #encrypt(text: string): string {
    const plain = Buffer.from(text, "latin1");
    const vector = this.#vector(plain);
    const cipher = createCipheriv("aes-256-ctr", this.#key, counter(vector));
    return Buffer.concat([vector, cipher.update(plain)]).toString("base64url");
  }

  #decrypt(text: string): string | undefined {
    const octets = Buffer.from(text, "base64url");
    if (octets.length <= vectorLength) return undefined;
    const vector = octets.subarray(0, vectorLength);
    const decipher = createDecipheriv("aes-256-ctr", this.#key, counter(vector));
    const plain = decipher.update(octets.subarray(vectorLength));
    return this.#vector(plain).equals(vector) ? plain.toString("latin1") : undefined;
  }

  #vector(plain: Uint8Array): Buffer {
    return Buffer.from(new Bun.CryptoHasher("sha256", this.#macKey).update(plain).digest().subarray(0, vectorLength));
  }
}

/** The first block of the cipher: the vector, and room to count from zero. */
function counter(vector: Uint8Array): Uint8Array {
  const block = new Uint8Array(16);
  block.set(vector);
  return block;
}

/** Does a Contact's address not lead to where it came from? A public one is believed, unless `nat` says otherwise. */
function isElsewhere(text: string, { remote }: Flow, nat: boolean): boolean {
  const uri = parseUri(text);
  if (uri === undefined || !isSipUri(uri)) return false;
  if (!nat && !isPrivate(uri.host) && !/\.invalid\.?$/i.test(uri.host)) return false;
  return canonicalHost(uri.host) !== canonicalHost(remote.host) || (uri.port ?? 5060) !== remote.port;
}
