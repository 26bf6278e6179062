/** Which SIP domains a certificate speaks for (RFC 5922 §7): its subjectAltName and common name, read from DER. Sans-IO. */
import { canonicalHost } from "../../sip/host.ts";
import { formatIp, ipFamily } from "../address.ts";

export interface Identities {
  /** What of the certificate may be compared with a domain; in lower case. */
  readonly domains: readonly string[];
  /** IP addresses, in canonical form. */
  readonly addresses: readonly string[];
}

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Where the next element starts. */
  readonly next: number;
}

const sequence = 0x30;
const oid = 0x06;
const octetString = 0x04;
const dnsName = 0x82;
const uri = 0x86;
const ipAddress = 0x87;
/** 2.5.29.17 and 2.5.4.3 as DER writes them. */
const subjectAltName = "551d11";
const commonName = "550403";

/**
 * Whether the certificate with these DER octets may speak for `name`, a domain or an IP address. Wildcards match nothing
 * (§7.2); a `sip:` URI counts before all DNS names, these before the common name (§7.1).
 */
export function certifies(der: Uint8Array, name: string): boolean {
  const { domains, addresses } = identitiesOf(der);
  if (ipFamily(name) !== 0) return addresses.some((each) => canonicalHost(each) === canonicalHost(name));
  return domains.includes(withoutDot(name.toLowerCase()));
}

/** Nothing at all where the octets cannot be read. */
export function identitiesOf(der: Uint8Array): Identities {
  const certificate = read(der, 0);
  const tbs = certificate?.tag === sequence ? read(certificate.content, 0) : undefined;
  if (tbs?.tag !== sequence) return { domains: [], addresses: [] };
  // version [0], serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, ..., extensions [3]
  const fields = elements(tbs.content);
  const subject = fields[fields[0]?.tag === 0xa0 ? 5 : 4];
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  const names = extensions === undefined ? undefined : alternativeNames(extensions.content);
  if (names === undefined) return { domains: subject === undefined ? [] : commonNames(subject.content), addresses: [] };

  const text = (tag: number) => names.filter((each) => each.tag === tag).map(({ content }) => latin1(content));
  const sip = text(uri).flatMap(sipDomain);
  return {
    domains: sip.length > 0 ? sip : text(dnsName).map((name) => withoutDot(name.toLowerCase())),
    addresses: names.filter(({ tag }) => tag === ipAddress).flatMap(({ content }) => formatIp(content) ?? []),
  };
}

function alternativeNames(extensions: Uint8Array): Element[] | undefined {
  const list = read(extensions, 0);
  for (const extension of list === undefined ? [] : elements(list.content)) {
    const [id, ...rest] = elements(extension.content);
    if (id?.tag !== oid || hex(id.content) !== subjectAltName) continue;
    const value = rest.find(({ tag }) => tag === octetString);
    const names = value === undefined ? undefined : read(value.content, 0);
    return names?.tag === sequence ? elements(names.content) : [];
  }
  return undefined;
}

/** The last common name alone: the most specific one (RFC 2818 §3.1). */
function commonNames(subject: Uint8Array): string[] {
  const names = elements(subject)
    .flatMap(({ content }) => elements(content))
    .flatMap(({ content }) => {
      const [id, value] = elements(content);
      return id !== undefined && value !== undefined && hex(id.content) === commonName ? [latin1(value.content)] : [];
    });
  return names.slice(-1).map((name) => withoutDot(name.toLowerCase()));
}

/** `sip:example.com` names a domain, `sip:alice@example.com` a user (§7.1). */
function sipDomain(text: string): string[] {
  const match = /^sip:([^@:;?/]+)(?::\d{1,5})?(?:[;?][^@]*)?$/i.exec(text);
  return match?.[1] === undefined ? [] : [withoutDot(match[1].toLowerCase())];
}

function withoutDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

function elements(content: Uint8Array): Element[] {
  const all: Element[] = [];
  for (let at = 0; at < content.length; ) {
    const element = read(content, at);
    if (element === undefined) break;
    all.push(element);
    at = element.next;
  }
  return all;
}

/** One element of DER; undefined when it does not fit its octets. */
function read(octets: Uint8Array, at: number): Element | undefined {
  const tag = octets[at];
  const first = octets[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  let length = first;
  let start = at + 2;
  if (first > 0x80) {
    const more = first & 0x7f;
    if (more > 3) return undefined;
    length = 0;
    for (let i = 0; i < more; i++) length = length * 256 + (octets[start + i] ?? 0);
    start += more;
  } else if (first === 0x80) return undefined;
  const next = start + length;
  return next > octets.length ? undefined : { tag, content: octets.subarray(start, next), next };
}

const latin1 = (octets: Uint8Array) => Buffer.from(octets).toString("latin1");
const hex = (octets: Uint8Array) => Buffer.from(octets).toString("hex");
