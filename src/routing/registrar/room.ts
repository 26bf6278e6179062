/**
 * How many contacts an answer may name. Over UDP its source may be forged, by one who has registered contacts just to have
 * them sent to somebody else: who has shown no password gets at most three octets for each of his own (R7).
 */
import type { Incoming } from "../chain.ts";

/** What a response has beyond what it copies from the request: status line, tag, received and rport, Content-Length. */
const overhead = 150;

/** The values, from the first on, that fit as Contact lines into the answer. */
export function fitting({ request, flow, authenticated }: Incoming, contacts: readonly string[]): readonly string[] {
  if (flow.reliable || authenticated !== undefined) return contacts;
  let room = 2 * request.bytes().length - overhead;
  const tooMany = contacts.findIndex((contact) => {
    room -= `Contact: ${contact}\r\n`.length;
    return room < 0;
  });
  return tooMany < 0 ? contacts : contacts.slice(0, tooMany);
}
