/** Messages and packets as they passed: what is kept of them, who may look, and what they are asked for. */

export interface CaptureAddress {
  readonly host: string;
  readonly port: number;
}

/** One SIP message that came or went. Passwords, digest responses, nonces and SRTP keys in it read `*`. */
export interface CapturedMessage {
  /** Grows from message to message. */
  readonly id: number;
  /** ms since 1970, with fractions. */
  readonly at: number;
  readonly direction: "received" | "sent";
  readonly transport: "udp" | "tcp" | "tls" | "ws" | "wss";
  readonly local: CaptureAddress;
  readonly remote: CaptureAddress;
  /** Empty: it has none. */
  readonly callId: string;
  /** Such as `INVITE sip:bob@example.com` or `180 Ringing`. */
  readonly summary: string;
  /** The method of the request, or of the request that a response answers. */
  readonly method: string;
  /** The status of a response; undefined for a request. */
  readonly status: number | undefined;
  /** Users of From, To and Request-URI. */
  readonly users: readonly string[];
  /** An octet string: one character (latin-1) for each octet. */
  readonly text: string;
}

/** All that is not undefined must hold. */
export interface CaptureFilter {
  readonly callId?: string | undefined;
  /** The user of From, To or Request-URI, exactly. */
  readonly user?: string | undefined;
  /** In capitals: of requests, and of the responses to them. */
  readonly method?: string | undefined;
  /** An IP address of the other side. */
  readonly host?: string | undefined;
}

export interface CaptureState {
  /** Whether messages are being kept. */
  readonly active: boolean;
  readonly messages: number;
  /** Octets in use, and how many there are. */
  readonly octets: number;
  readonly size: number;
  /** The number of the last message. */
  readonly last: number;
}

export interface CaptureControl {
  captureState(): CaptureState;
  /** What is kept, the oldest first: at most `limit` (1,000 by default) of those after `after`. */
  messages(
    filter: CaptureFilter,
    options?: { after?: number | undefined; limit?: number | undefined },
  ): readonly CapturedMessage[];
  /**
   * Tells of each message that matches, until the returned function is called. Where nothing was kept before, capturing
   * begins, and ends with the last who follows.
   */
  follow(filter: CaptureFilter, heard: (message: CapturedMessage) => void): () => void;
  /** The kept messages that match, and the headers of the RTP of their calls as far as those are kept, as a capture file. */
  pcap(filter: CaptureFilter): Promise<Uint8Array>;
}

export const mostMessages = 1000;
