/** STUN messages of ICE: RFC 5769's vectors, what is written reads back, and whatever strangers send. */
import { describe, expect, test } from "bun:test";
import { isAuthentic, readStun, writeCheck, writeSuccess } from "../../../src/media/ice/stun.ts";
import { dataBytes } from "../../support/data.ts";
import { below, seeded } from "../../support/random.ts";

const password = "VOkJxbRl1RmTxUk/WvJxBt";

describe("RFC 5769", () => {
  test("2.1, a request", () => {
    const bytes = dataBytes("stun", "rfc5769-2.1-request.bin");
    const message = readStun(bytes);
    expect(message).toMatchObject({
      class: "request",
      username: "evtj:h6vY",
      priority: 0x6e0001ff,
      controlled: 0x932ff9b151263b36n,
      useCandidate: false,
    });
    expect(message && isAuthentic(bytes, message, password)).toBe(true);
    expect(message && isAuthentic(bytes, message, `${password}x`)).toBe(false);
  });

  test.each([
    ["rfc5769-2.2-ipv4-response.bin", "192.0.2.1"],
    ["rfc5769-2.3-ipv6-response.bin", "2001:db8:1234:5678:11:2233:4455:6677"],
  ])("%s", (file, host) => {
    const bytes = dataBytes("stun", file);
    const message = readStun(bytes);
    expect(message).toMatchObject({ class: "success", mapped: { host, port: 32853 } });
    expect(message && isAuthentic(bytes, message, password)).toBe(true);
  });

  test("any changed octet is noticed", () => {
    const bytes = dataBytes("stun", "rfc5769-2.1-request.bin");
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      expect(readStun(changed)).toBeUndefined();
    }
  });
});

const transaction = Uint8Array.from({ length: 12 }, (_, n) => n);
const check = {
  transaction,
  username: "theirs:ours",
  password,
  priority: 1_862_270_975,
  controlling: true,
  tieBreaker: 0xffff_0000_1111_2222n,
  nominates: true,
};

test("a check reads as what was meant", () => {
  const bytes = writeCheck(check);
  const message = readStun(bytes);
  expect(message).toMatchObject({
    class: "request",
    transaction,
    username: "theirs:ours",
    priority: check.priority,
    controlling: check.tieBreaker,
    controlled: undefined,
    useCandidate: true,
  });
  expect(message && isAuthentic(bytes, message, password)).toBe(true);
});

test.each([
  ["198.51.100.7", 4711],
  ["2001:db8::7", 65_535],
])("its answer names the source %s, port %d", (host, port) => {
  const request = readStun(writeCheck(check));
  const bytes = request && writeSuccess(request, { host, port }, password);
  const answer = readStun(bytes ?? new Uint8Array(0));
  expect(answer?.mapped?.port).toBe(port);
  expect(answer?.mapped?.host).toBe(host === "2001:db8::7" ? "2001:db8:0:0:0:0:0:7" : host);
});

test("50,000 damaged messages are read or refused, none throws", () => {
  const random = seeded(3);
  const began = performance.now();
  const model = writeCheck(check);
  for (let n = 0; n < 50_000; n++) {
    const bytes = Uint8Array.from(model.subarray(0, below(random, model.length + 1)));
    for (let i = below(random, 6); i >= 0 && bytes.length > 0; i--)
      bytes[below(random, bytes.length)] = below(random, 256);
    const message = readStun(bytes);
    if (message !== undefined) isAuthentic(bytes, message, password);
  }
  expect(performance.now() - began).toBeLessThan(5000);
});
