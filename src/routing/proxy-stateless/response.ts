/** What a stateless proxy changes of a response: its own Via goes, and Contact and media are looked after as the request's were. */
import type { Flow } from "../../sip/flow.ts";
import type { Response } from "../../sip/message.ts";
import { Splice } from "../../sip/splice.ts";
import { aliasContact } from "../contact-alias.ts";
import type { WayBack } from "./branch.ts";
import type { ContactRewriter } from "./contact.ts";
import { needsOne, targetRefreshing } from "./request.ts";
import type { StatelessProxyOptions } from "./surroundings.ts";

export function editResponse(
  response: Response,
  from: Flow,
  to: Flow,
  { manner, routed }: Pick<WayBack, "manner" | "routed">,
  around: StatelessProxyOptions,
  contacts: ContactRewriter,
): Uint8Array {
  const splice = new Splice(response);
  splice.removeFirst("via", 1);
  const { method } = response.cseq;
  if (response.lines.find("contact") >= 0) {
    if (manner.contact !== false) contacts.rewrite(splice, response, from, to, manner);
    else if (
      response.status < 300 &&
      targetRefreshing.has(method) &&
      // Who is behind a further Route within the dialog is found by it.
      !routed &&
      needsOne(response, from, manner.nat) &&
      around.recordRoute.isTop(response)
    )
      aliasContact(splice, response, from);
  }
  if (manner.nat && around.relay !== undefined) {
    const { body } = around.relay.response(response, from, to, response.via.branch ?? "");
    if (body !== undefined) splice.setBody(body);
  }
  if (to.reliable) splice.ensureContentLength();
  return splice.bytes();
}
