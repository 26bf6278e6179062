/** DTLS associations: both roles with each other over a lossy path, with OpenSSL, and with strangers. */
import { describe, expect, test } from "bun:test";
import { Association, type SrtpKeying } from "../../../src/media/dtls/association.ts";
import { makeCertificate, type OwnCertificate } from "../../../src/media/dtls/certificate.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";
import { below, seeded } from "../../support/random.ts";

const ours = makeCertificate();
const theirs = makeCertificate();

interface End {
  association: Association;
  keying: SrtpKeying | undefined;
  ended: string | undefined;
}

interface PairOptions {
  /** Whether a datagram, by its number, is lost. */
  loses?: (n: number, datagram: Uint8Array) => boolean;
  clientCertificate?: OwnCertificate;
  serverCertificate?: OwnCertificate;
  /** What comes instead of a datagram. */
  changes?: (datagram: Uint8Array, from: "client" | "server") => Uint8Array;
}

/** Two ends whose datagrams take 10 ms. */
function pair({ loses = () => false, changes = (datagram) => datagram, ...own }: PairOptions = {}) {
  const clock = new VirtualClock();
  let count = 0;
  const end = (role: "client" | "server", certificate: OwnCertificate, fingerprint: string, other: () => End): End => {
    const made: End = {
      association: new Association({
        role,
        certificate,
        fingerprints: [fingerprint],
        clock,
        send: (datagram) => {
          if (loses(count++, datagram)) return;
          clock.after(10, () => other().association.receive(changes(datagram.slice(), role)));
        },
        connected: (keying) => {
          made.keying = keying;
        },
        ended: (reason) => {
          made.ended = reason;
        },
      }),
      keying: undefined,
      ended: undefined,
    };
    return made;
  };
  const client: End = end("client", own.clientCertificate ?? ours, theirs.fingerprint, () => server);
  const server: End = end("server", own.serverCertificate ?? theirs, ours.fingerprint, () => client);
  return { clock, client, server };
}

const hex = (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString("hex");

function expectAgreement(client: End, server: End) {
  expect(client.keying?.profile).toBe("AEAD_AES_128_GCM");
  expect(server.keying?.profile).toBe("AEAD_AES_128_GCM");
  expect(hex(client.keying?.local)).toBe(hex(server.keying?.remote));
  expect(hex(client.keying?.remote)).toBe(hex(server.keying?.local));
  expect(client.keying?.local.length).toBe(28);
  expect(hex(client.keying?.local)).not.toBe(hex(client.keying?.remote));
}

describe("two ends", () => {
  test("have the same keys after two round trips", () => {
    const { clock, client, server } = pair();
    client.association.start();
    clock.advance(40);
    expectAgreement(client, server);
    client.association.close();
    clock.advance(20);
    expect(server.ended).toContain("closed");
    expect(client.ended).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  test.each(Array.from({ length: 8 }, (_, n) => n))("get over the loss of datagram %d", (lost) => {
    const { clock, client, server } = pair({ loses: (n) => n === lost });
    client.association.start();
    clock.advance(5000);
    expectAgreement(client, server);
    expect(clock.pending).toBe(0);
  });

  test("get over the loss of a third of all datagrams, whichever they are", () => {
    let through = 0;
    for (let seed = 0; seed < 40; seed++) {
      const random = seeded(seed);
      const { clock, client, server } = pair({ loses: () => random() < 0.33 });
      client.association.start();
      clock.advance(20_000);
      if (client.keying !== undefined && server.keying !== undefined) through++;
    }
    expect(through).toBeGreaterThanOrEqual(38);
  });

  test("end when nobody answers, and leave no timer", () => {
    const { clock, client } = pair({ loses: () => true });
    client.association.start();
    clock.advance(20_000);
    expect(client.ended).toContain("does not answer");
    expect(clock.pending).toBe(0);
  });
});

describe("an association is refused", () => {
  test.each([
    ["client", { clientCertificate: makeCertificate() }],
    ["server", { serverCertificate: makeCertificate() }],
  ] as const)("whose %s has another certificate than was signalled", (who, options) => {
    const { clock, client, server } = pair(options);
    client.association.start();
    clock.advance(20_000);
    expect([client.keying, server.keying]).toEqual([undefined, undefined]);
    expect((who === "client" ? server : client).ended).toContain("fingerprint");
  });

  test.each([
    ["client", "server"],
    ["server", "client"],
  ] as const)("whose %s shows the right certificate without having its key", (who, other) => {
    const right = who === "client" ? ours : theirs;
    const forged: OwnCertificate = { ...right, privateKey: makeCertificate().privateKey };
    const ends = pair(who === "client" ? { clientCertificate: forged } : { serverCertificate: forged });
    ends.client.association.start();
    ends.clock.advance(20_000);
    expect(ends[other].keying).toBeUndefined();
    expect(ends[other].ended).toContain("signature");
  });

  test("whose hellos somebody has changed", () => {
    // The first octet of the client's random: all else is in order.
    const changes = (datagram: Uint8Array, from: string) => {
      if (from === "client" && datagram[13] === 1) datagram[27] = (datagram[27] ?? 0) ^ 1;
      return datagram;
    };
    const { clock, client, server } = pair({ changes });
    client.association.start();
    clock.advance(20_000);
    expect([client.keying, server.keying]).toEqual([undefined, undefined]);
  });
});

/** The hello without a usable cipher of ES2023-01, -02 and -03. */
const hostileHello = Buffer.from(
  "Fv7/AAAAAAAAAAAAfAEAAHAAAAAAAAAAcP79AAAG4HCVaUNVbYVmxuqdn2WyCgtTijhZ+WheP/+H4AAAACAAABAABEABcAAP8BAAEAAAoACAAGAB0AFwAYAAsAAgEAACMAAAANABQAEgQDCAQEAQUDCAUFAQgGBgECAQAOAAkABgABAAgABwA=",
  "base64",
);

describe("a server", () => {
  test("takes the right hello after any number of wrong ones", () => {
    const { clock, client, server } = pair();
    for (let n = 0; n < 1000; n++) server.association.receive(hostileHello);
    client.association.start();
    clock.advance(100);
    expectAgreement(client, server);
    for (let n = 0; n < 1000; n++) server.association.receive(hostileHello);
    expect(server.ended).toBeUndefined();
  });

  test("bears 20,000 datagrams of any content, and is there for its client", () => {
    const random = seeded(7);
    const captured: Uint8Array[] = [];
    const first = pair({ loses: (_, datagram) => captured.push(datagram.slice()) < 0 });
    first.client.association.start();
    first.clock.advance(100);
    const began = performance.now();
    const { clock, client, server } = pair({ loses: () => false });
    for (let n = 0; n < 20_000; n++) {
      const model = captured[below(random, 1)] ?? new Uint8Array(0);
      const datagram = model.slice(0, below(random, model.length + 1));
      for (let i = below(random, 8); i >= 0; i--) datagram[below(random, datagram.length)] = below(random, 256);
      // A hello that is good enough begins an association with somebody else: that is ICE's to prevent.
      if (datagram.length < 100) server.association.receive(datagram);
    }
    expect(performance.now() - began).toBeLessThan(5000);
    client.association.start();
    clock.advance(5000);
    expectAgreement(client, server);
  });
});
