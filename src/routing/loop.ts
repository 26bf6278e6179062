/**
 * Loops (RFC 3261 §16.3 step 4, §16.6 step 8, RFC 5393 §4.2): the branch of each request that we forward ends in a mark of
 * all that its way depends on. A request that comes back with the mark that it would get again is in a loop; one that
 * comes back with another Request-URI, Route or from another side is in a spiral, which is nothing bad.
 */
import type { Address } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import { parseVia } from "../sip/via.ts";
import { derivedKey } from "./mac.ts";

export const loopMarkLength = 19;

export class LoopMarks {
  readonly #low: number;
  readonly #high: number;

  constructor(secret: Uint8Array) {
    const key = derivedKey(secret, "loop");
    const view = new DataView(key.buffer, key.byteOffset);
    this.#low = view.getInt32(0);
    this.#high = view.getInt32(4);
  }

  /**
   * The mark of a request that came from `source`: `loopMarkLength` token characters, to stand at the end of the branch. Equal for an
   * INVITE, its CANCEL and its ACK. A hash that needs no more than to be hard to hit by chance: who forges one gets his
   * own request refused.
   */
  of(request: Request, source: Address): string {
    const { lines } = request;
    let text = `${source.host} ${request.uri}`;
    for (let line = lines.find("route"); line >= 0; line = lines.find("route", line)) text += `\n${lines.value(line)}`;
    let low = this.#low;
    let high = this.#high;
    // FNV-1a twice, with two starts and two primes.
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x5bd1e995);
    }
    return `.lp${hex(low)}${hex(high)}`;
  }

  /** Whether the request has been here with the same mark. */
  isLoop(request: Request, mark: string): boolean {
    // Nearly always the answer is here.
    if (!request.head.includes(mark)) return false;
    return request.values("via").some((value) => parseVia(value)?.branch?.endsWith(mark) === true);
  }
}

function hex(number: number): string {
  return (number >>> 0).toString(16).padStart(8, "0");
}
