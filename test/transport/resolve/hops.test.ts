/** From records to hops: SRV by RFC 2782, both address families by RFC 7984, and what the DNS may not have us do. */
import { describe, expect, test } from "bun:test";
import { parseHosts } from "../../../src/transport/resolve/system-files.ts";
import { a, aaaa, srv, type Zone } from "../../support/dns.ts";
import { ResolverBench, sip, www } from "../../support/resolving.ts";

describe("SRV records", () => {
  test("are tried by priority", () => {
    const records = [srv("backup.example.com", 5060, 20), srv("www.example.com", 5060, 10)];
    const bench = new ResolverBench({ ...www, "SRV _sip._udp.example.com": records });
    expect(bench.resolve("sip:bob@example.com;transport=udp").now).toEqual([
      "udp 192.0.2.1 5060",
      "udp 192.0.2.2 5060",
    ]);
  });

  test("of one priority share the load by weight (RFC 2782)", () => {
    const records = [srv("www.example.com", 5060, 1, 90), srv("backup.example.com", 5060, 1, 10)];
    const bench = new ResolverBench({ ...www, "SRV _sip._udp.example.com": records });
    const first = new Map<string, number>();
    for (let i = 0; i < 2000; i++) {
      const [hop] = bench.resolve("sip:bob@example.com;transport=udp").now ?? [];
      first.set(hop ?? "", (first.get(hop ?? "") ?? 0) + 1);
    }
    expect(first.get("udp 192.0.2.1 5060")).toBeWithin(1740, 1860);
    expect(first.get("udp 192.0.2.2 5060")).toBeWithin(140, 260);
  });

  test("without a weight are still chosen sometimes", () => {
    const records = [srv("www.example.com", 5060, 1, 9), srv("backup.example.com", 5060, 1, 0)];
    const bench = new ResolverBench({ ...www, "SRV _sip._udp.example.com": records });
    const first = new Set<string | undefined>();
    for (let i = 0; i < 200; i++) first.add(bench.resolve("sip:bob@example.com;transport=udp").now?.[0]);
    expect(first.size).toBe(2);
  });

  test("whose target is a dot say that there is no such service", () => {
    const bench = new ResolverBench({ "A example.com": [a("192.0.2.1")], "SRV _sip._udp.example.com": [srv(".", 0)] });
    expect(bench.resolve("sip:bob@example.com").now).toBe("example.com says that it takes no such requests");
  });

  test("whose target has no address are left out", () => {
    const records = [srv("nowhere.example.com", 5060, 1), srv("www.example.com", 5062, 2)];
    const bench = new ResolverBench({ ...www, "SRV _sip._udp.example.com": records });
    expect(bench.resolve("sip:bob@example.com").now).toEqual(["udp 192.0.2.1 5062"]);
  });

  test("without end cost a bounded number of questions", () => {
    const records = Array.from({ length: 3000 }, (_, n) => srv(`h${n}.example.com`, 5060, n));
    const zone: Zone = { "SRV _sip._udp.example.com": records };
    for (let n = 0; n < 3000; n++) zone[`A h${n}.example.com`] = [a(`192.0.${n >> 8}.${n & 255}`)];
    const bench = new ResolverBench(zone);
    expect(bench.resolve("sip:bob@example.com;transport=udp").now?.length).toBe(12);
    expect(bench.dns.asked.length).toBeLessThan(20);
  });
});

