/** What the transport layer and its users agree on: listen addresses, flows by reference, events, limits, TLS, errors. */
import type { Address, Flow } from "../sip/flow.ts";
import type { ParseFailure, Request, Response } from "../sip/message.ts";

export type Transport = Flow["transport"];
/** The transports that are connections. */
export type StreamTransport = Exclude<Transport, "udp">;

/** One address to listen on, from `udp://0.0.0.0:5060`. `host` is an IP literal without brackets; port 0 lets the system choose. */
export interface ListenUrl {
  transport: Transport;
  host: string;
  port: number;
}

/** What names a flow beyond its life: a Flow itself, or what JSON made of these members. */
export interface FlowRef {
  id: string;
  transport: Transport;
  local: Address;
  remote: Address;
}

/** A certificate chain and its key, as paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string | undefined;
}

export interface TlsSettings extends CertificateFiles {
  /** A file of the authorities that peers' certificates must come from; the runtime's own by default. */
  readonly ca?: string | undefined;
  /** Whether peers that connect to us need a certificate. `ask`: they may have none, but not a bad one. */
  readonly clients: "none" | "ask" | "require";
  /** Further certificates, for peers that ask for these names (SNI, RFC 6066 §3). */
  readonly names: readonly (CertificateFiles & { readonly name: string })[];
}

export interface TransportEvents {
  /**
   * One whole message. For a request `flow` is the way of its responses (RFC 3261 §18.2.2, RFC 3581 §4): `flow.remote`
   * is where the request came from, `flow.send` obeys its topmost Via. Flows of one connection share `flow.id`.
   */
  message(message: Request | Response, flow: Flow): void;
  /** Octets that are no message. After a `fatal` failure the connection is closed once what this callback sent has left. */
  failure(failure: ParseFailure, flow: Flow): void;
  /** A stream connection that was open is gone. Never called for UDP. */
  closed(flow: Flow): void;
}

/**
 * Sees each SIP message as it comes and goes. It costs the way of each message what it takes, must not throw, and copies the
 * octets that it keeps. Keep-alives may be among what is sent.
 */
export interface Tap {
  received(bytes: Uint8Array, flow: Flow): void;
  sent(bytes: Uint8Array, transport: Transport, local: Address, remote: Address): void;
}

/** Sizes in octets, times in milliseconds. */
export interface TransportLimits {
  /** Start line and header lines of one message. */
  maxHead: number;
  maxBody: number;
  /** A connection without a received octet for so long is closed. */
  idleTimeout: number;
  /** How long one message may take to arrive on a connection once its first octet is there. */
  messageTimeout: number;
  connectTimeout: number;
  /** How long a peer that connects may take until SIP can be spoken: TLS and the WebSocket upgrade. */
  handshakeTimeout: number;
  /** A silent WebSocket connection is probed after so long ... */
  pingInterval: number;
  /** ... and closed when it stays silent for so long after that. */
  pongTimeout: number;
  /** How long queued octets may wait without the peer taking any. */
  writeTimeout: number;
  resolveTimeout: number;
  /** Stream connections in all, both directions. */
  maxConnections: number;
  /** Inbound connections from one IP address; loopback is exempt. */
  maxConnectionsPerSource: number;
  /** Octets waiting for one slow peer; above, its connection is closed. */
  maxQueued: number;
  /** A request on UDP above this goes over TCP (RFC 3261 §18.1.1). */
  maxDatagram: number;
}

export const defaultLimits: Readonly<TransportLimits> = {
  maxHead: 16 * 1024,
  maxBody: 64 * 1024,
  idleTimeout: 600_000,
  messageTimeout: 10_000,
  connectTimeout: 4_000,
  handshakeTimeout: 10_000,
  pingInterval: 30_000,
  pongTimeout: 20_000,
  writeTimeout: 32_000,
  resolveTimeout: 5_000,
  maxConnections: 10_000,
  maxConnectionsPerSource: 100,
  maxQueued: 1024 * 1024,
  maxDatagram: 1300,
};

export type TransportErrorCode =
  | "address-in-use"
  | "address-unavailable"
  | "permission"
  | "bad-address"
  | "certificate"
  | "bind-failed";

/** Why a listener could not be opened; the message names the address, or the file of a certificate and what to do. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: TransportErrorCode;
  readonly url: string;
  constructor(code: TransportErrorCode, url: string, message: string) {
    super(message);
    this.code = code;
    this.url = url;
  }
}
