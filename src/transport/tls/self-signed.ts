/** A certificate for first steps, signed by itself (RFC 5280): browsers warn of it, and encrypt all the same. */
import { X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { dirname } from "node:path";
import { selfSigned } from "../../self-signed.ts";
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

/** A P-256 key and a certificate of it, both PEM. */
export function makeSelfSigned({ names, from, to }: SelfSigned): { cert: string; key: string } {
  const addresses = names.map((name) => parseIp(name)).filter((address) => address !== undefined);
  const { der, privateKey } = selfSigned({
    commonName: "siproc, self-signed",
    from,
    to,
    server: { names: names.filter((name) => parseIp(name) === undefined), addresses },
  });
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
