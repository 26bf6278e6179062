/** The contacts of a redirection as further targets (RFC 3261 §16.7 step 4). */
import type { Request, Response } from "../../sip/message.ts";
import { parseNameAddr } from "../../sip/name-addr.ts";
import { isSipUri } from "../../sip/uri.ts";
import type { ProxyTarget } from "../target.ts";

/**
 * The contacts of a 3xx that were not tried yet, at most `room`; their URIs become `known`. From a sips URI the way leads to
 * sips URIs alone. Headers in a URI are left out: they would be somebody else's words in our request.
 */
export function contactsOf(
  response: Response,
  request: Request | undefined,
  known: Set<string>,
  room: number,
): ProxyTarget[] {
  const targets: ProxyTarget[] = [];
  const secure = request?.uri.toLowerCase().startsWith("sips:") === true;
  for (const value of response.values("contact")) {
    if (targets.length >= room) break;
    const contact = parseNameAddr(value);
    if (contact === undefined || !isSipUri(contact.uri) || (secure && contact.uri.scheme !== "sips")) continue;
    const uri = contact.uriText.split("?", 1)[0] ?? "";
    if (known.has(uri)) continue;
    known.add(uri);
    const q = Number(contact.params.get("q") ?? "1");
    targets.push({ uri, q: Number.isFinite(q) ? q : 1 });
  }
  return targets;
}
