import { describe, expect, test } from "bun:test";
import { isLoopback, isPrivate, isUnspecified } from "../src/ip.ts";

describe("an address that means nothing outside its own network", () => {
  test.each([
    ["10.1.2.3", true],
    ["172.16.0.1", true],
    ["172.32.0.1", false],
    ["192.168.0.1", true],
    ["100.64.0.1", true],
    ["100.128.0.1", false],
    ["169.254.1.1", true],
    ["127.0.0.1", false],
    ["8.8.8.8", false],
    ["fd00::1", true],
    ["fe80::1", true],
    ["2001:db8::1", false],
    ["FD00::1", true],
    ["febf::1%eth0", true],
    ["fec0::1", false],
    ["10.example.com", false],
    ["", false],
  ])("%s: %p", (host, expected) => {
    expect(isPrivate(host)).toBe(expected);
  });
});

test("loopback is 127.0.0.0/8 and ::1, and no name", () => {
  expect(["127.0.0.1", "127.9.9.9", "::1", "127.example.com", "128.0.0.1"].map(isLoopback)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

test("0.0.0.0 and :: are nobody", () => {
  expect(["0.0.0.0", "::", "0.0.0.1"].map(isUnspecified)).toEqual([true, true, false]);
});
