/** Certificates and keys from files to what Bun takes, with errors that say which file is wrong and what to do. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { createLog, type Log } from "../../log.ts";
import { type CertificateFiles, type TlsSettings, TransportError } from "../contract.ts";

/** What connections of one reading of the files need. */
export interface TlsMaterial {
  readonly clients: TlsSettings["clients"];
  /** For a listener; undefined without a certificate of our own. */
  readonly server: Bun.TLSOptions | undefined;
  /** For a connection that we open. The name in its certificate is checked by us (see identity.ts). */
  readonly client: Bun.TLSOptions;
  /** The context for a name that a peer asks for (SNI); undefined: the listener's own. */
  contextFor(name: string): object | undefined;
}

/** Without certificates of our own: connections can be opened, not accepted. */
export const noCertificates: TlsMaterial = {
  clients: "none",
  server: undefined,
  client: { rejectUnauthorized: false },
  contextFor: () => undefined,
};

/** What is wrong with the files that settings name, if anything, in words. Oddities that work are not told. */
export function faultOfTls(settings: TlsSettings): string | undefined {
  try {
    readTls(settings, createLog({ level: "error", format: "json", write: () => {} }), Date.now());
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @throws TransportError with the code `certificate`. What is odd but works is logged as a warning. */
export function readTls(settings: TlsSettings, log: Log, now: number): TlsMaterial {
  const ca = settings.ca === undefined ? undefined : readAuthorities(settings.ca);
  const own = readPair(settings, log, now);
  const verify = {
    requestCert: settings.clients !== "none",
    rejectUnauthorized: false, // Refused by us, with a line in the log: see streams.ts.
    ...(ca === undefined ? {} : { ca }),
  };
  const server = { ...own, ...verify };
  accepted(settings, server);
  const contexts = new Map<string, object>();
  for (const files of settings.names) {
    const name = files.name.toLowerCase();
    contexts.set(name, accepted(files, { ...readPair(files, log, now), ...verify }));
  }
  return {
    clients: settings.clients,
    server,
    client: { ...own, ...(ca === undefined ? {} : { ca }), rejectUnauthorized: false },
    contextFor: (name) => contexts.get(name.toLowerCase()),
  };
}

function readPair(files: CertificateFiles, log: Log, now: number): { cert: string; key: string } {
  const cert = readPem(files.cert, "certificate");
  const certificate = parse(files.cert, () => new X509Certificate(cert));
  const key = readKey(files);
  if (!certificate.checkPrivateKey(key)) {
    throw wrong(
      files.cert,
      `the key in ${files.key} does not belong to the certificate in ${files.cert}; name the key that the certificate was made for (in a chain the own certificate stands first)`,
    );
  }
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const { cert: file } = files;
  if (now > to) log.warn("a certificate has expired: peers will refuse it; renew it", { file, expired: date(to) });
  else if (now < from) log.warn("a certificate is not valid yet: peers will refuse it", { file, from: date(from) });
  return { cert, key: key.export({ type: "pkcs8", format: "pem" }).toString() };
}

function readKey({ key: file, passphrase }: CertificateFiles): KeyObject {
  const pem = readPem(file, "key");
  const encrypted = /ENCRYPTED/.test(pem);
  if (encrypted && passphrase === undefined) {
    throw wrong(file, `the key in ${file} is encrypted; give its passphrase`);
  }
  try {
    return createPrivateKey({ key: pem, format: "pem", ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    throw wrong(
      file,
      encrypted
        ? `the passphrase does not open the key in ${file}; correct it`
        : `${file} holds no private key that can be read (${reasonOf(error)}); it must be PEM`,
    );
  }
}

function readAuthorities(file: string): string {
  const pem = readPem(file, "certificate");
  parse(file, () => new X509Certificate(pem));
  return pem;
}

function readPem(file: string, what: "certificate" | "key"): string {
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const why =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EACCES"
          ? "it may not be read; give this user the right to"
          : reasonOf(error);
    throw wrong(file, `cannot read the ${what} ${file}: ${why}`);
  }
  const marker = what === "key" ? "PRIVATE KEY-----" : "-----BEGIN CERTIFICATE-----";
  if (!text.includes(marker)) throw wrong(file, `${file} holds no ${what} in PEM form ("${marker}" is missing)`);
  return text;
}

function parse<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw wrong(file, `the certificate in ${file} cannot be read (${reasonOf(error)})`);
  }
}

/** Bun's own judgement, before a listener depends on it. Gives the native context, which SNI wants. */
function accepted(files: CertificateFiles, options: Bun.TLSOptions & { cert: string; key: string }): object {
  try {
    const { cert, key, ca, requestCert, rejectUnauthorized } = options;
    const authorities = typeof ca === "string" ? { ca } : {};
    // `requestCert` is what Bun takes for a context; the types of node:tls have it for servers alone.
    const more = { requestCert, rejectUnauthorized };
    const context = createSecureContext({ cert, key, ...authorities, ...more });
    if ("context" in context && typeof context.context === "object" && context.context !== null) return context.context;
    return context;
  } catch (error) {
    throw wrong(files.cert, `the certificate in ${files.cert} cannot be used (${reasonOf(error)})`);
  }
}

function wrong(file: string, message: string): TransportError {
  return new TransportError("certificate", file, message);
}

const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
