/** A certificate authority of one test, and a server's certificate that it signed: files as openssl makes them, good for two days. */
import { join } from "node:path";
import { temporaryFolder } from "./folder.ts";
import { ProgramError } from "./program.ts";

export interface Certificates {
  /** Files: the server's certificate, its private key, and the certificate of who signed it. */
  certificate: string;
  key: string;
  ca: string;
}

/** Certificates of a server with these names: domains and IP addresses. */
export function certificatesFor(names: readonly string[]): Certificates {
  const folder = temporaryFolder("certificates");
  const file = (name: string) => join(folder, name);
  const make = (name: string, subject: string, ...more: string[]) => {
    const done = Bun.spawnSync([
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-keyout", file(`${name}.key`), "-out", file(`${name}.pem`), "-subj", `/CN=${subject}`, ...more],
    ]);
    if (!done.success) throw new ProgramError(`openssl: ${done.stderr}`);
  };
  make("ca", "Authority of a test");
  const alternatives = names.map((name) => `${/^[\d.]+$|:/.test(name) ? "IP" : "DNS"}:${name}`).join(",");
  make(
    "server",
    names[0] ?? "server",
    ...["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-addext", `subjectAltName=${alternatives}`],
  );
  return { certificate: file("server.pem"), key: file("server.key"), ca: file("ca.pem") };
}
