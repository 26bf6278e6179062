/** Who is limited, who is banned, who is dropped, who is blocked. */
import { describe, expect, test } from "bun:test";
import { Bans } from "../../src/routing/bans.ts";
import { blocker, dropper } from "../../src/routing/block.ts";
import { Arrival } from "../../src/routing/chain.ts";
import { Guard, type GuardSettings } from "../../src/routing/guard.ts";
import { Networks } from "../../src/routing/networks.ts";
import { compilePattern } from "../../src/routing/pattern.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import type { Request, Response } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import type { Ban } from "../../src/store/types.ts";
import { FakeFlow, requestFrom } from "../support/fake-flow.ts";

const settings: GuardSettings = {
  failures: 3,
  within: 60_000,
  for: 600_000,
  scanners: true,
  never: ["127.0.0.0/8"],
  requestsPerSource: 10,
};

function guarded(changes: Partial<GuardSettings> = {}) {
  const clock = new VirtualClock();
  const kept = new Map<string, Ban>();
  const store = {
    entries: () => kept.entries(),
    put: (source: string, ban: Ban) => void kept.set(source, ban),
    delete: (source: string) => kept.delete(source),
  };
  const bans = new Bans({ now: () => clock.now(), store });
  const told: string[] = [];
  const guard = new Guard({
    clock,
    bans,
    settings: { ...settings, ...changes },
    banned: (source, why) => told.push(`${source}: ${why}`),
  });
  return { clock, guard, bans, kept, store, told };
}

describe("wrong passwords", () => {
  test("ban their source after as many as are allowed, for as long as is said", () => {
    const { clock, guard, told } = guarded();
    for (const still of [true, true, false]) {
      guard.failed("192.0.2.1", "wrong passwords", true);
      expect(guard.hears("192.0.2.1")).toBe(still);
    }
    expect(told).toEqual(["192.0.2.1: wrong passwords"]);
    clock.advance(600_000);
    expect(guard.hears("192.0.2.1")).toBe(true);
  });

  test("are forgotten when they are few", () => {
    const { clock, guard } = guarded();
    for (let i = 0; i < 10; i++) {
      guard.failed("192.0.2.1", "wrong passwords", true);
      clock.advance(40_000);
    }
    expect(guard.hears("192.0.2.1")).toBe(true);
  });

  test.each([
    ["a source that may be forged", "192.0.2.1", false],
    ["a source that is never banned", "127.0.0.1", true],
  ])("of %s ban nobody", (_, source, proved) => {
    const { guard } = guarded();
    for (let i = 0; i < 100; i++) guard.failed(source, "wrong passwords", proved);
    expect(guard.hears(source)).toBe(true);
  });
});

describe("bans", () => {
  test("outlive the process in their store", () => {
    const { guard, store, clock, kept } = guarded({ failures: 1 });
    guard.failed("2001:db8::1", "wrong passwords", true);
    const later = new Bans({ now: () => clock.now(), store });
    expect(later.has("2001:db8::1")).toBe(true);
    expect(later.lift("2001:db8::1")).toBe(true);
    expect(later.lift("2001:db8::1")).toBe(false);
    expect(kept.size).toBe(0);
  });

  test("of an IPv6 address are for its network of 64 bits, which is one customer", () => {
    const { guard } = guarded({ failures: 2, requestsPerSource: 1 });
    guard.failed("2001:db8:1:2::1", "wrong passwords", true);
    guard.failed("2001:db8:1:2:ffff::2", "wrong passwords", true);
    expect(guard.hears("2001:db8:1:2:a:b:c:d")).toBe(false);
    expect(guard.hears("2001:db8:1:3::1")).toBe(true);
    expect(guard.bans.list()[0]?.source).toBe("2001:db8:1:2::/64");
    expect([1, 2, 3].map((host) => guard.admits(`2001:db8:9:9::${host}`))).toEqual([true, true, false]);
  });

  test("are bounded in number", () => {
    const { bans, kept } = guarded();
    for (let i = 0; i < 50_010; i++) bans.add(`host ${i}`, 1000, "test");
    expect(bans.list().length).toBe(50_000);
    expect(kept.size).toBe(50_000);
    expect(bans.has("host 5")).toBe(false);
  });
});

