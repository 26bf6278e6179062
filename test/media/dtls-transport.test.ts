/** SRTP with keys by DTLS and without ICE, in virtual time: two ends come to their keys, whatever strangers say meanwhile. */
import { describe, expect, test } from "bun:test";
import { makeCertificate, type OwnCertificate } from "../../src/media/dtls/certificate.ts";
import { ChosenTransport } from "../../src/media/transport/chosen-transport.ts";
import type { LatchRule } from "../../src/media/types.ts";
import { VirtualClock } from "../../src/sip/clock.ts";

type Port = "rtp" | "rtcp";
interface End {
  readonly host: string;
  readonly transport: ChosenTransport;
  readonly certificate: OwnCertificate;
  /** What its session got, and what was sent to addresses of nobody's. */
  readonly received: [port: Port, packet: string, host: string][];
  readonly astray: string[];
  readonly wire: Uint8Array[];
  ready: number;
  gone: string | undefined;
}

const port = 10_000;
const text = (packet: Uint8Array) => Buffer.from(packet).toString("hex");

/** Ends that reach each other by host, RTP on one port and RTCP on the next, 10 ms apart. */
function network() {
  const clock = new VirtualClock();
  const ends = new Map<string, End>();
  const add = (host: string, latch?: LatchRule): End => {
    const send = (packet: Uint8Array, toPort: number, to: string) => {
      const copy = packet.slice();
      end.wire.push(copy);
      const other = ends.get(to);
      if (other === undefined || (toPort !== port && toPort !== port + 1))
        return void end.astray.push(`${to}:${toPort}`);
      clock.after(10, () => {
        if (toPort === port) other.transport.receiveRtp(copy.slice(), port, host);
        else other.transport.receiveRtcp(copy.slice(), port + 1, host);
      });
    };
    const end: End = {
      host,
      certificate: makeCertificate(),
      received: [],
      astray: [],
      wire: [],
      ready: 0,
      gone: undefined,
      transport: new ChosenTransport(
        { rtp: send, rtcp: send },
        {
          ...{ ipv6: false, clock, latch },
          ready: () => void end.ready++,
          gone: (reason) => {
            end.gone = reason;
          },
        },
      ),
    };
    end.transport.user = {
      receiveRtp: (packet, _, from) => void end.received.push(["rtp", text(packet), from]),
      receiveRtcp: (packet, _, from) => void end.received.push(["rtcp", text(packet), from]),
      refused: () => {},
    };
    ends.set(host, end);
    return end;
  };
  return { clock, add };
}

function configure(
  own: End,
  peer: Pick<End, "host" | "certificate">,
  role: "client" | "server",
  rtcpMux = false,
): void {
  const none = { ufrag: "", pwd: "" };
  own.transport.configure(
    {
      ...{ remote: { host: peer.host, port, rtcpPort: port + 1 }, rtcpMux, codec: "PCMU", payloadType: 0 },
      direction: "sendrecv",
      webRtc: {
        ...{ iceless: true, local: none, remote: none, candidates: [], lite: false, controlling: false, role },
        fingerprints: [peer.certificate.fingerprint],
      },
    },
    own.certificate,
  );
}

function rtp(sequence: number): Uint8Array {
  const packet = new Uint8Array(172).fill(0x55);
  new DataView(packet.buffer).setUint32(0, 0x8000_0000 + sequence);
  return packet;
}
const rtcp = Uint8Array.of(0x80, 201, 0, 1, 1, 2, 3, 4);
const [here, there, elsewhere] = ["203.0.113.1", "198.51.100.2", "192.0.2.66"];

describe.each([
  ["with one port", true],
  ["with a port each", false],
])("%s", (_, mux) => {
  test.each(["client", "server"] as const)("both come to their keys, ours as %s, and hear each other", (role) => {
    const { clock, add } = network();
    const [ours, theirs] = [add(here), add(there)];
    configure(ours, theirs, role, mux);
    configure(theirs, ours, role === "client" ? "server" : "client", mux);
    clock.advance(3000);
    expect([ours.ready, theirs.ready]).toEqual([1, 1]);
    const before = theirs.wire.length;
    theirs.transport.rtp(rtp(1), port, here);
    if (mux) theirs.transport.rtp(rtcp, port, here);
    else theirs.transport.rtcp(rtcp, port + 1, here);
    clock.advance(20);
    expect(ours.received).toEqual([
      ["rtp", text(rtp(1)), there],
      [mux ? "rtp" : "rtcp", text(rtcp), there],
    ]);
    // Nothing of it was to be read on the way.
    for (const packet of theirs.wire.slice(before)) expect(text(packet)).not.toContain("55".repeat(32));
    theirs.transport.close();
    clock.advance(20);
    expect(ours.gone).toContain("closed");
  });
});

test("nothing in clear is sent or taken before there are keys", () => {
  const { clock, add } = network();
  const [ours, theirs] = [add(here), add(there)];
  configure(ours, theirs, "server");
  ours.transport.rtp(rtp(1), port, there);
  ours.transport.rtcp(rtcp, port + 1, there);
  ours.transport.receiveRtp(rtp(2), port, there);
  ours.transport.receiveRtcp(rtcp.slice(), port + 1, there);
  clock.advance(1000);
  expect(ours.wire).toEqual([]);
  expect(ours.received).toEqual([]);
});

test("hellos of strangers from elsewhere get no answer; who has another certificate gets no keys", () => {
  const { clock, add } = network();
  const [ours, theirs, stranger] = [add(here), add(there), add(elsewhere)];
  configure(ours, theirs, "server", true);
  configure(stranger, ours, "client", true);
  clock.advance(2000);
  expect(ours.wire).toEqual([]);
  configure(theirs, ours, "client", true);
  clock.advance(3000);
  expect([ours.ready, theirs.ready, stranger.ready]).toEqual([1, 1, 0]);
});

test("where anybody may be the phone, strangers' handshakes do not hold it up, and theirs come to nothing", () => {
  const { clock, add } = network();
  const ours = add(here, true);
  const theirs = add(there);
  const strangers = Array.from({ length: 12 }, (_, n) => add(`192.0.2.${n + 1}`));
  configure(ours, { host: "10.0.0.5", certificate: theirs.certificate }, "server", true);
  for (const stranger of strangers) configure(stranger, ours, "client", true);
  clock.advance(500);
  configure(theirs, ours, "client", true);
  clock.advance(5000);
  expect(theirs.ready).toBe(1);
  expect(ours.ready).toBe(1);
  expect(ours.gone).toBeUndefined();
  for (const stranger of strangers) expect(stranger.ready).toBe(0);
});
