/** The seam between the SIP core and the sockets: one way to one peer. Transports make flows, the core only sends on them. */

/** An IP literal (IPv6 without brackets) or a host name, and a port. */
export interface Address {
  host: string;
  port: number;
}

/** A UDP address pair, or one stream connection (RFC 5626 calls this a flow, too). */
export interface Flow {
  readonly transport: "udp" | "tcp" | "tls" | "ws" | "wss";
  /** Everything but UDP: no retransmissions are needed (RFC 3261 §17). */
  readonly reliable: boolean;
  readonly local: Address;
  readonly remote: Address;
  readonly id: string;
  /**
   * Sends one message; never throws, and queues while a connection is being made.
   * `failed` is called at most once, when it turns out that the message cannot be delivered.
   */
  send(bytes: Uint8Array, failed?: (reason: string) => void): void;
}
