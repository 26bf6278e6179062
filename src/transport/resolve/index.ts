/** The door of name resolution (RFC 3263). */
export { DnsCache } from "./cache.ts";
export type { DnsClient, DnsRecord, Hop, RecordType, Reply, Resolution, Transport } from "./contract.ts";
export { Resolver, type ResolverOptions, type SystemOptions } from "./resolver.ts";
