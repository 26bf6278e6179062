/** Whose packets a relayed side takes: by what was signalled, where signalling came from, and what has come. */
import { describe, expect, test } from "bun:test";
import { RelayLatch } from "../../src/media/relay/latch.ts";
import type { Peer } from "../../src/media/relay/types.ts";

const peer = (parts: Partial<Peer> & { host?: string; port?: number } = {}): Peer => {
  const { host = "198.51.100.5", port = 4000, ...rest } = parts;
  return {
    remote: { host, port, rtcpPort: port + 1 },
    source: undefined,
    anywhere: false,
    rtcpMux: false,
    payloadTypes: [0],
    clockRate: 8000,
    ...rest,
  };
};
const latch = (family: "ipv4" | "ipv6" = "ipv4") =>
  new RelayLatch({
    family,
    isRelay: (host, port) => host === "203.0.113.7" && port === 30_000,
    isOwn: (host) => host === "203.0.113.7",
  });
const configured = (parts: Parameters<typeof peer>[0] = {}) => {
  const made = latch();
  made.configure(peer(parts));
  return made;
};
let sequence = 10;
const next = (ssrc = 1) => ({ ssrc, sequence: sequence++ });
const aimOf = ({ rtp }: RelayLatch) =>
  rtp.host === undefined ? "nowhere" : `${rtp.host}:${rtp.port}${rtp.locked ? " locked" : ""}`;

describe("before anything has come", () => {
  const signalled: [name: string, given: Parameters<typeof peer>[0], aim: string][] = [
    ["the signalled address", {}, "198.51.100.5:4000"],
    ["a private one, signalled from the same network", { host: "10.0.0.5", source: "10.0.0.5" }, "10.0.0.5:4000"],
    ["a private one, signalled from another private one", { host: "10.0.0.5", source: "192.168.1.1" }, "10.0.0.5:4000"],
    ["a private one, signalled through proxies", { host: "10.0.0.5" }, "10.0.0.5:4000"],
    ["a private one, signalled from a public one", { host: "10.0.0.5", source: "198.51.100.9" }, "nowhere"],
    ["the loopback, signalled from a public one", { host: "127.0.0.1", source: "198.51.100.9" }, "nowhere"],
    ["the loopback, signalled from there", { host: "127.0.0.1", source: "127.0.0.1" }, "127.0.0.1:4000"],
    ["a private one of this machine's own phones", { host: "10.0.0.5", source: "203.0.113.7" }, "10.0.0.5:4000"],
    ["a name", { host: "phone.example" }, "nowhere"],
    ["another IP version", { host: "2001:db8::5" }, "nowhere"],
    ["multicast", { host: "239.1.1.1" }, "nowhere"],
    ["broadcast", { host: "255.255.255.255" }, "nowhere"],
    ["a port of the relay itself", { host: "203.0.113.7", port: 30_000 }, "nowhere"],
    ["another port of this machine", { host: "203.0.113.7", port: 40_000 }, "203.0.113.7:40000"],
  ];
  test.each(signalled)("packets for %s go to the right place", (_name, given, aim) => {
    expect(aimOf(configured(given))).toBe(aim);
  });
});

describe("a source that was not signalled", () => {
  const sources: [name: string, given: Parameters<typeof peer>[0], from: string, taken: boolean][] = [
    ["another port of the signalled address", {}, "198.51.100.5", true],
    ["where signalling came from", { host: "10.0.0.5", source: "198.51.100.9" }, "198.51.100.9", true],
    ["a third address, SDP being public", { source: "198.51.100.9" }, "192.0.2.66", false],
    [
      "a third address, SDP being private and signalling direct",
      { host: "10.0.0.5", source: "198.51.100.9" },
      "192.0.2.66",
      false,
    ],
    ["anybody, behind proxies, while SDP is private", { host: "10.0.0.5", anywhere: "private" }, "192.0.2.66", true],
    ["anybody, behind proxies, SDP being public", { anywhere: "private" }, "192.0.2.66", false],
    ["anybody, where that is wanted", { anywhere: true }, "192.0.2.66", true],
    ["nobody's address but the signalled one", { host: "10.0.0.5" }, "192.0.2.66", false],
  ];
  test.each(sources)("%s", (_name, given, from, taken) => {
    const one = configured(given);
    const before = aimOf(one);
    expect(one.learnRtp(from, 5555, next())).toBe(false);
    expect(one.learnRtp(from, 5555, next())).toBe(taken);
    expect(aimOf(one)).toBe(taken ? `${from}:5555 locked` : before);
  });

  test("two packets must be in sequence, of one stream, from one port, and of a negotiated type", () => {
    const one = configured();
    const from = (port: number, seen: { ssrc: number; sequence: number } | undefined) =>
      one.learnRtp("198.51.100.5", port, seen);
    expect(from(5555, { ssrc: 1, sequence: 1 })).toBe(false);
    expect(from(5555, { ssrc: 1, sequence: 3 })).toBe(false);
    expect(from(5555, { ssrc: 2, sequence: 4 })).toBe(false);
    expect(from(5556, { ssrc: 2, sequence: 5 })).toBe(false);
    expect(from(5556, undefined)).toBe(false);
    expect(from(5556, { ssrc: 2, sequence: 6 })).toBe(true);
  });

  test("what is no RTP must come twice in a row", () => {
    const one = configured({ payloadTypes: undefined });
    expect(one.learnRtp("198.51.100.5", 5555, undefined)).toBe(false);
    expect(one.learnRtp("198.51.100.5", 5556, undefined)).toBe(false);
    expect(one.learnRtp("198.51.100.5", 5556, undefined)).toBe(true);
  });

  test("a port of the relay never is one, so that packets cannot run in circles", () => {
    for (const given of [{ anywhere: true }, { host: "203.0.113.7", port: 30_000 }, { source: "203.0.113.7" }]) {
      const one = configured(given);
      for (let i = 0; i < 3; i++) expect(one.learnRtp("203.0.113.7", 30_000, next())).toBe(false);
    }
  });
});

