/** What the proxies ask of the transport layer: ways to peers, by address and by name, and who we are. */
import type { Address, Flow } from "../sip/flow.ts";

/** A flow by its names alone: what can be kept, or be written into a URI. */
export type FlowRef = Pick<Flow, "id" | "transport" | "local" | "remote">;

export interface Ways {
  /** A way to a peer; nothing happens before something is sent. `size`: octets of the request that will be sent. */
  flowTo(target: {
    transport: Flow["transport"];
    host: string;
    port: number;
    size?: number | undefined;
    serverName?: string | undefined;
  }): Flow;
  /** That very flow: for UDP from the listener with that local port, for streams the open connection; undefined when it is gone. */
  flowOf(ref: FlowRef): Flow | undefined;
  /** The open connection whose peer has this address. */
  connectionFrom(transport: Flow["transport"], remote: Address): Flow | undefined;
  /** The sent-by of a Via for requests on `flow`; IPv6 hosts without brackets. */
  viaFor(flow: Flow): { transport: string; host: string; port: number };
  /** Whether this is an address that we listen on or announce; a missing port is the default one. */
  isOwn(host: string, port: number | undefined): boolean;
}