describe("requests of one source", () => {
  test("are taken up to twice the rate at once, then at the rate", () => {
    const { clock, guard } = guarded();
    const burst = Array.from({ length: 30 }, () => guard.admits("192.0.2.1")).filter(Boolean).length;
    expect(burst).toBe(20);
    clock.advance(500);
    expect(Array.from({ length: 30 }, () => guard.admits("192.0.2.1")).filter(Boolean).length).toBe(5);
    expect(guard.admits("192.0.2.2")).toBe(true);
    expect(guard.counts.limited).toBe(35);
  });

  test("are taken ten times as often from where a right password came", () => {
    const { guard } = guarded();
    guard.trust("192.0.2.1");
    expect(Array.from({ length: 300 }, () => guard.admits("192.0.2.1")).filter(Boolean).length).toBe(200);
  });
});

const request = (headers: Record<string, string> = {}, method = "INVITE"): Request =>
  requestFrom({ method, headers: Object.entries(headers).map(([name, value]) => `${name}: ${value}`) });

/** What a receiver did with a request: whether it took it, and the status of what went out. */
function received(receiver: (incoming: Arrival) => boolean, message: Request, flow = new FakeFlow("udp")) {
  let taken = false;
  const layer = new TransactionLayer({
    clock: new VirtualClock(),
    random: seededRandom(1),
    user: {
      request: (tx) => {
        taken = receiver(new Arrival(tx));
        if (!taken) tx.forget();
      },
      ack: () => {},
      cancel: () => {},
      strayResponse: (_: Response) => {},
    },
  });
  layer.receive(message, flow);
  return { taken, sent: flow.sent.map((bytes) => new TextDecoder().decode(bytes).slice(8, 11)), open: layer.size };
}

describe("the scanner's request", () => {
  test("is known by its User-Agent, and bans only a source that cannot be forged", () => {
    const { guard } = guarded();
    const scan = request({ "User-Agent": "friendly-scanner" });
    expect(guard.isScanner(scan, new FakeFlow("udp"))).toBe(true);
    expect(guard.bans.list()).toEqual([]);
    expect(guard.isScanner(scan, new FakeFlow("tcp"))).toBe(true);
    expect(guard.bans.list().length).toBe(1);
    expect(guard.isScanner(request({ "User-Agent": "Acme Phone" }), new FakeFlow("udp"))).toBe(false);
  });
});

describe("the blocker", () => {
  test("answers the methods that it names, and keeps nothing", () => {
    const block = blocker({ INVITE: { status: 403, reason: "No calls" }, SUBSCRIBE: 405 });
    expect(received(block, request())).toEqual({ taken: true, sent: ["403"], open: 0 });
    expect(received(block, request({}, "OPTIONS"))).toEqual({ taken: false, sent: [], open: 0 });
  });
});

describe("the dropper", () => {
  const flow = new FakeFlow("udp");
  const network = `${flow.remote.host.split(".").slice(0, 2).join(".")}.0.0/16`;
  const glob = compilePattern("friendly*");
  test.each([
    ["the source's network", { from: network }, true],
    ["another network", { from: "203.0.113.0/24" }, false],
    ["the source's port", { port: flow.remote.port }, true],
    ["network and another port", { from: network, port: 9 }, false],
    ["a header that is there", { header: "user-agent" }, true],
    ["a header that is not there", { header: "X-Other" }, false],
    ["a header by a glob", { header: "User-Agent", matches: glob.ok ? glob.pattern : /$^/ }, true],
    ["a header by an expression", { header: "User-Agent", matches: /^other/ }, false],
  ])("by %s", (_, condition, taken) => {
    const outcome = received(dropper([condition]), request({ "User-Agent": "friendly/1" }));
    expect(outcome).toEqual({ taken, sent: [], open: 0 });
  });
});

describe("networks", () => {
  test.each([
    ["192.0.2.0/24", "192.0.2.255", true],
    ["192.0.2.0/24", "192.0.3.0", false],
    ["192.0.2.7", "192.0.2.7", true],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["::1", "::1", true],
    ["nonsense/8", "10.0.0.1", false],
    ["10.0.0.0/99", "10.0.0.1", false],
    ["10.0.0.0/8", "not an address", false],
  ])("%s and %s: %p", (network, address, within) => {
    expect(new Networks([network]).has(address)).toBe(within);
  });
});
