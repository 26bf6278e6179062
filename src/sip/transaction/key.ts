/** How a message finds its transaction (RFC 3261 §17.1.3, §17.2.3): by its method, and by a key. */
import { usualMethod } from "../cseq.ts";
import type { Request } from "../message.ts";
import { magicCookie } from "../random.ts";
import { isLws, ownCopy } from "../text.ts";

const legacyMark = "2543\n";

/**
 * The key of the server transaction that a request belongs to, but for its method: an ACK or CANCEL has that of its INVITE.
 * Without a branch that starts with the magic cookie the rules of RFC 2543 apply; the To tag is left out of them, since
 * it differs in an ACK and cannot differ alone in anything else.
 */
export function serverKey(request: Request): string {
  const branch = request.branch;
  if (branch?.startsWith(magicCookie) && branch.length > magicCookie.length) return `${branch}\n${request.sentBy}`;
  const topVia = request.values("via")[0] ?? "";
  return `${legacyMark}${request.uri}\n${request.from.tag ?? ""}\n${request.callId}\n${request.cseq.number}\n${topVia}`;
}

/** Was this key made by the rules of RFC 2543? Then an ACK matches only with the To tag of the response (§17.2.3). */
export function isLegacy(key: string): boolean {
  return key.startsWith(legacyMark);
}

/** The key of the client transaction of a request that we send, but for its method; undefined without a branch. */
export function clientKey({ branch }: Request): string | undefined {
  return branch === undefined ? undefined : ownCopy(branch);
}

/** A method that may be kept as long as its transaction. */
export function lastingMethod(method: string): string {
  return usualMethod(method, 0, method.length) ?? ownCopy(method);
}

const tagMark = "sl-";

/**
 * The To tag of stateless responses: the same for a request and the ACK to its response, so that nothing has to be
 * remembered to recognise that ACK. The secret keeps others from guessing the tags of other servers, no more.
 */
export function statelessTag(request: Request, secret: number): string {
  const { head, lines } = request;
  const cseq = lines.find("cseq");
  let sequence = 0;
  for (let at = cseq < 0 ? head.length : lines.valueStart(cseq); at < head.length; at++) {
    const digit = head.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    sequence = (Math.imul(sequence, 10) + digit) | 0;
  }
  // FNV-1a with 32 bits, twice with different starts. White space may be written differently in the ACK, and does not count.
  let one = begin(sequence ^ secret);
  let other = begin(sequence ^ ~secret);
  const line = lines.find("call-id");
  const end = line < 0 ? 0 : lines.end(line);
  for (let at = line < 0 ? 0 : lines.valueStart(line); at < end; at++) {
    const code = head.charCodeAt(at);
    if (isLws(code)) continue;
    one = Math.imul(one ^ code, prime);
    other = Math.imul(other ^ code, prime);
  }
  return `${tagMark}${(one >>> 0).toString(16)}${(other >>> 0).toString(16)}`;
}

const prime = 0x01000193;

function begin(seed: number): number {
  return Math.imul(0x811c9dc5 ^ seed, prime);
}

/** Does this ACK answer one of our stateless responses? */
export function hasStatelessTag(ack: Request, secret: number): boolean {
  const tag = ack.to.tag;
  return tag?.startsWith(tagMark) === true && tag === statelessTag(ack, secret);
}
