/** A session description as a relay of media sees it: who wants to hear what, and where. */

import { sessionDescription, withDescription } from "../sip/multipart.ts";
import type { Message } from "../sip/request-response.ts";
import { type MediaDescription, parseSdp, type SdpFailure } from "../sip/sdp.ts";
import { isDtls, type LineRewrite, rewriteSdp } from "../sip/sdp-rewrite.ts";
import type { RelayPeer } from "./media-relay-seam.ts";

/** Where the writer of a description is, as far as its signalling shows. */
export interface Origin {
  /** Where the message came from, if that was the writer itself and no proxy. */
  readonly source: string | undefined;
  /** Whether its packets may come from anywhere. */
  readonly anywhere: boolean | "private";
}

/** One description in one message. */
export class Description {
  readonly media: readonly MediaDescription[];
  readonly origin: Origin;
  /** What tells this description from another: its octets, one char each. */
  readonly text: string;
  readonly #message: Message;
  readonly #sdp: Uint8Array;

  private constructor(message: Message, sdp: Uint8Array, media: readonly MediaDescription[], origin: Origin) {
    this.#message = message;
    this.#sdp = sdp;
    this.media = media;
    this.origin = origin;
    this.text = Buffer.from(sdp.buffer, sdp.byteOffset, sdp.byteLength).toString("latin1");
  }

  /** Undefined: the message has none that can be read, be it that it is compressed. */
  static of(message: Message, origin: Origin): Description | SdpFailure | undefined {
    if (message.body.length === 0 || message.header("content-encoding") !== undefined) return undefined;
    const sdp = sessionDescription(message);
    if (sdp.length === 0) return undefined;
    const parsed = parseSdp(sdp);
    return "failure" in parsed ? parsed : new Description(message, sdp, parsed.media, origin);
  }

  /** The m-lines that a relay can carry, by index. */
  *lines(): Iterable<number> {
    for (const [index, { port, protocol }] of this.media.entries()) if (port > 0 && !isStream(protocol)) yield index;
  }

  /** The addresses that its m-lines name. */
  *addresses(): Iterable<{ host: string; port: number }> {
    for (const { connection, port } of this.media)
      if (connection !== undefined && port > 0) yield { host: connection.host, port };
  }

  /** The message's body with `host` and these ports in the place of the writer's. */
  relayed(host: string, portsOf: (line: number) => LineRewrite): Uint8Array {
    const lines = this.media.map(({ protocol }, index) => (isStream(protocol) ? "keep" : portsOf(index)));
    const sdp = rewriteSdp(this.#sdp, host, lines);
    return sdp.length === 0 ? sdp : withDescription(this.#message.body, this.#sdp, sdp);
  }

  /** What the relay is to know of the writer; undefined when the m-line is not used. `other` describes the same m-line. */
  peer(line: number, other: Description): RelayPeer | undefined {
    const media = this.media[line];
    const opposite = other.media[line];
    if (media === undefined || opposite === undefined || media.port === 0 || opposite.port === 0) return undefined;
    const { connection, port, protocol, rtcp } = media;
    const dtls = isDtls(protocol);
    // Zeros with a port that discards: the address comes with candidates (RFC 8840 §4.1).
    const unknown = connection === undefined || (dtls && isZero(connection.host));
    const plain = media.payloads.length > 0 && !dtls;
    return {
      remote: unknown ? undefined : { host: connection.host, port, rtcpPort: rtcp?.port ?? port + 1 },
      ...this.origin,
      rtcpMux: media.rtcpMux && opposite.rtcpMux,
      payloadTypes: plain ? [...new Set([media, opposite].flatMap(typesOf))] : undefined,
      clockRate: opposite.payloads[0]?.clockRate || 8000,
    };
  }

  /** Does the writer neither hold nor is it held, on any m-line that is used? */
  get flows(): boolean {
    return this.media.some(
      ({ port, direction, connection }) => port > 0 && direction === "sendrecv" && !isZero(connection?.host ?? ""),
    );
  }
}

/** Comfort noise may come without being asked for (RFC 3389 §4, RFC 3551's old 19). */
const comfortNoise = [13, 19];
const typesOf = ({ payloads }: MediaDescription) => [
  ...payloads.map(({ payloadType }) => payloadType),
  ...comfortNoise,
];

/** Streams that go over TCP (MSRP, TCP/BFCP, …): not ours to relay. */
const isStream = (protocol: string) => /(?:^|\/)(?:TCP|MSRP)(?:\/|$)/i.test(protocol);

const isZero = (host: string) => host === "0.0.0.0" || host === "::";
