/** Certificates for tests, made by openssl in a folder of their own: an authority and what it signs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface MadeCertificate {
  cert: string;
  key: string;
}

export interface CertificateOptions {
  /** The subjectAltName, such as `DNS:a.example.com,URI:sip:example.com`; none by default. */
  san?: string;
  /** The common name. */
  cn?: string;
  /** When it starts and ends to be valid, `YYYYMMDDHHMMSSZ`. */
  from?: string;
  to?: string;
  /** Encrypts the key. */
  passphrase?: string;
  /** What the authority itself has signed, instead of the authority. */
  selfSigned?: boolean;
}

/** A certificate authority. `close` removes its files. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), "siproc-certificates-"));
  readonly ca: string;
  #made = 0;

  constructor(name = "Test Authority") {
    this.ca = join(this.folder, "ca.pem");
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-noenc",
      "-keyout",
      this.#caKey,
      "-out",
      this.ca,
      "-days",
      "30",
      "-subj",
      `/CN=${name}`,
    );
  }

  get #caKey(): string {
    return join(this.folder, "ca.key");
  }

  make(options: CertificateOptions = {}): MadeCertificate {
    const base = join(this.folder, `c${++this.#made}`);
    const made = { cert: `${base}.pem`, key: `${base}.key` };
    const encryption = options.passphrase === undefined ? ["-noenc"] : ["-passout", `pass:${options.passphrase}`];
    const subject = ["-subj", `/CN=${options.cn ?? "test"}`];
    const extension = options.san === undefined ? [] : ["-addext", `subjectAltName=${options.san}`];
    if (options.selfSigned === true) {
      openssl(
        "req",
        "-x509",
        ...newKey,
        ...encryption,
        "-keyout",
        made.key,
        "-out",
        made.cert,
        ...subject,
        ...extension,
      );
      return made;
    }
    openssl("req", ...newKey, ...encryption, "-keyout", made.key, "-out", `${base}.csr`, ...subject);
    // `openssl ca` alone takes dates of the past on all versions.
    const config = `${base}.cnf`;
    writeFileSync(
      config,
      [
        "[ca]\ndefault_ca = it\n[it]",
        `database = ${base}.index\nnew_certs_dir = ${this.folder}\nrand_serial = yes\ndefault_md = sha256`,
        "policy = any\nunique_subject = no\nx509_extensions = ext\n[any]\ncommonName = supplied\n[ext]",
        options.san === undefined ? "keyUsage = digitalSignature" : `subjectAltName = ${options.san}`,
      ].join("\n"),
    );
    writeFileSync(`${base}.index`, "");
    const valid = ["-startdate", options.from ?? "20200101000000Z", "-enddate", options.to ?? "20490101000000Z"];
    const by = ["-cert", this.ca, "-keyfile", this.#caKey];
    openssl("ca", "-batch", "-notext", "-config", config, ...by, "-in", `${base}.csr`, "-out", made.cert, ...valid);
    return made;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

function openssl(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new RangeError(`openssl ${args.join(" ")}: ${stderr.toString()}`);
}
