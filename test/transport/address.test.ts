import { describe, expect, test } from "bun:test";
import { parseIp, refusesSending, socketHost } from "../../src/transport/address.ts";
import { isIpLiteral, parseListenUrl } from "../../src/transport/index.ts";
import { seeded } from "../support/random.ts";

describe("socketHost gives one spelling per address", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["[2001:DB8::1]", "2001:db8::1"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:0201", "192.0.2.1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["::1", "::1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["Example.COM", "example.com"],
  ])("%s is %s", (text, spelled) => {
    expect(socketHost(text)).toBe(spelled);
  });

  test("and it is stable, whatever the octets", () => {
    const random = seeded(7);
    for (let i = 0; i < 500; i++) {
      const words = Array.from({ length: 8 }, () => (random() < 0.5 ? 0 : Math.floor(random() * 65536)));
      const host = socketHost(words.map((word) => word.toString(16)).join(":"));
      expect(socketHost(host)).toBe(host);
      if (isIpLiteral(host) && host.includes(":")) {
        const octets = [...(parseIp(host) ?? [])];
        expect(octets).toEqual(words.flatMap((word) => [word >> 8, word & 255]));
      }
    }
  });
});

describe("refusesSending", () => {
  test.each([
    ["192.0.2.1", 5060, undefined],
    ["127.0.0.1", 1, undefined],
    ["2001:db8::1", 65535, undefined],
    ["fe80::1%eth0", 5060, undefined],
    ["192.0.2.1", 0, "bad port"],
    ["192.0.2.1", 65536, "bad port"],
    ["192.0.2.1", Number.NaN, "bad port"],
    ["255.255.255.255", 5060, "broadcast"],
    ["240.0.0.1", 5060, "broadcast or reserved"],
    ["224.0.1.75", 5060, "multicast"],
    ["239.255.255.250", 5060, "multicast"],
    ["0.0.0.0", 5060, "unspecified"],
    ["0.1.2.3", 5060, "unspecified"],
    ["::", 5060, "unspecified"],
    ["ff02::1", 5060, "multicast"],
    ["example.com", 5060, "not an IP address"],
  ])("%s port %d: %s", (host, port, reason) => {
    const refusal = refusesSending({ host, port });
    if (reason === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toContain(reason);
  });
});

describe("parseListenUrl", () => {
  test.each([
    ["udp://0.0.0.0:5060", { transport: "udp", host: "0.0.0.0", port: 5060 }],
    ["TCP://127.0.0.1:0", { transport: "tcp", host: "127.0.0.1", port: 0 }],
    ["udp://[::1]:5070", { transport: "udp", host: "::1", port: 5070 }],
    ["udp://[::]", { transport: "udp", host: "::", port: 5060 }],
    ["udp://192.0.2.1", { transport: "udp", host: "192.0.2.1", port: 5060 }],
    ["udp://example.com:5060", undefined],
    ["udp://192.0.2.1:65536", undefined],
    ["udp://192.0.2:5060", undefined],
    ["udp://::1:5060", undefined],
    ["sctp://192.0.2.1:5060", undefined],
    ["udp://192.0.2.1:5060/x", undefined],
    ["", undefined],
  ])("%s", (text, url) => {
    expect<unknown>(parseListenUrl(text)).toEqual(url);
  });
});
