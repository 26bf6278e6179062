/** The transport layer as its users see it: listeners, and flows to peers (RFC 3261 §18). */
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import type { Address, Flow } from "../sip/flow.ts";
import type { ListenUrl, TransportEvents, TransportLimits } from "./contract.ts";

export interface TransportOptions {
  listen: readonly ListenUrl[];
  /** Host put in Via and Contact when it is not the bound one: an IP literal or a name, without a port. */
  advertise?: string | undefined;
  limits?: Partial<TransportLimits> | undefined;
  log: Log;
  clock: Clock;
  events: TransportEvents;
}

export interface Listening {
  readonly transport: "udp" | "tcp";
  /** The bound address with its real port. */
  readonly local: Address;
  readonly advertised: Address;
}

export interface FlowTarget {
  transport: "udp" | "tcp";
  /** An IP literal, with or without brackets, or a name that the system's resolver knows. */
  host: string;
  port: number;
  /** Octets of the request that will be sent. */
  size?: number | undefined;
}

export declare class TransportLayer {
  /** Binds all listeners or none. Throws TransportError. */
  static open(options: TransportOptions): Promise<TransportLayer>;
  readonly listening: readonly Listening[];
  /** A way to a peer; never throws and does no IO before `send`. What cannot be reached fails at `send`. */
  flowTo(target: FlowTarget): Flow;
  /** The sent-by of a Via for requests on `flow`. IPv6 hosts come without brackets. */
  viaFor(flow: Flow): { transport: "UDP" | "TCP"; host: string; port: number };
  /** `host:port` or `host:port;transport=tcp`, to stand behind `sip:user@` in a Contact. */
  contactFor(flow: Flow): string;
  /** Stops listening, closes each connection after its queue, resolves when all is down. */
  close(): Promise<void>;
}
