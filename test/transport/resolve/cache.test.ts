/** What is remembered of the DNS, and for how long (RFC 2308, RFC 8767), in virtual time. */
import { describe, expect, test } from "bun:test";
import { VirtualClock } from "../../../src/sip/clock.ts";
import { DnsCache, type DnsClient, type Reply } from "../../../src/transport/resolve/index.ts";
import { a } from "../../support/dns.ts";

const found = (ttl: number, address = "192.0.2.1"): Reply => ({ kind: "records", records: [a(address)], ttl });
const none = (ttl: number): Reply => ({ kind: "none", ttl });
const failed: Reply = { kind: "failed", reason: "no DNS server answers" };

class Bench {
  readonly clock = new VirtualClock();
  readonly asked: string[] = [];
  /** What the next questions get; undefined: they wait for `answer`. */
  reply: Reply | undefined;
  readonly cache: DnsCache;
  #waiting: ((reply: Reply) => void)[] = [];

  constructor(maxEntries = 100) {
    const client: DnsClient = {
      query: (name, type, done) => {
        this.asked.push(`${type} ${name}`);
        if (this.reply !== undefined) done(this.reply);
        else this.#waiting.push(done);
      },
      close() {},
    };
    this.cache = new DnsCache({ client, clock: this.clock, maxEntries });
  }

  answer(reply: Reply): void {
    for (const done of this.#waiting.splice(0)) done(reply);
  }

  /** The replies that a question has got so far. */
  query(name = "www.example.com"): Reply[] {
    const got: Reply[] = [];
    this.cache.query(name, "A", (reply) => got.push(reply));
    return got;
  }
}

describe("a reply holds", () => {
  const rows: [what: string, reply: Reply, ms: number][] = [
    ["for its TTL", found(60), 60_000],
    ["for five seconds though its TTL is 0", found(0), 5_000],
    ["for an hour though its TTL is a week", found(604_800), 3_600_000],
    ["for the time that the SOA allows when there is nothing", none(60), 60_000],
    ["for five minutes at most when there is nothing", none(86_400), 300_000],
    ["for three seconds when it was a failure", failed, 3_000],
  ];
  test.each(rows)("%s", (_, reply, ms) => {
    const bench = new Bench();
    bench.reply = reply;
    expect(bench.query()).toEqual([reply]);
    bench.clock.advance(ms - 1);
    expect(bench.query()).toEqual([reply]);
    expect(bench.asked).toHaveLength(1);
    bench.clock.advance(1);
    bench.query();
    expect(bench.asked).toHaveLength(2);
  });

  test("for a name in whatever case, and for its type alone", () => {
    const bench = new Bench();
    bench.reply = found(60);
    bench.query("www.example.com");
    bench.query("WWW.example.COM");
    bench.cache.query("www.example.com", "AAAA", () => {});
    expect(bench.asked).toEqual(["A www.example.com", "AAAA www.example.com"]);
  });
});

describe("a question", () => {
  test("that is out is not asked again: all get its reply, in their order", () => {
    const bench = new Bench();
    const order: number[] = [];
    for (const n of [1, 2, 3]) bench.cache.query("www.example.com", "A", () => order.push(n));
    expect(bench.asked).toHaveLength(1);
    bench.answer(found(60));
    expect(order).toEqual([1, 2, 3]);
  });
});

describe("when no server answers", () => {
  function expired() {
    const bench = new Bench();
    bench.reply = found(60);
    bench.query();
    bench.reply = undefined;
    bench.clock.advance(60_000);
    return bench;
  }

  test("what was true lately serves, and is asked for again after half a minute", () => {
    const bench = expired();
    bench.reply = failed;
    expect(bench.query()).toEqual([found(60)]);
    bench.clock.advance(29_999);
    bench.query();
    expect(bench.asked).toHaveLength(2);
    bench.clock.advance(1);
    bench.reply = found(60, "192.0.2.2");
    expect(bench.query()).toEqual([found(60, "192.0.2.2")]);
  });

  test("in time, what was true lately serves, and the answer is taken when it comes", () => {
    const bench = expired();
    const got = bench.query();
    expect(got).toEqual([]);
    bench.clock.advance(400);
    expect(got).toEqual([found(60)]);
    expect(bench.query()).toEqual([found(60)]);
    bench.answer(found(60, "192.0.2.2"));
    expect(bench.query()).toEqual([found(60, "192.0.2.2")]);
    expect(bench.asked).toHaveLength(2);
    expect(bench.clock.pending).toBe(0);
  });

  test("for six hours, nothing serves any more", () => {
    const bench = expired();
    bench.clock.advance(6 * 3_600_000);
    bench.reply = failed;
    expect(bench.query()).toEqual([failed]);
  });

  test("a name that is gone is gone: that is an answer", () => {
    const bench = expired();
    bench.reply = none(60);
    expect(bench.query()).toEqual([none(60)]);
  });
});

test("no more is remembered than there is room for; what is used stays", () => {
  const bench = new Bench(100);
  bench.reply = found(3600);
  bench.query("used.example.com");
  for (let n = 0; n < 1000; n++) {
    bench.query(`h${n}.example.com`);
    bench.query("used.example.com");
  }
  expect(bench.cache.size).toBe(100);
  expect(bench.asked.filter((question) => question === "A used.example.com")).toHaveLength(1);
});