describe("addresses", () => {
  const both = { "A d.example.com": [a("192.0.2.1"), a("192.0.2.2")], "AAAA d.example.com": [aaaa("2001:db8::1")] };

  test("of both families are tried in turn, IPv6 first (RFC 7984)", () => {
    const bench = new ResolverBench(both, { serves: () => true });
    expect(bench.resolve("sip:bob@d.example.com:5060").now).toEqual([
      "udp 2001:db8::1 5060",
      "udp 192.0.2.1 5060",
      "udp 192.0.2.2 5060",
    ]);
  });

  test("that come from tunnels or local networks stand behind IPv4 (RFC 6724)", () => {
    const zone = {
      "A d.example.com": [a("192.0.2.1")],
      "AAAA d.example.com": [aaaa("2002:c000:201::1"), aaaa("fd00::1")],
    };
    const bench = new ResolverBench(zone, { serves: () => true });
    expect(bench.resolve("sip:bob@d.example.com:5060").now).toEqual([
      "udp 192.0.2.1 5060",
      "udp 2002:c000:201::1 5060",
      "udp fd00::1 5060",
    ]);
  });

  test("of one family are not asked for where nobody listens on it", () => {
    const bench = new ResolverBench(both);
    expect(bench.resolve("sip:bob@d.example.com:5060").now).toHaveLength(2);
    expect(bench.dns.asked).toEqual(["A d.example.com"]);
  });

  test("of one family do not wait for long for a server that is silent on the other", () => {
    const bench = new ResolverBench({ ...both, "AAAA d.example.com": "silent" }, { serves: () => true });
    const { now, later } = bench.resolve("sip:bob@d.example.com:5060");
    expect(now).toBeUndefined();
    bench.clock.advance(50);
    expect(later()).toEqual(["udp 192.0.2.1 5060", "udp 192.0.2.2 5060"]);
  });

  const unusable: [string, string][] = [
    ["0.0.0.0", "it has no address that can be used"],
    ["224.0.0.1", "it has no address that can be used"],
    ["255.255.255.255", "it has no address that can be used"],
    ["127.0.0.1", "it leads to this very machine"],
  ];
  test.each(unusable)("%s is not sent to on the word of the DNS", (address, reason) => {
    const bench = new ResolverBench({ "A evil.example.com": [a(address)] });
    expect(bench.resolve("sip:bob@evil.example.com:25").now).toBe(`evil.example.com cannot be resolved: ${reason}`);
  });

  test("of this machine may be named by the DNS where that is asked for, by the hosts file, and by localhost", () => {
    const zone = { "A here.example.com": [a("127.0.0.1")] };
    expect(new ResolverBench(zone, { loopback: true }).resolve("sip:here.example.com:5062").now).toEqual([
      "udp 127.0.0.1 5062",
    ]);
    const hosts = parseHosts("127.0.1.1 pbx pbx.example.com # ours\n::1 pbx\n");
    const bench = new ResolverBench({}, { hosts: () => hosts });
    expect(bench.resolve("sip:bob@PBX.example.com").now).toEqual(["udp 127.0.1.1 5060"]);
    expect(bench.resolve("sip:bob@localhost;transport=tcp").now).toEqual(["tcp 127.0.0.1 5060"]);
    expect(bench.dns.asked).toEqual([]);
  });
});

describe("a host's name alone", () => {
  test("is looked up by its addresses, for the transport layer's own names", async () => {
    const zone = { "A d.example.com": [a("192.0.2.1")], "AAAA d.example.com": [aaaa("2001:db8::1")] };
    const { resolver } = new ResolverBench(zone);
    expect(await resolver.lookup("D.example.com")).toEqual(["2001:db8::1", "192.0.2.1"]);
    expect(await resolver.lookup("nowhere.example.com")).toEqual([]);
  });
});

describe("time and faults", () => {
  test("a name of one label is looked for in the search domains, a longer one is not", () => {
    const bench = new ResolverBench(
      { "A pbx.example.com": [a("192.0.2.1")] },
      { search: () => ["example.org", "example.com"] },
    );
    expect(bench.resolve("sip:bob@pbx:5060").now).toEqual(["udp 192.0.2.1 5060"]);
    expect(bench.dns.asked).toEqual(["A pbx.example.org", "A pbx.example.com"]);
    bench.resolve("sip:bob@pbx.sub:5060");
    expect(bench.dns.asked.slice(2)).toEqual(["A pbx.sub"]);
  });

  test("a DNS that is silent is waited for so long and no longer", () => {
    const bench = new ResolverBench({ "NAPTR example.com": "silent" }, { timeout: 4000 });
    const { later } = bench.resolve("sip:bob@example.com");
    bench.clock.advance(3999);
    expect(later()).toBeUndefined();
    bench.clock.advance(1);
    expect(later()).toBe("example.com cannot be resolved: the DNS takes too long");
    expect(bench.clock.pending).toBe(0);
  });

  test("what fails says why", () => {
    const bench = new ResolverBench({ "A www.example.com": "failed" });
    expect(bench.resolve("sip:bob@www.example.com:5060").now).toBe(
      "www.example.com cannot be resolved: server failure",
    );
    expect(bench.resolve("sip:bob@nowhere.example.com:5060").now).toBe(
      "nowhere.example.com cannot be resolved: nowhere.example.com has no address",
    );
  });

  test("who uses a hop and throws harms nobody else", () => {
    const bench = new ResolverBench({ "A www.example.com": { after: 10, records: [a("192.0.2.1")] } });
    bench.resolver.resolve(sip("sip:bob@www.example.com:5060"), () => {
      throw new TypeError("a fault");
    });
    bench.clock.advance(10);
    expect(bench.clock.pending).toBe(0);
  });
});
