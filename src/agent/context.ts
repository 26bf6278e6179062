/** What all sessions of a user agent share: time, transactions, ways to peers, and the table of dialogs. */
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import type { Flow } from "../sip/flow.ts";
import { formatHost } from "../sip/host.ts";
import { newBranch, type Random } from "../sip/random.ts";
import type { Family } from "../sip/sdp.ts";
import type { TransactionLayer } from "../sip/transaction/index.ts";
import { isSipUri, type Uri } from "../sip/uri.ts";
import type { TransportLayer } from "../transport/index.ts";
import type { Session } from "./session.ts";

export interface AgentSettings {
  /** Codecs that we offer and answer with, in order of preference. */
  codecs: readonly ("PCMU" | "PCMA")[];
  /** Seconds: the session interval that we ask for (RFC 4028), and the shortest that we bear. */
  sessionExpires: number;
  minSessionExpires: number;
  /** Milliseconds that an outgoing call may ring. */
  ringTimeout: number;
  /** Value of User-Agent and Server. */
  product: string;
  /** Round-trip estimate of RFC 3261 in ms, for what is retransmitted above the transactions. */
  T1: number;
  T2: number;
}

export const defaultSettings: AgentSettings = {
  codecs: ["PCMU", "PCMA"],
  sessionExpires: 1800,
  minSessionExpires: 90,
  ringTimeout: 180_000,
  product: "siproc",
  T1: 500,
  T2: 4000,
};

export type Ways = Pick<TransportLayer, "flowTo" | "viaFor" | "contactFor">;

export interface AgentContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: AgentSettings;
  readonly ways: Ways;
  readonly transactions: TransactionLayer;
  /** By `dialogKey`. */
  readonly sessions: Map<string, Session>;
}

export function familyOf(host: string): Family {
  return host.includes(":") ? "ipv6" : "ipv4";
}

/** The value of a new request's topmost Via on `flow`, with a fresh branch and rport (RFC 3581 §3). */
export function topVia(context: AgentContext, flow: Flow): string {
  const { transport, host, port } = context.ways.viaFor(flow);
  return `SIP/2.0/${transport} ${formatHost(host)}:${port};branch=${newBranch(context.random)};rport`;
}

/** The value of our Contact on `flow`. `user` is written as it stood in a URI. */
export function contactOn(context: AgentContext, flow: Flow, user: string | undefined): string {
  return `<sip:${user === undefined ? "" : `${user}@`}${context.ways.contactFor(flow)}>`;
}

/** Where a request for this URI goes on the wire; undefined for what this version cannot reach. */
export function wayTo(uri: Uri): { transport: "udp" | "tcp"; host: string; port: number } | undefined {
  if (!isSipUri(uri) || uri.scheme !== "sip") return undefined;
  const transport = (uri.params.get("transport") ?? "udp").toLowerCase();
  if (transport !== "udp" && transport !== "tcp") return undefined;
  return { transport, host: uri.params.get("maddr") ?? uri.host, port: uri.port ?? 5060 };
}
