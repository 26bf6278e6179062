/** DTLS-SRTP with OpenSSL, both roles, with keys of P-256 and of RSA: both sides export the same keying material. */
import { afterEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Association, type SrtpKeying } from "../../src/media/dtls/association.ts";
import { makeCertificate } from "../../src/media/dtls/certificate.ts";
import { bindUdp, type UdpSocket } from "../../src/udp.ts";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort, untilBound } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { until } from "../support/peers/until.ts";

const clock = {
  now: () => performance.now(),
  after: (ms: number, fire: () => void) => {
    const timer = setTimeout(fire, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
const srtp = ["-use_srtp", "SRTP_AES128_CM_SHA1_80", "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"];
const kinds = { ec: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], rsa: ["rsa:2048"] } as const;

/** Certificate and key of OpenSSL's, and the certificate's fingerprint. */
function credentials(kind: keyof typeof kinds) {
  const folder = temporaryFolder("dtls");
  const [certificate, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", ...kinds[kind], "-nodes", "-days", "2"],
    ...["-keyout", key, "-out", certificate, "-subj", "/CN=peer"],
  ]);
  const fingerprint = `sha-256 ${new X509Certificate(readFileSync(certificate)).fingerprint256}`;
  return { arguments: ["-cert", certificate, "-key", key], fingerprint };
}

/** Keying material as the exporter gives it (RFC 5764 §4.2): both keys, then both salts. */
function exportedOf({ local, remote }: SrtpKeying, role: "client" | "server"): string {
  const [client, server] = role === "client" ? [local, remote] : [remote, local];
  const parts = [client.subarray(0, 16), server.subarray(0, 16), client.subarray(16), server.subarray(16)];
  return Buffer.concat(parts).toString("hex").toUpperCase();
}

describe.skipIf(!has("openssl"))("OpenSSL", () => {
  const open: { socket?: UdpSocket; program?: Program; association?: Association }[] = [];
  afterEach(async () => {
    for (const { socket, program, association } of open.splice(0)) {
      association?.close();
      await program?.stop();
      socket?.close();
    }
  });

  test.each(["ec", "rsa"] as const)("is the server, with a key of %s", async (kind) => {
    const peer = credentials(kind);
    const port = await freePort();
    const program = new Program({
      command: [
        ...["openssl", "s_server", "-dtls1_2", "-accept", `127.0.0.1:${port}`, "-Verify", "1", ...srtp],
        ...peer.arguments,
      ],
      stdin: true,
    });
    open.push({ program });
    await untilBound(port, "udp", 5000, program.pid);
    let keying: SrtpKeying | undefined;
    let association: Association | undefined;
    const socket = await bindUdp({
      host: "127.0.0.1",
      port: 0,
      onPacket: (datagram) => association?.receive(datagram),
    });
    association = new Association({
      role: "client",
      certificate: makeCertificate(),
      fingerprints: [peer.fingerprint],
      clock,
      send: (datagram) => void socket.send(datagram, port, "127.0.0.1"),
      connected: (keys) => {
        keying = keys;
      },
      ended: () => {},
    });
    open.push({ socket, association });
    association.start();
    const keys = await until("keys", () => keying);
    const material = await program.line(/Keying material: /);
    expect(keys.profile).toBe("AES_CM_128_HMAC_SHA1_80");
    expect(exportedOf(keys, "client")).toBe(material.replace(/.*: /, ""));
  });

  test.each(["ec", "rsa"] as const)("is the client, with a key of %s", async (kind) => {
    const peer = credentials(kind);
    let keying: SrtpKeying | undefined;
    let source: { host: string; port: number } | undefined;
    const socket = await bindUdp({
      host: "127.0.0.1",
      port: 0,
      onPacket: (datagram, port, host) => {
        source = { host, port };
        association.receive(datagram);
      },
    });
    const association = new Association({
      role: "server",
      certificate: makeCertificate(),
      fingerprints: [peer.fingerprint],
      clock,
      send: (datagram) => void (source && socket.send(datagram, source.port, source.host)),
      connected: (keys) => {
        keying = keys;
      },
      ended: () => {},
    });
    const program = new Program({
      command: [
        ...["openssl", "s_client", "-dtls1_2", "-connect", `127.0.0.1:${socket.port}`, ...srtp],
        ...peer.arguments,
      ],
      stdin: true,
    });
    open.push({ socket, association, program });
    const keys = await until("keys", () => keying);
    const material = await program.line(/Keying material: /);
    expect(exportedOf(keys, "server")).toBe(material.replace(/.*: /, ""));
  });
});
