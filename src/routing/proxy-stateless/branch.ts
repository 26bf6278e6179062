/**
 * The branch of a request that is forwarded without state (RFC 3261 §16.11): computed from the request, so that its
 * retransmissions, its CANCEL and its ACK get the same one, and holding all that is needed to send the responses back.
 *
 * A MAC over what the response carries shows that we forwarded its request, and to whom the response is to go: nobody
 * can have us send anything to an address that has not sent to us.
 */
import type { Address, Flow } from "../../sip/flow.ts";
import type { Request, Response } from "../../sip/message.ts";
import { magicCookie } from "../../sip/random.ts";
import { endOfElement, trimLws } from "../../sip/text.ts";
import { parseVia, type Via } from "../../sip/via.ts";
import { Mac, macLength } from "../mac.ts";
import type { FlowRef } from "../ways.ts";

/** How a request was forwarded, as its responses need to know. */
export interface Manner {
  readonly nat: boolean;
  readonly contact: boolean | "force";
}

/** Where a response is to go. */
export interface WayBack {
  readonly manner: Manner;
  /** The flow on which the request came; UDP's goes to where the Via asks for. */
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

/** Addresses of ours, written for a branch; there are few. */
const maxHosts = 256;

export class StatelessBranches {
  readonly #mac: Mac;
  readonly #hosts = new Map<string, string>();

  constructor(secret: Uint8Array) {
    this.#mac = new Mac(secret, "branch");
  }

  /** The branch for a request that came on `flow`; `mark`, the loop mark, becomes its end. */
  make(request: Request, flow: Flow, manner: Manner, mark: string): string {
    const { via } = request;
    const { remote } = flow;
    // What noteSource writes into the Via.
    const rport = via.params.has("rport");
    const received = rport || via.host !== remote.host ? remote.host : "";
    const end = this.#way(flow, manner) + mark;
    const mac = this.#mac.of(signed(end, via, received, rport ? String(remote.port) : "", request));
    return magicCookie + mac + end;
  }

  /** Where a response goes whose topmost Via is ours; undefined when it answers nothing that we forwarded. */
  read(response: Response, markLength: number): WayBack | undefined {
    const branch = response.via.branch;
    const from = magicCookie.length + macLength;
    if (branch === undefined || branch.length < from + 3 + markLength || !branch.startsWith(magicCookie))
      return undefined;
    const via = secondVia(response);
    if (via === undefined) return undefined;
    const { received = "" } = via;
    const rport = via.params.get("rport") ?? "";
    const end = branch.slice(from);
    if (!this.#mac.matches(signed(end, via, received, rport, response), branch.slice(magicCookie.length, from)))
      return undefined;
    return readWay(end.slice(0, -markLength), via, received);
  }

  #way({ transport, local, id }: Flow, manner: Manner): string {
    const flow = transport === "udp" ? `${local.port}x${this.#host(local.host)}` : hex(id);
    return `${mannerText(manner)}-${letters[transport]}${flow}`;
  }

  #host(host: string): string {
    let text = this.#hosts.get(host);
    if (text === undefined) {
      text = hex(host);
      if (this.#hosts.size < maxHosts) this.#hosts.set(host, text);
    }
    return text;
  }
}

function signed(end: string, via: Via, received: string, rport: string, message: Request | Response): string {
  return `${end} ${via.transport} ${via.host} ${via.port ?? ""} ${via.branch ?? ""} ${received} ${rport} ${message.cseq.number} ${message.callId}`;
}

/** The Via below the topmost one. */
function secondVia(response: Response): Via | undefined {
  const { lines } = response;
  const first = lines.find("via");
  const value = lines.value(first);
  const comma = value.includes(",") ? endOfElement(value, 0) : value.length;
  if (comma < value.length) return parseElement(value, comma + 1);
  const second = lines.find("via", first);
  return second < 0 ? undefined : parseElement(lines.value(second), 0);
}

function parseElement(list: string, from: number): Via | undefined {
  const end = list.includes(",") ? endOfElement(list, from) : list.length;
  return parseVia(trimLws(list.slice(from, end)));
}

/** Only of what the MAC has proved to be ours. */
function readWay(text: string, via: Via, received: string): WayBack | undefined {
  const dash = text.indexOf("-");
  const transport = transports.get(text.charAt(dash + 1));
  if (dash < 0 || transport === undefined) return undefined;
  const manner = readManner(text.slice(0, dash));
  const host = received === "" ? via.host : received;
  const sentBy = { host, port: via.port ?? (transport === "tls" ? 5061 : 5060) };
  const flow = text.slice(dash + 2);
  if (transport !== "udp")
    return { manner, flow: { id: unhex(flow), transport, local: sentBy, remote: sentBy }, sentBy };
  const x = flow.indexOf("x");
  const local = { host: unhex(flow.slice(x + 1)), port: Number(flow.slice(0, x)) };
  const remote = { host, port: via.rport ?? sentBy.port };
  return { manner, flow: { id: "", transport, local, remote }, sentBy };
}

function hex(text: string): string {
  return Buffer.from(text, "latin1").toString("hex");
}

function unhex(text: string): string {
  return Buffer.from(text, "hex").toString("latin1");
}
