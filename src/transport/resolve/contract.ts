/** What the parts of name resolution say to each other: hops, DNS records and replies. */
import type { Flow } from "../../sip/flow.ts";

export type Transport = Flow["transport"];
export type IpFamily = 4 | 6;

/** One place to try (RFC 3263 §4): how and where to send, and whom a TLS certificate must name (RFC 5922 §4). */
export interface Hop {
  readonly transport: Transport;
  /** An IP literal, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** For TLS and WSS: the domain of the URI, whatever DNS made of it. Undefined where the URI names an address. */
  readonly serverName?: string;
}

export type Resolution = { ok: true; hops: readonly Hop[] } | { ok: false; reason: string };

export type RecordType = "A" | "AAAA" | "SRV" | "NAPTR";

export interface AddressRecord {
  readonly type: "A" | "AAAA";
  readonly address: string;
}

/** RFC 2782. A `target` of "." says that the service is not offered. */
export interface SrvRecord {
  readonly type: "SRV";
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** RFC 3403, without the regular expression, which RFC 3263 §4.1 leaves empty. */
export interface NaptrRecord {
  readonly type: "NAPTR";
  readonly order: number;
  readonly preference: number;
  /** In lower case. */
  readonly flags: string;
  /** In upper case, such as "SIP+D2U". */
  readonly service: string;
  readonly replacement: string;
}

export type DnsRecord = AddressRecord | SrvRecord | NaptrRecord;

/** What became of a question. `ttl` in seconds, as the DNS says it. */
export type Reply =
  | { readonly kind: "records"; readonly records: readonly DnsRecord[]; readonly ttl: number }
  /** The name does not exist, or has no such record (RFC 2308). */
  | { readonly kind: "none"; readonly ttl: number }
  /** Nobody could say. */
  | { readonly kind: "failed"; readonly reason: string };

export interface DnsClient {
  /** Asks for the records of a name without a final dot. Calls `done` exactly once, possibly in the same turn. */
  query(name: string, type: RecordType, done: (reply: Reply) => void): void;
  /** Settles what is under way as failed. */
  close(): void;
}
