/**
 * DNS messages (RFC 1035): our queries, and what a reply means. The octets are the business of the npm package
 * `dns-packet`; here is what must hold before and after, since a reply is a stranger's.
 */
import { type Answer, type DecodedPacket, decode, encode, RECURSION_DESIRED } from "dns-packet";
import { isHostName } from "../../sip/host.ts";
import { ipFamily, socketHost } from "../address.ts";
import type { DnsRecord, RecordType, Reply } from "./contract.ts";

/** Octets of a reply over UDP that we can take: what passes every network in one piece (RFC 9715 §3). */
const udpPayload = 1232;
/** Octets of a reply over TCP that we read: some hundred records. */
export const maxReply = 16 * 1024;
/** Records in all sections of a reply: more is no reply to us, and would take long to read. */
const maxRecords = 150;
/** Records of the wanted type that are used; of a name with more, the rest is ignored. */
const maxUsed = 32;
/** RFC 1034 §3.6.2 knows no limit for aliases of aliases; whoever has more has a loop. */
export const maxAliases = 8;

/**
 * A query without its id, for `withId`; undefined for a name that the DNS cannot hold (RFC 1035 §2.3.4). `edns`: say that
 * we take larger datagrams (RFC 6891).
 */
export function encodeQuery(name: string, type: RecordType, edns: boolean): Uint8Array | undefined {
  if (name.length > 253 || name.split(".").some((label) => label.length < 1 || label.length > 63)) return undefined;
  return encode({
    type: "query",
    id: 0,
    flags: RECURSION_DESIRED,
    questions: [{ name, type, class: "IN" }],
    ...(edns
      ? {
          additionals: [
            {
              name: ".",
              type: "OPT",
              udpPayloadSize: udpPayload,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
        }
      : {}),
  });
}

/** The same query with another id, in octets of its own. */
export function withId(query: Uint8Array, id: number): Uint8Array {
  const own = query.slice();
  own[0] = id >> 8;
  own[1] = id & 255;
  return own;
}

/** What a datagram or a message on a stream means for the query that is out. */
export type Meaning =
  | Reply
  /** The answer is under another name, for which this server was not asked. */
  | { readonly kind: "alias"; readonly name: string; readonly ttl: number }
  /** Not the reply to this query, or not to be read: as if nothing had come. */
  | { readonly kind: "ignore" }
  /** There is more, on a stream (RFC 1035 §4.2.1). */
  | { readonly kind: "truncated" }
  /** The server does not understand EDNS (RFC 6891 §7). */
  | { readonly kind: "plain" };

/** Reads what came for `query`, which was sent as it stands there, asking for `type` of `name`. Never throws. */
export function readReply(octets: Uint8Array, query: Uint8Array, name: string, type: RecordType): Meaning {
  if (!answers(octets, query)) return ignore;
  const flags = at16(octets, 2);
  const records = at16(octets, 6) + at16(octets, 8) + at16(octets, 10);
  if (records > maxRecords) return { kind: "failed", reason: `${records} records are too many` };
  const rcode = flags & 15;
  if (rcode === 1 || rcode === 4) return { kind: "plain" };
  if ((flags & 0x0200) !== 0) return { kind: "truncated" };
  if (rcode !== 0 && rcode !== 3) return { kind: "failed", reason: rcodes[rcode] ?? `response code ${rcode}` };
  try {
    const packet = decode(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength));
    const meaning = meaningOf(packet, name, type);
    // NXDOMAIN is said of the last name in a chain of aliases (RFC 6604 §3).
    return rcode === 3 && meaning.kind === "alias" ? { kind: "none", ttl: meaning.ttl } : meaning;
  } catch {
    return { kind: "failed", reason: "the reply cannot be read" };
  }
}

const ignore = { kind: "ignore" } as const;
const rcodes: Readonly<Record<number, string>> = { 2: "server failure", 5: "the query was refused" };

/** A standard response with the query's id and its one question, which is compared octet by octet but for case. */
function answers(octets: Uint8Array, query: Uint8Array): boolean {
  if (octets.length < 12 || at16(octets, 0) !== at16(query, 0)) return false;
  // QR set, OPCODE 0, one question.
  if (((octets[2] ?? 0) & 0xf8) !== 0x80 || at16(octets, 4) !== 1) return false;
  const end = endOfQuestion(query);
  if (octets.length < end) return false;
  for (let at = 12; at < end; at++) if (lower(octets[at] ?? 0) !== lower(query[at] ?? 0)) return false;
  return true;
}

/** Length octets of labels are below 64, and so are never taken for letters. */
function lower(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
}

function endOfQuestion(query: Uint8Array): number {
  let at = 12;
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1;
  return at + 5;
}

function at16(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}

function meaningOf(packet: DecodedPacket, asked: string, type: RecordType): Meaning {
  const answers = packet.answers ?? [];
  let name = asked.toLowerCase();
  let ttl = Number.POSITIVE_INFINITY;
  for (let aliases = 0; ; aliases++) {
    const records: DnsRecord[] = [];
    for (const answer of answers) {
      if (answer.type !== type || answer.name.toLowerCase() !== name || !isInternet(answer)) continue;
      const record = recordOf(answer);
      if (record === undefined) continue;
      records.push(record);
      ttl = Math.min(ttl, ttlOf(answer));
    }
    if (records.length > 0) return { kind: "records", records: best(records), ttl };
    const alias = answers.find((answer) => answer.type === "CNAME" && answer.name.toLowerCase() === name);
    if (alias?.type !== "CNAME") break;
    const target = alias.data.toLowerCase();
    if (!isHostName(target)) return { kind: "failed", reason: "the name is an alias of no name" };
    if (aliases >= maxAliases) return { kind: "failed", reason: "the name is an alias of an alias, and so on" };
    name = target;
    ttl = Math.min(ttl, ttlOf(alias));
  }
  const negative = negativeTtl(packet);
  if (name === asked.toLowerCase() || negative !== undefined)
    return { kind: "none", ttl: Math.min(ttl, negative ?? 0) };
  return { kind: "alias", name, ttl };
}

/** Those that are used: where there are too many, the ones that their owner prefers. */
function best(records: DnsRecord[]): DnsRecord[] {
  if (records.length <= maxUsed) return records;
  const rank = (record: DnsRecord) =>
    record.type === "SRV" ? record.priority : record.type === "NAPTR" ? record.order : 0;
  return records.sort((a, b) => rank(a) - rank(b)).slice(0, maxUsed);
}

function isInternet(answer: Answer): boolean {
  return answer.type !== "OPT" && answer.class === "IN";
}

/** RFC 2181 §8: a TTL with its highest bit set is none. */
function ttlOf(answer: Answer): number {
  const ttl = answer.type === "OPT" ? 0 : (answer.ttl ?? 0);
  return ttl > 0x7fffffff ? 0 : ttl;
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its minimum. */
function negativeTtl(packet: DecodedPacket): number | undefined {
  const soa = packet.authorities?.find((authority) => authority.type === "SOA");
  return soa?.type === "SOA" ? Math.min(ttlOf(soa), soa.data.minimum ?? 0) : undefined;
}

/** What we use of a record; undefined for one that holds what it must not. */
function recordOf(answer: Answer): DnsRecord | undefined {
  switch (answer.type) {
    case "A":
      return ipFamily(answer.data) === 4 ? { type: "A", address: answer.data } : undefined;
    case "AAAA": {
      const address = socketHost(answer.data);
      // An IPv4 address in IPv6 clothes belongs into an A record: nobody's listener would fit.
      return ipFamily(address) === 6 ? { type: "AAAA", address } : undefined;
    }
    case "SRV": {
      const { priority = 0, weight = 0, port, target } = answer.data;
      const name = target.toLowerCase();
      if (name !== "." && (!isHostName(name) || port === 0)) return undefined;
      return { type: "SRV", priority, weight, port, target: name };
    }
    case "NAPTR": {
      const { order, preference, flags, services, regexp, replacement } = answer.data;
      const service = services.toUpperCase();
      const name = replacement.toLowerCase();
      if (regexp !== "" || !isHostName(name) || service.length > 16) return undefined;
      return { type: "NAPTR", order, preference, flags: flags.toLowerCase(), service, replacement: name };
    }
    default:
      return undefined;
  }
}
