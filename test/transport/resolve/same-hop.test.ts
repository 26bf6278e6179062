/** What decides among equals may come from the request, so that a stateless proxy sends what comes again the same way. */
import { expect, test } from "bun:test";
import { seededRandom } from "../../../src/sip/random.ts";
import type { Resolution } from "../../../src/transport/resolve/index.ts";
import { a, srv } from "../../support/dns.ts";
import { ResolverBench, sip } from "../../support/resolving.ts";

test("the same random gives the same order among equal servers, others spread over all (RFC 3263 §4.4)", () => {
  const hosts = [1, 2, 3, 4].map((n) => `s${n}.example.com`);
  const { resolver, clock } = new ResolverBench({
    "SRV _sip._udp.example.com": hosts.map((host) => srv(host, 5060, 1, 1)),
    ...Object.fromEntries(hosts.map((host, n) => [`A ${host}`, [a(`192.0.2.${n + 1}`)]])),
  });
  const orderBy = (seed: number) => {
    let result: Resolution | undefined;
    resolver.resolve(sip("sip:example.com;transport=udp"), (resolution) => (result = resolution), seededRandom(seed));
    clock.advance(1000);
    return result?.ok === true ? result.hops.map(({ host }) => host) : [];
  };
  const first = new Set<string | undefined>();
  for (let seed = 0; seed < 40; seed++) {
    const order = orderBy(seed);
    expect(order).toHaveLength(4);
    expect(orderBy(seed)).toEqual(order);
    first.add(order[0]);
  }
  expect(first.size).toBe(4);
});
