/** Whom an endpoint's requests go to, and the end of a call that nobody wants. */
import { acknowledge, request } from "../agent/index.ts";
import type { Dialog } from "../sip/dialog.ts";
import type { Flow } from "../sip/flow.ts";
import type { EndpointContext } from "./endpoint-context.ts";
import { userUri } from "./settings.ts";

/** Acknowledges a 2xx of another fork, and hangs up (RFC 3261 §13.2.2.4). */
export function hangUp(ctx: EndpointContext, dialog: Dialog, sequence: number): void {
  const { context, flow, contact, digest, credentials, headers } = ctx;
  const user = { context, flow, contact, digest, credentials, headers, dialog, waiting: undefined };
  acknowledge(user, sequence);
  request(user, "BYE", {}, { response: () => {}, failed: () => {} });
}

/** `you`, a URI or a name-addr as a name-addr in brackets. */
export function nameAddr(option: string, text: string, domain: string | undefined): string {
  return text.includes("<") ? text : `<${userUri(option, text, domain)}>`;
}

/** The URI of a name-addr. */
export function uriOf(party: string): string {
  return /<([^>]*)>/.exec(party)?.[1] ?? party;
}

/** `you@host`, a host or a URI as a URI. */
export function userOrServer(text: string, domain: string | undefined): string {
  return /^sips?:/i.test(text) ? text : text.includes("@") ? userUri("uri", text, domain) : `sip:${text}`;
}

/** The way of a context that has heard from nobody yet. */
export const nowhere: Flow = {
  transport: "udp",
  reliable: false,
  id: "",
  local: { host: "0.0.0.0", port: 0 },
  remote: { host: "0.0.0.0", port: 0 },
  send: () => {},
};
