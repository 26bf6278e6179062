/** What the options of the phone mean: targets, proxies, times, rates, profiles. */
import { describe, expect, test } from "bun:test";
import { profileArguments, profileFolder } from "../../src/cli/profile.ts";
import { readCount, readDuration, readRate } from "../../src/cli/quantities.ts";
import { deviceCommand, readDevice } from "../../src/phone/devices.ts";
import { address, proxyUri, registerOptions, targetUri } from "../../src/phone/settings.ts";
import { seeded } from "../support/random.ts";

describe("whom people mean", () => {
  test.each([
    ["sip:bob@example.com", undefined, undefined, "sip:bob@example.com"],
    ["sips:bob@example.com", undefined, "tcp", "sips:bob@example.com"],
    ["bob@example.com", undefined, undefined, "sip:bob@example.com"],
    ["bob", "example.com", undefined, "sip:bob@example.com"],
    ["bob", undefined, undefined, "bob"],
    ["+4930123", "example.com", "tls", "sip:+4930123@example.com;transport=tls"],
    ["sip:bob@example.com", undefined, "tcp", "sip:bob@example.com;transport=tcp"],
    ["sip:bob@example.com;transport=udp", undefined, "tcp", "sip:bob@example.com;transport=udp"],
    ["sip:bob@example.com?Subject=x", undefined, "tcp", "sip:bob@example.com;transport=tcp?Subject=x"],
    ['"Bob" <sip:bob@example.com>', undefined, undefined, "sip:bob@example.com"],
    ["tel:+4930", "example.com", undefined, "tel:+4930"],
  ] as const)("%s at %s by %s", (text, domain, transport, uri) => {
    expect(targetUri(text, { domain, transport })).toBe(uri);
  });
});

describe("a proxy", () => {
  test.each([
    ["192.0.2.1:5062", undefined, "sip:192.0.2.1:5062;lr"],
    ["192.0.2.1", "tcp", "sip:192.0.2.1;transport=tcp;lr"],
    ["2001:db8::1", undefined, "sip:[2001:db8::1];lr"],
    ["edge.example.com", undefined, "sip:edge.example.com;lr"],
    ["sip:edge.example.com", undefined, "sip:edge.example.com"],
    ["sip:edge.example.com;lr", undefined, "sip:edge.example.com;lr"],
    ["not a host", undefined, undefined],
  ] as const)("%s by %s", (text, transport, uri) => expect(proxyUri(text, transport)).toBe(uri));
});

test("registering needs to know who and where", () => {
  const settings = {
    ...{ from: address("alice smith", "example.com:5070"), domain: "example.com:5070", auth: undefined },
    ...{ proxy: undefined, strictRoute: false, transport: "tcp" as const, headers: [] },
    ...{ registerInterval: 600, retryInterval: 30_000, agent: {} },
  };
  expect(registerOptions(settings)).toMatchObject({
    registrar: "sip:example.com:5070;transport=tcp",
    aor: "<sip:alice%20smith@example.com:5070>",
    expires: 600,
    retry: { first: 30_000, longest: 30_000 },
  });
  expect(registerOptions({ ...settings, domain: undefined })).toBeUndefined();
});

describe("quantities", () => {
  test.each([
    ["30", 30_000],
    ["30s", 30_000],
    ["500ms", 500],
    ["1.5m", 90_000],
    ["1h", 3_600_000],
    ["0", 0],
    ["25h", undefined],
    ["-1", undefined],
    ["5x", undefined],
    ["", undefined],
  ])("the time %j", (text, ms) => expect(readDuration(text)).toBe(ms));

  test.each([
    ["5/s", 200],
    ["5", 200],
    ["30/m", 2000],
    ["0/s", undefined],
    ["5/d", undefined],
  ])("the rate %j", (text, ms) => expect(readRate(text)).toBe(ms));

  test.each([
    ["5", 5],
    ["0", undefined],
    ["11", undefined],
    ["1e1", undefined],
  ])("the count %j of 1 to 10", (text, count) => expect(readCount(text, 1, 10)).toBe(count));
});

describe("a profile", () => {
  test.each([
    ["user alice", ["--user=alice"]],
    ["user = alice", ["--user=alice"]],
    ["  --user=alice  ", ["--user=alice"]],
    ["strict-route", ["--strict-route"]],
    ["# user alice\n\nuser bob\r\n", ["--user=bob"]],
    [`from '"Alice" <sip:a@b>'`, ['--from="Alice" <sip:a@b>']],
    ["subject a = b", ["--subject=a = b"]],
    ["???", []],
  ])("%j", (text, args) => expect(profileArguments(text)).toEqual(args));

  test("is where XDG says, or in .config", () => {
    expect(profileFolder({ XDG_CONFIG_HOME: "/x", HOME: "/home/a" })).toBe("/x/siproc");
    expect(profileFolder({ XDG_CONFIG_HOME: "relative", HOME: "/home/a" })).toBe("/home/a/.config/siproc");
    expect(profileFolder({ HOME: "/home/a" })).toBe("/home/a/.config/siproc");
  });

  test("random text gives options or nothing, quickly", () => {
    const random = seeded(11);
    const started = performance.now();
    for (let i = 0; i < 2000; i++) {
      const text = Array.from({ length: 60 }, () => String.fromCharCode(Math.floor(random() * 128))).join("");
      for (const arg of profileArguments(text)) expect(arg).toMatch(/^--[a-z]/);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("a device", () => {
  test.each([
    ["device", { program: undefined, device: undefined }],
    ["device:hw:1", { program: undefined, device: "hw:1" }],
    ["arecord:hw:1,0", { program: "arecord", device: "hw:1,0" }],
    ["music.wav", undefined],
    ["C:music", undefined],
    ["-", undefined],
  ])("%s", (text, device) => expect(readDevice(text, "record")).toEqual(device));

  test.each([
    [["parec", "arecord"], undefined, "parec --raw --format=s16le --channels=1 --rate=16000 --latency-msec=40"],
    [["arecord"], undefined, "arecord -q -t raw -f S16_LE -c 1 -r 16000"],
    [["pw-record"], "mic", "pw-record --raw --format=s16 --channels=1 --rate=16000 --latency=40ms --target=mic -"],
    [["rec"], undefined, "rec -q -t raw -e signed -b 16 -c 1 -r 16000 -"],
  ])("recorded with %j, %s", (there, device, command) => {
    const made = deviceCommand("record", { program: undefined, device }, 16_000, (name) => there.includes(name));
    expect(made.join(" ")).toBe(command);
  });

  test("nothing that records is told with what would", () => {
    expect(() => deviceCommand("record", { program: undefined, device: undefined }, 8000, () => false)).toThrow(
      "siproc uses one of parec, pw-record, arecord, rec",
    );
  });
});
