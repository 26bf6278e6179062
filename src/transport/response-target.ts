/** Where a response goes: RFC 3261 §18.2.2 with RFC 3581 §4. */
import { isLoopback, isPrivate } from "../ip.ts";
import type { Address } from "../sip/flow.ts";

/** The parts of a topmost Via that steer a response. */
export interface ResponseVia {
  /** The host of sent-by. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** The value of the rport parameter, "" for the bare flag, undefined when there is none. */
  readonly params: { get(name: string): string | undefined };
}

/**
 * The address for the response to a request that came from `source` with the topmost `via`.
 *
 * Over UDP: the source address and port when the Via asks for it with rport, or when sent-by is an address behind a NAT,
 * whose port the NAT does not let in; else the source address and the port of sent-by. Over a stream this is where to connect when the request's own connection is gone: the source address and
 * the port of sent-by. `maddr` is ignored on purpose: it would let anybody aim our responses at a third party or at a
 * multicast group. A `received` in the request is ignored too: the peer cannot know better than the packet.
 */
export function responseTarget(via: ResponseVia, source: Address, flow: { readonly reliable: boolean }): Address {
  if (!flow.reliable && (via.params.get("rport") !== undefined || isNatted(via.host, source.host))) return source;
  const port = via.port ?? 5060;
  if (port === source.port) return source;
  return { host: source.host, port: port >= 1 && port <= 65535 ? port : source.port };
}

/** Whether a request with this sent-by has come through a NAT. */
function isNatted(host: string | undefined, source: string): boolean {
  return host !== undefined && host !== source && isPrivate(host) && !isPrivate(source) && !isLoopback(source);
}
