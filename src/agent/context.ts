/** What all sessions of a user agent share: time, transactions, ways to peers, and the table of dialogs. */
import type { Log } from "../log.ts";
import type { AudioCodec } from "../sip/audio-codecs.ts";
import type { Clock } from "../sip/clock.ts";
import type { Flow } from "../sip/flow.ts";
import { formatHost } from "../sip/host.ts";
import type { SrtpOptions, SrtpPolicy } from "../sip/offer-answer.ts";
import { newBranch, type Random } from "../sip/random.ts";
import type { Family } from "../sip/sdp.ts";
import type { TransactionLayer } from "../sip/transaction/index.ts";
import { isSipUri, type SipUri, type Uri } from "../sip/uri.ts";
import type { TransportLayer } from "../transport/index.ts";
import type { Hop, Resolution, Resolver } from "../transport/resolve/index.ts";
import type { Session } from "./session.ts";

export interface AgentSettings {
  /** Codecs that we offer and answer with, in order of preference. */
  codecs: readonly AudioCodec[];
  /** Whether calls are encrypted, by whether their signalling is: over TLS and WSS, and over what everybody can read. */
  srtp: { readonly encrypted: SrtpPolicy; readonly clear: SrtpPolicy };
  /** Seconds: the session interval that we ask for (RFC 4028), and the shortest that we bear. */
  sessionExpires: number;
  minSessionExpires: number;
  /** Milliseconds that an outgoing call may ring. */
  ringTimeout: number;
  /** Whether we offer and take keys as telephone-events (RFC 4733); we do by default. */
  telephoneEvent?: boolean;
  /** What ends the lines of our SDP, for servers that cannot read CRLF. */
  sdpLineEnd?: "\n";
  /** INVITEs carry no offer: the other side makes it (RFC 3261 §13.2.1). */
  lateOffer?: boolean;
  /** Value of `a=fingerprint` of the certificate that our media has; without one we speak no WebRTC. */
  dtlsFingerprint?: string;
  /** Value of User-Agent and Server. */
  product: string;
  /** Round-trip estimate of RFC 3261 in ms, for what is retransmitted above the transactions. */
  T1: number;
  T2: number;
}

export const defaultSettings: AgentSettings = {
  codecs: ["PCMU", "PCMA"],
  srtp: { encrypted: "required", clear: "off" },
  sessionExpires: 1800,
  minSessionExpires: 90,
  ringTimeout: 180_000,
  product: "siproc",
  T1: 500,
  T2: 4000,
};

/** What the agent asks of the transport layer. */
export interface Ways extends Pick<TransportLayer, "viaFor" | "contactFor"> {
  /** A way to a peer; nothing happens before something is sent. `size`: octets of the request that will be sent. */
  flowTo(target: Hop & { readonly size?: number | undefined }): Flow;
}

/** How calls over `flow` are encrypted, unless `policy` says it. */
export function srtpOptions({ settings, random }: AgentContext, flow: Flow, policy?: SrtpPolicy): SrtpOptions {
  return {
    policy: policy ?? (isSecure(flow) ? settings.srtp.encrypted : settings.srtp.clear),
    key: (octets) => Buffer.from(random.token(octets), "hex").toString("base64"),
  };
}

/** Where URIs lead (RFC 3263), and what became of it: the resolver. */
export type AgentResolver = Pick<Resolver, "resolve" | "failed" | "worked">;

export interface AgentContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: AgentSettings;
  readonly ways: Ways;
  /** Without one, the host of a URI is looked up by its address alone, and there is no second server. */
  readonly resolver?: AgentResolver | undefined;
  readonly transactions: TransactionLayer;
  /** By `dialogKey`. */
  readonly sessions: Map<string, Session>;
}

export function familyOf(host: string): Family {
  return host.includes(":") ? "ipv6" : "ipv4";
}

/** SDP of ours with the line ends that the settings want. */
export function sdpText({ settings }: AgentContext, sdp: string): string {
  return settings.sdpLineEnd === undefined ? sdp : sdp.replaceAll("\r\n", settings.sdpLineEnd);
}

/** The value of a new request's topmost Via on `flow`, with a fresh branch and rport (RFC 3581 §3). */
export function topVia(context: AgentContext, flow: Flow): string {
  const { transport, host, port } = context.ways.viaFor(flow);
  return `SIP/2.0/${transport} ${formatHost(host)}:${port};branch=${newBranch(context.random)};rport`;
}

/**
 * The value of our Contact on `flow`. `user` is written as it stood in a URI. `secure`: the dialog is made by a sips URI,
 * and so the Contact is one (RFC 5630 §5.1).
 */
export function contactOn(context: AgentContext, flow: Flow, user: string | undefined, secure = false): string {
  const own = context.ways.contactFor(flow);
  const scheme = secure ? "sips" : "sip";
  // A sips URI says TLS by itself; to say it twice is deprecated (RFC 5630 §3.1.4).
  return `<${scheme}:${user === undefined ? "" : `${user}@`}${secure ? own.replace(/;transport=tls$/i, "") : own}>`;
}

export function isSecure(flow: Flow): boolean {
  return flow.transport === "tls" || flow.transport === "wss";
}

/** Where requests for `uri` go, by RFC 3263. In the same turn for what needs no DNS. */
export function hopsTo(context: AgentContext, uri: Uri, done: (resolution: Resolution) => void): void {
  if (!isSipUri(uri)) done({ ok: false, reason: `siproc speaks no ${uri.scheme}:` });
  else (context.resolver ?? unresolved).resolve(uri, done);
}

export function flowTo(context: AgentContext, hop: Hop): Flow {
  return context.ways.flowTo(hop);
}

/** Where a flow leads. */
export function hopOf({ transport, remote }: Flow): Hop {
  return { transport, host: remote.host, port: remote.port };
}

/** A guess at the way to `uri` until its hops are known: good for what our side looks like, never for sending. */
export function flowToward(context: AgentContext, uri: SipUri): Flow {
  return context.ways.flowTo(hopNamedIn(uri));
}

function hopNamedIn(uri: SipUri): Hop {
  const named = uri.params.get("transport")?.toLowerCase();
  const transport = named === "tcp" ? "tcp" : "udp";
  return { transport, host: uri.params.get("maddr") ?? uri.host, port: uri.port ?? 5060 };
}

/** Stands in where there is no resolver: names go to the transport layer as they are. */
const unresolved: AgentResolver = {
  resolve(uri, done) {
    const transport = (uri.params.get("transport") ?? "udp").toLowerCase();
    const known = uri.scheme === "sip" && (transport === "udp" || transport === "tcp");
    done(known ? { ok: true, hops: [hopNamedIn(uri)] } : { ok: false, reason: "it cannot be reached by UDP or TCP" });
  },
  failed() {},
  worked() {},
};
