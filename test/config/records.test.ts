/** What is kept of calls, in the configuration: what is read, and what is wrong. */
import { describe, expect, test } from "bun:test";
import { readConfig } from "../../src/config/index.ts";

const read = (text: string) =>
  readConfig(new TextEncoder().encode(text), "/etc/siproc/siproc.yaml", { environment: { KEY: "hush" } });

test("by default records are kept for a year, and nothing is captured nor sent", async () => {
  const loaded = await read("{}");
  const { records, capture, hep } = (loaded.ok && loaded.config) || {};
  expect(records).toEqual({ keep: 365 * 86_400_000, most: 1_000_000, file: undefined, rotate: 100 << 20, files: 10 });
  expect(capture).toEqual({ size: undefined, packets: undefined });
  expect(hep).toBeUndefined();
});

test("all of it can be said", async () => {
  const loaded = await read(
    `records: { keep: 30d, most: 500, file: calls.ndjson, rotate: 1MB, files: 0 }
capture: { size: 0B, packets: 2MB }
hep: { server: homer.example.com, id: 7, password: "\${KEY}" }`,
  );
  const { records, capture, hep } = (loaded.ok && loaded.config) || {};
  expect(records).toMatchObject({ keep: 30 * 86_400_000, most: 500, file: "/etc/siproc/calls.ndjson", files: 0 });
  expect(capture).toEqual({ size: 0, packets: 2 << 20 });
  expect(hep).toEqual({ server: { host: "homer.example.com", port: 9060 }, id: 7, password: "hush" });
});

test.each([
  ["192.0.2.9", { host: "192.0.2.9", port: 9060 }],
  ['"192.0.2.9:9061"', { host: "192.0.2.9", port: 9061 }],
  ['"2001:db8::9"', { host: "2001:db8::9", port: 9060 }],
  ['"[2001:db8::9]:9061"', { host: "2001:db8::9", port: 9061 }],
  ["homer:1234", { host: "homer", port: 1234 }],
])("HEP goes to %s", async (server, expected) => {
  const loaded = await read(`hep: { server: ${server} }`);
  expect(loaded.ok && loaded.config.hep?.server).toEqual(expected);
});

describe("wrong is", () => {
  test.each([
    ["hep: {}", "server is missing"],
    ['hep: { server: "homer:0" }', "expected a host and an optional port"],
    ['hep: { server: "udp://homer" }', "expected a host and an optional port"],
    ['hep: { server: homer, password: "a\\nb" }', "what stands here cannot be used"],
    ["records: { keep: 365 }", "the unit is missing"],
    ["records: { rotate: 1KB }", "expected a size from 10KB to 10GB"],
    ["capture: { size: 2GB }", "expected a size from 0B to 1GB"],
    ["capture: true", "expected a map of size, packets"],
  ])("%s", async (text, reason) => {
    const loaded = await read(text);
    expect(loaded.ok ? [] : loaded.problems.map(({ message }) => message).join("\n")).toContain(reason);
  });
});