describe("a locked side", () => {
  test("hears nobody else, not even the signalled address", () => {
    const one = configured({ host: "10.0.0.5", source: "198.51.100.9" });
    one.learnRtp("198.51.100.9", 5555, next());
    one.learnRtp("198.51.100.9", 5555, next());
    for (const host of ["198.51.100.9", "10.0.0.5", "192.0.2.66"])
      for (let i = 0; i < 3; i++) expect(one.learnRtp(host, 4000, next())).toBe(false);
    expect(aimOf(one)).toBe("198.51.100.9:5555 locked");
  });

  test("stays when the same is signalled again, and when it is put on hold and taken back", () => {
    const given = { host: "10.0.0.5", source: "198.51.100.9" };
    const one = configured(given);
    one.learnRtp("198.51.100.9", 5555, next());
    one.learnRtp("198.51.100.9", 5555, next());
    one.configure(peer(given));
    expect(aimOf(one)).toBe("198.51.100.9:5555 locked");
    one.configure(peer({ ...given, host: "0.0.0.0" }));
    expect(one.silent).toBe(true);
    expect(aimOf(one)).toBe("198.51.100.9:5555 locked");
    one.configure(peer(given));
    expect(one.silent).toBe(false);
    expect(aimOf(one)).toBe("198.51.100.9:5555 locked");
  });

  test.each([
    ["another address", { host: "198.51.100.77" }, "198.51.100.77:4000"],
    ["another port", { port: 4100 }, "198.51.100.5:4100"],
    ["another source of signalling", { source: "198.51.100.9" }, "198.51.100.5:4000"],
  ])("may be another one once %s is signalled", (_name, given, aim) => {
    const one = configured();
    one.confirmRtp();
    one.configure(peer(given));
    expect(aimOf(one)).toBe(aim);
    expect(one.learnRtp(one.rtp.host ?? "", 6000, next())).toBe(false);
    expect(one.learnRtp(one.rtp.host ?? "", 6000, next())).toBe(true);
  });

  test("is gone when the stream is closed", () => {
    const one = configured();
    one.confirmRtp();
    one.configure(undefined);
    expect(aimOf(one)).toBe("nowhere");
    expect(one.learnRtp("198.51.100.5", 4000, next())).toBe(false);
  });
});

describe("RTCP", () => {
  test("comes from and goes to the signalled port", () => {
    const one = configured();
    expect(one.rtcp).toEqual({ host: "198.51.100.5", port: 4001, locked: false });
    expect(one.learnRtcp("198.51.100.5", 9999)).toBe(false);
  });

  test("follows RTP to another address, where one port is learned", () => {
    const one = configured({ host: "10.0.0.5", source: "198.51.100.9" });
    expect(one.learnRtcp("198.51.100.9", 7001)).toBe(false);
    one.learnRtp("198.51.100.9", 5555, next());
    one.learnRtp("198.51.100.9", 5555, next());
    expect(one.rtcp.host).toBeUndefined();
    expect(one.learnRtcp("192.0.2.66", 7001)).toBe(false);
    expect(one.learnRtcp("198.51.100.9", 7001)).toBe(true);
    expect(one.rtcp).toEqual({ host: "198.51.100.9", port: 7001, locked: true });
    expect(one.learnRtcp("198.51.100.9", 7003)).toBe(false);
  });
});
