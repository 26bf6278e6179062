/** The certificate for first steps: what it is for, how long, who may read its key. */
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TransportError } from "../../src/transport/index.ts";
import { ensureSelfSigned, makeSelfSigned } from "../../src/transport/tls/self-signed.ts";
import { temporaryFolder } from "../support/peers/folder.ts";

const day = 86_400_000;
const now = Date.UTC(2030, 0, 1);

test("names names and addresses, is signed by itself, and is no authority", () => {
  const { cert } = makeSelfSigned({ names: ["localhost", "192.0.2.1", "2001:db8::1"], from: now, to: now + day });
  const certificate = new X509Certificate(cert);
  expect(certificate.subjectAltName).toContain("DNS:localhost, IP Address:192.0.2.1, IP Address:2001:DB8");
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(Date.parse(certificate.validTo)).toBe(now + day);
});

test("a time beyond 2049 is written as such a time is", () => {
  const far = Date.UTC(2055, 4, 6, 7, 8, 9);
  expect(Date.parse(new X509Certificate(makeSelfSigned({ names: ["a"], from: now, to: far }).cert).validTo)).toBe(far);
});

test("is made once, and anew in its last week; nobody else may read the key", () => {
  const folder = temporaryFolder("self-signed");
  const files = { cert: join(folder, "tls", "cert.pem"), key: join(folder, "tls", "key.pem") };
  expect(ensureSelfSigned(files, ["pbx.example.com"], now)).toContain("pbx.example.com");
  expect(statSync(files.key).mode & 0o777).toBe(0o600);
  const first = readFileSync(files.cert, "latin1");
  expect(ensureSelfSigned(files, [], now + 380 * day)).toBeUndefined();
  expect(readFileSync(files.cert, "latin1")).toBe(first);
  chmodSync(files.key, 0o644);
  expect(ensureSelfSigned(files, [], now + 391 * day)).toContain("localhost");
  expect(statSync(files.key).mode & 0o777).toBe(0o600);
  expect(new X509Certificate(readFileSync(files.cert)).subjectAltName).not.toContain("pbx");
});

test("where it cannot be written, the error says what to do", () => {
  const folder = temporaryFolder("self-signed");
  writeFileSync(join(folder, "tls"), "a file");
  const files = { cert: join(folder, "tls", "cert.pem"), key: join(folder, "tls", "key.pem") };
  expect(() => ensureSelfSigned(files, [], now)).toThrow(TransportError);
  expect(() => ensureSelfSigned(files, [], now)).toThrow("name a certificate");
});
