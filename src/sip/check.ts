/** What every UAS must refuse and every UAC must discard for its syntax (RFC 3261 §8.2, §16.3, RFC 4475). */
import { MalformedHeader } from "./errors.ts";
import type { HeaderLines } from "./header-lines.ts";
import { parseNameAddr } from "./name-addr.ts";
import { isPlainAddress } from "./plain.ts";
import type { HeaderList, Message, Request, Response } from "./request-response.ts";
import { endOfElement, readNumber, trimLws } from "./text.ts";
import { isSipUri } from "./uri.ts";

/** The response to give. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: HeaderList;
}

/** Header fields that stand exactly once in each message (§8.1.1); Max-Forwards is missing in those of RFC 2543. */
const single = ["call-id", "cseq", "from", "to"] as const;

/**
 * Why a request is refused for its syntax, or undefined. After it the typed getters do not throw and `target` is there.
 * Methods, schemes (`target` may be an OtherUri: 416), Require, media types and hop counts are for those who serve it.
 */
export function checkRequest(request: Request): Refusal | undefined {
  const fault = faultOf(request);
  if (fault !== undefined) return bad(fault);
  if (request.cseq.method !== request.method) return bad("CSeq method mismatch");
  const target = request.target;
  if (target === undefined) return bad("Malformed Request-URI");
  // §19.1.1: not allowed; acting on them would let anybody add a Route (RFC 4475 §3.1.2.11).
  if (isSipUri(target) && target.headers !== undefined) return bad("Headers in Request-URI");
  const lines = request.lines;
  const hops = lines.find("max-forwards");
  if (hops >= 0) {
    if (lines.find("max-forwards", hops) >= 0) return bad("Several Max-Forwards");
    const number = readNumber(request.head, lines.valueStart(hops), lines.end(hops));
    if (number === undefined && !/^\d+$/.test(lines.value(hops))) return bad("Malformed Max-Forwards");
  }
  return contactFault(request);
}

/** More contacts than any request has; without a limit, one datagram could make thousands of bindings. */
const maxContacts = 100;

function contactFault(request: Request): Refusal | undefined {
  const lines = request.lines;
  const first = lines.find("contact");
  if (first < 0) return undefined;
  const { head } = request;
  // Nearly always there is one.
  if (isPlainAddress(head, lines.valueStart(first), lines.end(first)) && lines.find("contact", first) < 0)
    return undefined;
  let count = 0;
  for (let line = first; line >= 0; line = lines.find("contact", line)) {
    const list = lines.value(line);
    for (let from = 0; from <= list.length; ) {
      const end = endOfElement(list, from);
      const value = trimLws(list.slice(from, end));
      if (value !== "*" && parseNameAddr(value) === undefined) return bad("Malformed Contact");
      if (++count > maxContacts) return bad("Too many Contacts");
      from = end + 1;
    }
  }
  return undefined;
}

/** False: discard the response (§8.1.3.3 and RFC 4475 §3.1.2.5). After it the typed getters do not throw, but `contact`. */
export function checkResponse(response: Response): boolean {
  return faultOf(response) === undefined;
}

function bad(reason: string): Refusal {
  return { status: 400, reason };
}

function faultOf(message: Message): string | undefined {
  const { lines } = message;
  if (!lines.complete) return countFault(lines);
  try {
    if (!message.hasPlainVia()) message.via;
    message.cseq;
    if (!isPlain(message, "from")) message.from;
    if (!isPlain(message, "to")) message.to;
    message.callId;
  } catch (error) {
    if (error instanceof MalformedHeader) return `Malformed ${error.header}`;
    throw error;
  }
  return undefined;
}

function countFault(lines: HeaderLines): string {
  for (const name of single) {
    const line = lines.find(name);
    if (line < 0) return `Missing ${name}`;
    if (lines.find(name, line) >= 0) return `Several ${name}`;
  }
  return "Missing header fields";
}

/** Is it known to be well-formed without being taken apart? */
function isPlain({ head, lines }: Message, name: "from" | "to"): boolean {
  const line = lines.find(name);
  return isPlainAddress(head, lines.valueStart(line), lines.end(line));
}
