import { describe, expect, test } from "bun:test";
import { SourceAddresses } from "../../src/transport/source-address.ts";

const interfaces = [
  { address: "127.0.0.1", cidr: "127.0.0.1/8", internal: true },
  { address: "172.17.0.1", cidr: "172.17.0.1/16", internal: false },
  { address: "192.0.2.10", cidr: "192.0.2.10/24", internal: false },
  { address: "192.0.2.129", cidr: "192.0.2.129/25", internal: false },
  { address: "fe80::1", cidr: "fe80::1/64", internal: false },
  { address: "2001:db8:1::10", cidr: "2001:db8:1::10/64", internal: false },
  { address: "::1", cidr: "::1/128", internal: true },
];

describe("SourceAddresses.toward", () => {
  const sources = new SourceAddresses({ now: () => 0, interfaces: () => interfaces, defaults: { 4: "192.0.2.10" } });
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["127.9.9.9", "127.0.0.1"],
    ["::1", "::1"],
    ["172.17.0.5", "172.17.0.1"],
    ["192.0.2.77", "192.0.2.10"],
    ["192.0.2.200", "192.0.2.129"],
    ["203.0.113.1", "192.0.2.10"],
    ["2001:db8:1::99", "2001:db8:1::10"],
    ["2001:db8:2::99", "2001:db8:1::10"],
    ["fe80::77", "fe80::1"],
    ["proxy.example.com", "192.0.2.10"],
  ])("%s is reached from %s", (remote, source) => {
    expect(sources.toward(remote)).toBe(source);
  });

  test("without a known default route: the first interface that is not internal", () => {
    const plain = new SourceAddresses({ now: () => 0, interfaces: () => interfaces });
    expect(plain.toward("203.0.113.1")).toBe("172.17.0.1");
  });

  test("without any interface: loopback", () => {
    const none = new SourceAddresses({ now: () => 0, interfaces: () => [] });
    expect(none.toward("203.0.113.1")).toBe("127.0.0.1");
    expect(none.toward("2001:db8::1")).toBe("::1");
  });

  test("interfaces are read anew after a while, not for each message", () => {
    let now = 0;
    let reads = 0;
    const sources = new SourceAddresses({
      now: () => now,
      interfaces: () => {
        reads++;
        return interfaces;
      },
    });
    for (let i = 0; i < 100; i++) sources.toward("192.0.2.77");
    expect(reads).toBe(1);
    now = 10_000;
    sources.toward("192.0.2.77");
    expect(reads).toBe(2);
  });
});
