/** Hops that failed go last, and come back (RFC 3263 §4.3). */
import { describe, expect, test } from "bun:test";
import type { Hop } from "../../../src/transport/resolve/index.ts";
import { srv } from "../../support/dns.ts";
import { ResolverBench, www } from "../../support/resolving.ts";

describe("a hop that failed", () => {
  const records = [srv("www.example.com", 5060, 1), srv("backup.example.com", 5060, 2)];
  const zone = { ...www, "SRV _sip._udp.example.com": records };
  const uri = "sip:bob@example.com;transport=udp";
  const first: Hop = { transport: "udp", host: "192.0.2.1", port: 5060 };
  const good = ["udp 192.0.2.1 5060", "udp 192.0.2.2 5060"];
  const swapped = good.toReversed();

  test("goes last, for longer with each failure, and is tried by one request when its time is over", () => {
    const bench = new ResolverBench(zone);
    bench.resolver.failed(first);
    expect(bench.resolve(uri).now).toEqual(swapped);
    bench.clock.advance(5000);
    expect(bench.resolve(uri).now).toEqual(good);
    expect(bench.resolve(uri).now).toEqual(swapped);
    bench.resolver.failed(first);
    bench.clock.advance(9999);
    expect(bench.resolve(uri).now).toEqual(swapped);
    bench.clock.advance(1);
    expect(bench.resolve(uri).now).toEqual(good);
  });

  test("is as good as any when it works again", () => {
    const bench = new ResolverBench(zone);
    bench.resolver.failed(first);
    bench.resolver.worked(first);
    expect(bench.resolve(uri).now).toEqual(good);
  });

  test("is tried again when nobody has told how the trial went", () => {
    const bench = new ResolverBench(zone);
    bench.resolver.failed(first);
    bench.clock.advance(5000);
    bench.resolve(uri);
    expect(bench.resolve(uri).now).toEqual(swapped);
    bench.clock.advance(35_000);
    expect(bench.resolve(uri).now).toEqual(good);
  });

  test("pauses as long as its Retry-After says, within reason", () => {
    const bench = new ResolverBench(zone);
    bench.resolver.failed(first, 60_000);
    bench.clock.advance(59_999);
    expect(bench.resolve(uri).now).toEqual(swapped);
    bench.clock.advance(1);
    expect(bench.resolve(uri).now).toEqual(good);
    bench.resolver.worked(first);
    bench.resolver.failed(first, 1e12);
    bench.clock.advance(300_000);
    expect(bench.resolve(uri).now).toEqual(good);
  });

  test("is one of a bounded number", () => {
    const bench = new ResolverBench(zone);
    bench.resolver.failed(first);
    for (let port = 1; port <= 2000; port++) bench.resolver.failed({ transport: "udp", host: "192.0.2.7", port });
    expect(bench.resolve(uri).now).toEqual(good);
  });

  test("is still tried where there is no other", () => {
    const bench = new ResolverBench();
    bench.resolver.failed({ transport: "udp", host: "192.0.2.9", port: 5060 });
    expect(bench.resolve("sip:bob@192.0.2.9").now).toEqual(["udp 192.0.2.9 5060"]);
  });
});
