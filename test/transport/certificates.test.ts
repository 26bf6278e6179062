import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TlsSettings, TransportError } from "../../src/transport/index.ts";
import { certifies, identitiesOf } from "../../src/transport/tls/identity.ts";
import { Authority } from "../support/certificates.ts";
import { below, seeded } from "../support/random.ts";
import { closeAll, openLayer } from "./support.ts";

const authority = new Authority();
const own = authority.make();
const another = authority.make();
const locked = authority.make({ passphrase: "correct horse" });
const expired = authority.make({ to: "20210101000000Z" });
const early = authority.make({ from: "20480101000000Z" });
const file = (name: string, content: string) => {
  const path = join(authority.folder, name);
  writeFileSync(path, content);
  return path;
};
const words = file("words", "no certificate, no key");
const torn = file("torn", readFileSync(own.cert, "utf8").replace(/\n.{20}/, "\n"));
const missing = join(authority.folder, "missing.pem");

afterEach(closeAll);
afterAll(() => authority.close());

const listen = ["tls://127.0.0.1:0"];
const open = (tls: Partial<TlsSettings>) => openLayer({ listen, tls: { ...own, clients: "none", names: [], ...tls } });

async function refusal(tls: Partial<TlsSettings> | undefined): Promise<TransportError> {
  try {
    await (tls === undefined ? openLayer({ listen }) : open(tls));
  } catch (error) {
    if (error instanceof TransportError) return error;
    throw error;
  }
  throw new RangeError("it listens");
}

describe("what is wrong with a certificate is said, with its file and what to do", () => {
  test.each<[Partial<TlsSettings>, file: string, says: string]>([
    [{ cert: missing }, missing, `cannot read the certificate ${missing}: there is no such file`],
    [{ key: missing }, missing, `cannot read the key ${missing}: there is no such file`],
    [{ ca: missing }, missing, "there is no such file"],
    [{ cert: words }, words, "holds no certificate in PEM form"],
    [{ key: words }, words, "holds no key in PEM form"],
    [{ cert: torn }, torn, "cannot be read"],
    [{ cert: own.key }, own.key, "holds no certificate in PEM form"],
    [{ key: another.key }, own.cert, `the key in ${another.key} does not belong to the certificate in ${own.cert}`],
    [{ ...locked }, locked.key, "is encrypted; give its passphrase"],
    [{ ...locked, passphrase: "wrong" }, locked.key, "the passphrase does not open the key"],
    [{ names: [{ name: "x.example", ...own, key: another.key }] }, own.cert, "does not belong"],
  ])("%j", async (tls, file, says) => {
    const error = await refusal(tls);
    expect([error.code, error.url]).toEqual(["certificate", file]);
    expect(error.message).toContain(says);
  });

  test("none at all", async () => {
    const error = await refusal(undefined);
    expect(error.code).toBe("certificate");
    expect(error.message).toBe(
      "cannot listen on tls://127.0.0.1:0: it needs a certificate; name one and its key as tls.cert and tls.key",
    );
  });

  test("an encrypted key with its passphrase serves", async () => {
    const { log } = await open({ ...locked, passphrase: "correct horse" });
    expect(log).toEqual([]);
  });

  test.each<[string, typeof own, RegExp]>([
    ["has expired", expired, /warn.*a certificate has expired.*renew it.*2021-01-01/],
    ["is not valid yet", early, /warn.*a certificate is not valid yet.*2048-01-01/],
  ])("one that %s serves with a warning", async (_, made, warning) => {
    const { log } = await open(made);
    expect(log.join("")).toMatch(warning);
    expect(log.join("")).toContain(made.cert);
  });
});

describe("whom a certificate speaks for", () => {
  const der = (san: string) => new X509Certificate(readFileSync(authority.make({ san }).cert)).raw;

  test("URIs of sip without a user, else DNS names; and addresses", () => {
    const dns = "DNS:Sip.Example.com,DNS:*.example.net,IP:192.0.2.1,IP:2001:db8:0:0::1,email:a@example.com";
    expect(identitiesOf(der(dns))).toEqual({
      domains: ["sip.example.com", "*.example.net"],
      addresses: ["192.0.2.1", "2001:db8::1"],
    });
    const uris = "URI:SIP:Example.com,URI:sip:example.org:5061;x=y,URI:sips:example.net,URI:sip:bob@example.net";
    expect(identitiesOf(der(`${dns},${uris}`)).domains).toEqual(["example.com", "example.org"]);
  });

  test("a name that looks like two in print is one", () => {
    const name = "x.example,dns:sip.example.com";
    const raw = Buffer.from(der(`DNS:${"x".repeat(name.length)}`));
    raw.write(name, raw.indexOf("x".repeat(name.length)), "latin1");
    expect(certifies(raw, "sip.example.com")).toBe(false);
    expect(identitiesOf(raw).domains).toEqual([name]);
  });

  test("addresses match by value", () => {
    const raw = der("IP:2001:db8::1,IP:127.0.0.1");
    expect(["2001:DB8:0::1", "127.0.0.1", "127.0.0.2", "::1"].map((name) => certifies(raw, name))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("octets of any kind are read in bounded time, and never throw", () => {
    const random = seeded(7);
    const good = der("DNS:sip.example.com,URI:sip:example.com");
    const until = performance.now() + 300;
    for (let i = 0; i < 20_000 && performance.now() < until; i++) {
      const octets = Uint8Array.from(i % 2 === 0 ? good : { length: below(random, 300) }, () => below(random, 256));
      if (i % 2 === 0) {
        octets.set(good);
        for (let changes = 1 + below(random, 8); changes > 0; changes--) {
          octets[below(random, octets.length)] = below(random, 256);
        }
      }
      identitiesOf(octets.subarray(0, below(random, octets.length + 1)));
      identitiesOf(octets);
    }
  });
});
