/** WebRTC transports in virtual time: what passes between two of them, and what nobody else can do to it. */
import { describe, expect, test } from "bun:test";
import { makeCertificate, type OwnCertificate } from "../../src/media/dtls/certificate.ts";
import { ChosenTransport } from "../../src/media/transport/chosen-transport.ts";
import type { Configuration } from "../../src/media/types.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { below, seeded } from "../support/random.ts";

interface End {
  readonly transport: ChosenTransport;
  readonly certificate: OwnCertificate;
  /** All that it sent, and to whom. */
  readonly sent: { packet: Uint8Array; to: string }[];
  readonly received: Uint8Array[];
  refused: number;
  ready: number;
  gone: string | undefined;
}

const [here, there, elsewhere] = ["203.0.113.1", "198.51.100.2", "192.0.2.66"] as const;
const port = 10_000;

/** Two ends, 10 ms apart. */
function network() {
  const clock = new VirtualClock();
  const end = (address: string, other: () => End): End => {
    const made: End = {
      sent: [],
      received: [],
      refused: 0,
      ready: 0,
      gone: undefined,
      certificate: makeCertificate(),
      transport: new ChosenTransport(
        {
          rtp: (packet, toPort, to) => {
            const copy = packet.slice();
            made.sent.push({ packet: copy, to });
            if (toPort === port) clock.after(10, () => other().transport.receiveRtp(copy.slice(), port, address));
          },
          rtcp: () => {},
        },
        {
          ipv6: false,
          clock,
          ready: () => void made.ready++,
          gone: (reason) => {
            made.gone = reason;
          },
        },
      ),
    };
    made.transport.user = {
      receiveRtp: (packet) => void made.received.push(packet.slice()),
      receiveRtcp: () => {},
      refused: () => void made.refused++,
    };
    return made;
  };
  const server: End = end(here, () => browser);
  const browser: End = end(there, () => server);
  return { clock, server, browser };
}

const credentials = (name: string) => ({ ufrag: `${name}Frag`, pwd: `${name}PasswordOf22Chars0` });

function configure(own: End, peer: End, role: "client" | "server", fingerprint = peer.certificate.fingerprint): void {
  const [mine, theirs] = role === "client" ? ["s", "b"] : ["b", "s"];
  const configuration: Configuration = {
    remote: undefined,
    codec: "PCMU",
    payloadType: 0,
    direction: "sendrecv",
    webRtc: {
      local: credentials(mine ?? ""),
      remote: credentials(theirs ?? ""),
      candidates: role === "client" ? [] : [`1 1 udp 2130706431 ${here} ${port} typ host`],
      fingerprints: [fingerprint],
      role,
      lite: role === "client",
      controlling: role === "server",
    },
  };
  own.transport.configure(configuration, own.certificate);
}

function rtp(sequence: number): Uint8Array {
  const packet = new Uint8Array(172).fill(0x55);
  const view = new DataView(packet.buffer);
  view.setUint16(0, 0x8000);
  view.setUint16(2, sequence);
  view.setUint32(8, 0x01020304);
  return packet;
}

/** A call that is up. */
function call() {
  const net = network();
  configure(net.server, net.browser, "client");
  configure(net.browser, net.server, "server");
  net.clock.advance(500);
  return net;
}

