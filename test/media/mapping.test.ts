/** What STUN servers say of our free ports: when they are asked, whom they are believed, and what a call takes along. */
import { describe, expect, test } from "bun:test";
import { readBinding, writeBinding } from "../../src/media/ice/binding.ts";
import { Mapping } from "../../src/media/mapping.ts";
import type { PortPair } from "../../src/media/ports.ts";
import type { MappedPorts } from "../../src/media/types.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { dataBytes } from "../support/data.ts";
import { seeded } from "../support/random.ts";

interface Asked {
  readonly from: number;
  readonly to: string;
  readonly request: Uint8Array;
}

/** A success response of a server to which `from` looks like `host` and a port 20,000 above its own. */
function answerTo({ from, request }: Asked, host = [203, 0, 113, 21]): Uint8Array {
  const answer = new Uint8Array(32);
  const view = new DataView(answer.buffer);
  answer.set(request);
  view.setUint16(0, 0x0101);
  view.setUint16(2, 12);
  view.setUint16(20, 0x0020);
  view.setUint16(22, 8);
  answer[25] = 1;
  view.setUint16(26, (from + 20_000) ^ 0x2112);
  [0x21, 0x12, 0xa4, 0x42].forEach((octet, at) => {
    answer[28 + at] = (host[at] ?? 0) ^ octet;
  });
  return answer;
}

function bench(servers = [{ host: "198.51.100.1", port: 3478 }]) {
  const clock = new VirtualClock();
  const random = seeded(1);
  const asked: Asked[] = [];
  const told: [port: number, mapped: MappedPorts | undefined][] = [];
  const failures: string[] = [];
  const mapping = new Mapping(servers, {
    clock,
    random: () => Math.floor(random() * 0x1_0000_0000),
    told: ({ rtp }, mapped) => told.push([rtp.port, mapped]),
    failed: (reason) => failures.push(reason),
  });
  const socket = (port: number) => ({
    port,
    send: (request: Uint8Array, toPort: number, host: string) => {
      asked.push({ from: port, to: `${host}:${toPort}`, request: request.slice() });
      return true;
    },
  });
  // Of a socket the mapping uses these two alone.
  const pair = (port: number) =>
    ({ family: "ipv4", rtp: socket(port), rtcp: socket(port + 1), user: undefined }) as unknown as PortPair;
  const take = (at: PortPair, one: Asked, source = "198.51.100.1", datagram = answerTo(one)) =>
    one.from % 2 === 0 ? at.user?.receiveRtp(datagram, 3478, source) : at.user?.receiveRtcp(datagram, 3478, source);
  return { clock, mapping, asked, told, failures, pair, take };
}

const mapped = { host: "203.0.113.21", rtpPort: 30_000, rtcpPort: 30_001 };

test("both ports are asked about; once both are known, so is the pair; they are asked about again, as long as it is free", () => {
  const { clock, mapping, asked, told, pair, take } = bench();
  const free = pair(10_000);
  mapping.watch(free);
  clock.advance(100);
  expect(asked.map(({ from, to }) => [from, to])).toEqual([
    [10_000, "198.51.100.1:3478"],
    [10_001, "198.51.100.1:3478"],
  ]);
  for (const one of asked.splice(0)) take(free, one);
  expect(told).toEqual([[10_000, mapped]]);
  clock.advance(14_000);
  expect(asked).toEqual([]);
  let later = 0;
  for (let turns = 0; turns < 70; turns++) {
    clock.advance(100);
    for (const one of asked.splice(0)) {
      take(free, one);
      later++;
    }
  }
  expect(later).toBe(2);
  expect(told).toHaveLength(1);
  mapping.leave(free);
  clock.advance(60_000);
  expect(asked).toEqual([]);
});

test.each([
  ["from another address", (one: Asked): [string, Uint8Array] => ["198.51.100.9", answerTo(one)]],
  [
    "with another transaction",
    (one: Asked): [string, Uint8Array] => [
      "198.51.100.1",
      answerTo({ ...one, request: writeBinding(new Uint8Array(12)) }),
    ],
  ],
  ["that is cut short", (one: Asked): [string, Uint8Array] => ["198.51.100.1", answerTo(one).subarray(0, 30)]],
  ["that is a request", (one: Asked): [string, Uint8Array] => ["198.51.100.1", one.request]],
] as const)("an answer %s says nothing", (_, forged) => {
  const { clock, mapping, asked, told, pair, take } = bench();
  const free = pair(10_000);
  mapping.watch(free);
  clock.advance(100);
  for (const one of asked) {
    const [source, datagram] = forged(one);
    take(free, one, source, datagram);
  }
  expect(told).toEqual([]);
});

test("a server that does not answer is asked four times, then another; when none does, that is said once", () => {
  const two = [
    { host: "198.51.100.1", port: 3478 },
    { host: "198.51.100.2", port: 3479 },
  ];
  const { clock, mapping, asked, told, failures, pair, take } = bench(two);
  const free = pair(10_000);
  mapping.watch(free);
  clock.advance(100);
  for (const one of asked.splice(0)) take(free, one);
  expect(told).toEqual([[10_000, mapped]]);
  clock.advance(40_000);
  const servers = new Set(asked.map(({ to }) => to));
  expect([...servers]).toEqual(["198.51.100.1:3478", "198.51.100.2:3479"]);
  expect(asked.filter(({ from }) => from === 10_000)).toHaveLength(8);
  // What nobody says any more is not told to peers.
  expect(told).toEqual([
    [10_000, mapped],
    [10_000, undefined],
  ]);
  expect(failures).toHaveLength(1);
});

test("many free pairs are asked about a few at a time", () => {
  const { clock, mapping, asked, pair } = bench();
  for (let n = 0; n < 100; n++) mapping.watch(pair(10_000 + 2 * n));
  clock.advance(51);
  expect(asked.length).toBeLessThanOrEqual(8);
  clock.advance(1500);
  expect(new Set(asked.map(({ from }) => from)).size).toBeGreaterThan(60);
});

describe("answers of servers", () => {
  test.each([
    ["rfc5769-2.2-ipv4-response.bin", "192.0.2.1"],
    ["rfc5769-2.3-ipv6-response.bin", "2001:db8:1234:5678:11:2233:4455:6677"],
  ])("RFC 5769, %s", (file, host) => {
    const bytes = dataBytes("stun", file);
    expect(readBinding(bytes, bytes.slice(8, 20))).toEqual({ host, port: 32853 });
  });

  test("whatever comes, nothing is thrown, and nothing is read from what is no answer", () => {
    const random = seeded(5);
    const good = dataBytes("stun", "rfc5769-2.2-ipv4-response.bin");
    const transaction = good.slice(8, 20);
    for (const end = performance.now() + 200; performance.now() < end; ) {
      const bytes = good.slice(0, Math.floor(random() * (good.length + 1)));
      for (let n = 0; n < 3; n++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const found = readBinding(bytes, transaction);
      if (bytes.length < good.length) expect(found).toBeUndefined();
    }
  });
});
