/**
 * Loops (RFC 3261 §16.3 step 4, §16.6 step 8, RFC 5393 §4.2): the branch of each request that we forward ends in a mark of
 * all that its way depends on. A request that comes back with the mark that it would get again is in a loop; one that
 * comes back with another Request-URI, Route or from another side is in a spiral, which is nothing bad.
 */
import type { Address } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import { parseVia } from "../sip/via.ts";
import { Hash64, hashLength } from "./hash64.ts";
import { derivedKey } from "./mac.ts";

export const loopMarkLength = 3 + hashLength;

export class LoopMarks {
  readonly #hash: Hash64;

  constructor(secret: Uint8Array) {
    this.#hash = new Hash64(derivedKey(secret, "loop"));
  }

  /**
   * The mark of a request that came from `source`: `loopMarkLength` token characters, to stand at the end of the branch. Equal for an
   * INVITE, its CANCEL and its ACK. A hash that needs no more than to be hard to hit by chance: who forges one gets his
   * own request refused.
   */
  of(request: Request, source: Address): string {
    const { head, lines } = request;
    // No host and no URI has a line end in it, which so divides them from what comes behind.
    let all = `${source.host}\n${request.uri}`;
    for (let line = lines.find("route"); line >= 0; line = lines.find("route", line))
      all += `\n${head.slice(lines.valueStart(line), lines.end(line))}`;
    return `.lp${this.#hash.of(all)}`;
  }

  /** Whether the request has been here with the same mark. */
  isLoop(request: Request, mark: string): boolean {
    // Nearly always the answer is here.
    if (!request.head.includes(mark)) return false;
    return request.values("via").some((value) => parseVia(value)?.branch?.endsWith(mark) === true);
  }
}
