/** A certificate for first steps, signed by itself (RFC 5280): browsers warn of it, and encrypt all the same. */
import { generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { dirname } from "node:path";
import { parseIp } from "../address.ts";
import { TransportError } from "../contract.ts";

export interface SelfSigned {
  /** Names and IP addresses that it is for. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

const day = 86_400_000;
/** Browsers take none that lives longer. */
const lifetime = 397 * day;

/**
 * Makes the two PEM files where there is no certificate that is good for another week; gives the names of a new one.
 * `now`: milliseconds since 1970.
 *
 * @throws TransportError with the code `certificate` where they cannot be written.
 */
export function ensureSelfSigned(
  files: { readonly cert: string; readonly key: string },
  more: readonly string[],
  now: number,
): readonly string[] | undefined {
  if (lastsWith(files, now + 7 * day)) return undefined;
  const names = [...new Set([...more, "localhost", ...ownNames()])];
  const { cert, key } = makeSelfSigned({ names, from: now - day, to: now - day + lifetime });
  try {
    for (const file of [files.cert, files.key]) mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(files.key, key, { mode: 0o600 });
    // What was there before keeps its rights otherwise.
    chmodSync(files.key, 0o600);
    writeFileSync(files.cert, cert, { mode: 0o644 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TransportError(
      "certificate",
      files.cert,
      `cannot write a self-signed certificate (${reason}); let this user write there, or name a certificate: tls: { cert: FILE, key: FILE }`,
    );
  }
  return names;
}

function lastsWith({ cert, key }: { cert: string; key: string }, until: number): boolean {
  try {
    readFileSync(key);
    return Date.parse(new X509Certificate(readFileSync(cert)).validTo) > until;
  } catch {
    return false;
  }
}

function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  // Link-local ones need a zone, which no certificate names.
  const usable = addresses.map(({ address }) => address).filter((address) => !/^fe80:|%/i.test(address));
  const name = hostname().toLowerCase();
  return [...(/^[a-z0-9.-]{1,63}$/.test(name) ? [name] : []), ...usable.slice(0, 20)];
}

const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
};
const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, "hex"));
/** ecdsa-with-SHA256 (RFC 5758 §3.2). */
const algorithm = sequence(oid("2a8648ce3d040302"));
const octetString = (content: Uint8Array) => tlv(0x04, content);
const bitString = (content: Uint8Array) => tlv(0x03, Buffer.from([0]), content);
/** To the second: GeneralizedTime from 2050 on, UTCTime until then (RFC 5280 §4.1.2.5). */
const time = (ms: number) => {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  return text < "2050" ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text));
};

/** A P-256 key and a certificate of it, both PEM. */
export function makeSelfSigned({ names, from, to }: SelfSigned): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serial = randomBytes(12);
  // A positive number, without leading zeros.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const subject = sequence(tlv(0x31, sequence(oid("550403"), tlv(0x0c, Buffer.from("siproc, self-signed")))));
  const alternatives = names.map((name) => {
    const address = parseIp(name);
    return address === undefined ? tlv(0x82, Buffer.from(name, "latin1")) : tlv(0x87, address);
  });
  const isTrue = tlv(0x01, Buffer.from([0xff]));
  const extensions = [
    // subjectAltName, basicConstraints (no authority), extKeyUsage (serverAuth)
    sequence(oid("551d11"), octetString(sequence(...alternatives))),
    sequence(oid("551d13"), isTrue, octetString(sequence())),
    sequence(oid("551d25"), octetString(sequence(oid("2b06010505070301")))),
  ];
  const signed = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    algorithm,
    subject,
    sequence(time(from), time(to)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions)),
  );
  const der = sequence(signed, algorithm, bitString(sign("sha256", signed, privateKey)));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
