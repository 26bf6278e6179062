/**
 * The branch of a request that is forwarded without state (RFC 3261 §16.11): computed from the request, so that its
 * retransmissions, its CANCEL and its ACK get the same one, and holding all that is needed to send the responses back.
 * Behind the magic cookie:
 *
 *     MAC of the rest   which transaction   way back                              loop mark
 *     16 hex digits     16 hex digits       manner-u5060~192.0.2.1~5080~192.0.2.9  .lp and 16 hex digits
 *
 * The MAC shows that we wrote it, and the way back is where a request came from: nobody can have us send anything to an
 * address that has not sent to us.
 */
import type { Address, Flow } from "../../sip/flow.ts";
import type { Request, Response } from "../../sip/message.ts";
import { magicCookie } from "../../sip/random.ts";
import { readNumber } from "../../sip/text.ts";
import { formatVia } from "../../sip/via.ts";
import { Hash64, hashLength } from "../hash64.ts";
import { loopMarkLength } from "../loop.ts";
import { derivedKey, Mac, macLength } from "../mac.ts";
import type { FlowRef } from "../ways.ts";

/** How a request was forwarded, as its responses need to know. */
export interface Manner {
  readonly nat: boolean;
  readonly contact: boolean | "force";
}

/** Where a response is to go. */
export interface WayBack {
  readonly manner: Manner;
  /** It went on by a Route of somebody else's. */
  readonly routed: boolean;
  /** The flow on which the request came; UDP's goes to where its Via asks for. */
  readonly flow: FlowRef;
  /** Where to connect to when a stream is gone (RFC 3261 §18.2.2). */
  readonly sentBy: Address;
}

const ordinary: Manner = { nat: false, contact: false };

/** A manner in a few letters; none for the ordinary one. */
export function mannerText({ nat, contact }: Manner): string {
  return `${nat ? "n" : ""}${contact === "force" ? "C" : contact ? "c" : ""}`;
}

export function readManner(text: string): Manner {
  if (text === "") return ordinary;
  return { nat: text.includes("n"), contact: text.includes("C") ? "force" : text.includes("c") };
}

const letters = { udp: "u", tcp: "t", tls: "s", ws: "w", wss: "x" } as const;
const transports: ReadonlyMap<string, Flow["transport"]> = new Map([
  ["u", "udp"],
  ["t", "tcp"],
  ["s", "tls"],
  ["w", "ws"],
  ["x", "wss"],
]);

export class StatelessBranches {
  readonly #mac: Mac;
  readonly #identity: Hash64;

  constructor(secret: Uint8Array) {
    this.#mac = new Mac(secret, "branch");
    this.#identity = new Hash64(derivedKey(secret, "transaction"));
  }

  /** The branch for a request that came on `flow`; `routed`: it has a further Route; `mark`, the loop mark, becomes its end. */
  make(request: Request, flow: Flow, manner: Manner, routed: boolean, mark: string): string {
    const rest = `${this.#identify(request)}${mannerText(manner)}${routed ? "r" : ""}-${wayBack(request, flow)}${mark}`;
    return magicCookie + this.#mac.of(rest) + rest;
  }

  /** Where a response goes whose topmost Via is ours; undefined when it answers nothing that we forwarded. */
  read(response: Response): WayBack | undefined {
    const { branch } = response;
    const from = magicCookie.length + macLength;
    const to = branch === undefined ? 0 : branch.length - loopMarkLength;
    if (branch === undefined || to < from + hashLength + 4 || !branch.startsWith(magicCookie)) return undefined;
    if (!this.#mac.matches(branch.slice(from), branch.slice(magicCookie.length, from))) return undefined;
    return readWay(branch, from + hashLength, to);
  }

  /** The transaction of the client: its Via, which has a branch, and for clients of RFC 2543 what they go by (§17.2.3). */
  #identify(request: Request): string {
    const { head, lines } = request;
    const line = lines.find("via");
    const via = request.hasPlainVia() ? head.slice(lines.valueStart(line), lines.end(line)) : formatVia(request.via);
    const callId = lines.find("call-id");
    // Not the method, which an ACK and a CANCEL have of their own.
    return this.#identity.of(
      `${via}\n${head.slice(lines.valueStart(callId), lines.end(callId))}\n${request.cseq.number}`,
    );
  }
}

/** Where responses to the request are to go: by UDP as RFC 3581 §4 says, by a stream down its connection. */
function wayBack(request: Request, { transport, local, remote, id }: Flow): string {
  const host = remote.host.includes(":") ? remote.host.replaceAll(":", "!") : remote.host;
  if (transport !== "udp") return `${letters[transport]}${hex(id)}~${sentByPort(request, transport)}~${host}`;
  const ours = local.host.includes(":") ? local.host.replaceAll(":", "!") : local.host;
  const port = request.asksForRport ? remote.port : sentByPort(request, transport);
  return `u${local.port}~${ours}~${port}~${host}`;
}

function sentByPort(request: Request, transport: Flow["transport"]): number {
  return request.sentByPort ?? (transport === "tls" ? 5061 : 5060);
}

/** Only of what the MAC has proved to be ours. */
function readWay(text: string, from: number, to: number): WayBack | undefined {
  const dash = text.indexOf("-", from);
  const transport = transports.get(text.charAt(dash + 1));
  if (dash < 0 || transport === undefined) return undefined;
  const manner = dash === from ? ordinary : readManner(text.slice(from, dash));
  const routed = dash > from && text.charCodeAt(dash - 1) === 0x72;
  const one = text.indexOf("~", dash);
  const two = text.indexOf("~", one + 1);
  if (transport === "udp") {
    const three = text.indexOf("~", two + 1);
    const remote = { host: hostIn(text.slice(three + 1, to)), port: readNumber(text, two + 1, three) ?? 0 };
    const local = { host: hostIn(text.slice(one + 1, two)), port: readNumber(text, dash + 2, one) ?? 0 };
    return { manner, routed, flow: { id: "", transport, local, remote }, sentBy: remote };
  }
  const sentBy = { host: hostIn(text.slice(two + 1, to)), port: readNumber(text, one + 1, two) ?? 0 };
  const id = Buffer.from(text.slice(dash + 2, one), "hex").toString("latin1");
  return { manner, routed, flow: { id, transport, local: sentBy, remote: sentBy }, sentBy };
}

/** A host as it stands in a branch, where a colon cannot. */
function hostIn(text: string): string {
  return text.includes("!") ? text.replaceAll("!", ":") : text;
}

function hex(text: string): string {
  return Buffer.from(text, "latin1").toString("hex");
}