describe("two ends", () => {
  test("hear each other, by encrypted packets alone", () => {
    const { clock, server, browser } = call();
    expect([server.ready, browser.ready]).toEqual([1, 1]);
    for (let n = 1; n <= 50; n++) {
      server.transport.rtp(rtp(n), 9, here);
      browser.transport.rtp(rtp(n + 1000), 9, here);
    }
    clock.advance(20);
    expect(browser.received).toEqual(Array.from({ length: 50 }, (_, n) => rtp(n + 1)));
    expect(server.received).toEqual(Array.from({ length: 50 }, (_, n) => rtp(n + 1001)));
    for (const { packet } of [...server.sent, ...browser.sent])
      expect(Buffer.from(packet).includes(Buffer.alloc(32, 0x55))).toBe(false);
  });

  test("send nothing before there are keys", () => {
    const { clock, server, browser } = network();
    configure(server, browser, "client");
    for (let n = 1; n < 10; n++) server.transport.rtp(rtp(n), 9, here);
    clock.advance(100);
    expect(server.sent).toEqual([]);
    configure(browser, server, "server");
    clock.advance(15);
    for (let n = 10; n < 20; n++) server.transport.rtp(rtp(n), 9, here);
    expect(server.sent.some(({ packet }) => (packet[0] ?? 0) >> 6 === 2)).toBe(false);
  });

  test("part: close is told, and leaves no timer", () => {
    const { clock, server, browser } = call();
    browser.transport.close();
    clock.advance(20);
    expect(server.gone).toContain("closed");
    expect(clock.pending).toBe(0);
  });

  test("hear nothing of a peer with another certificate than was signalled", () => {
    const { clock, server, browser } = network();
    configure(server, browser, "client", makeCertificate().fingerprint);
    configure(browser, server, "server");
    clock.advance(20_000);
    expect(server.gone).toContain("fingerprint");
    expect([server.ready, browser.ready]).toEqual([0, 0]);
    expect(clock.pending).toBeLessThanOrEqual(3);
  });
});

describe("a stranger", () => {
  test("is not heard, not even with a packet of the peer's", () => {
    const { clock, server, browser } = call();
    browser.transport.rtp(rtp(1), 9, here);
    const captured = browser.sent.at(-1)?.packet ?? new Uint8Array(0);
    clock.advance(20);
    const before = server.refused;
    server.transport.receiveRtp(captured.slice(), port, elsewhere);
    server.transport.receiveRtp(rtp(2), port, elsewhere);
    server.transport.receiveRtp(captured.slice(), port, there);
    expect(server.received).toHaveLength(1);
    expect(server.refused - before).toBe(3);
    expect(server.sent.some(({ to }) => to === elsewhere)).toBe(false);
  });

  test("who sends whatever he likes gets no answer, and ends nothing (20,000 datagrams)", () => {
    const { clock, server, browser } = call();
    const random = seeded(5);
    const models = [...browser.sent, ...server.sent].map(({ packet }) => packet);
    const began = performance.now();
    for (let n = 0; n < 20_000; n++) {
      const datagram = (models[below(random, models.length)] ?? new Uint8Array(1)).slice();
      for (let i = below(random, 4); i >= 0; i--) datagram[below(random, datagram.length)] = below(random, 256);
      server.transport.receiveRtp(datagram.subarray(0, below(random, datagram.length + 1)), port, elsewhere);
    }
    expect(performance.now() - began).toBeLessThan(5000);
    expect(server.sent.some(({ to }) => to === elsewhere)).toBe(false);
    clock.advance(10_000);
    browser.transport.rtp(rtp(7), 9, here);
    clock.advance(20);
    expect(server.received).toEqual([rtp(7)]);
    expect(server.gone).toBeUndefined();
  });

  test("who forges the peer's address, too, ends nothing (20,000 datagrams)", () => {
    const { clock, server, browser } = call();
    const random = seeded(6);
    const models = browser.sent.map(({ packet }) => packet);
    for (let n = 0; n < 20_000; n++) {
      const datagram = (models[below(random, models.length)] ?? new Uint8Array(1)).slice();
      for (let i = below(random, 4); i >= 0; i--) datagram[below(random, datagram.length)] = below(random, 256);
      server.transport.receiveRtp(datagram, port, there);
    }
    clock.advance(10_000);
    browser.transport.rtp(rtp(7), 9, here);
    clock.advance(20);
    expect(server.received).toEqual([rtp(7)]);
    expect(server.gone).toBeUndefined();
  });
});
