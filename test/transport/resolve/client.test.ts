/** Asking DNS servers: several of them, silence, truncation, forged and broken replies (RFC 1035, RFC 5452, RFC 6891). */
import { afterEach, describe, expect, test } from "bun:test";
import type { Answer, Packet } from "dns-packet";
import { encode, TRUNCATED_RESPONSE } from "dns-packet";
import { VirtualClock } from "../../../src/sip/clock.ts";
import type { Address } from "../../../src/sip/flow.ts";
import { secureRandom } from "../../../src/sip/random.ts";
import { ServerClient } from "../../../src/transport/resolve/client.ts";
import type { RecordType, Reply } from "../../../src/transport/resolve/index.ts";
import { bindUdp } from "../../../src/udp.ts";
import { a, type Behaviour, FakeDnsServer, reply, soa } from "../../support/dns.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function server(behave: Behaviour): Promise<FakeDnsServer> {
  const opened = await FakeDnsServer.open(behave);
  closers.push(() => opened.close());
  return opened;
}

/** Patience 1 s: a query is repeated after 500 ms, the next server asked after another 500. */
function clientOf(...servers: Address[]) {
  const clock = new VirtualClock();
  const random = secureRandom;
  const client = new ServerClient({ clock, random, servers: () => servers, patience: 1000, maxQuestions: 50 });
  closers.push(() => client.close());
  const query = (name: string, type: RecordType = "A") =>
    new Promise<Reply>((resolve) => client.query(name, type, resolve));
  return { clock, client, query };
}

const host: Answer = { type: "A", name: "www.example.com", ttl: 60, data: "192.0.2.1" };
const good: Behaviour = (query) => reply(query, [host]);
const silent: Behaviour = () => undefined;
const found: Reply = { kind: "records", records: [a("192.0.2.1")], ttl: 60 };

/** A port that nobody has bound. */
async function closedPort(): Promise<Address> {
  const once = await FakeDnsServer.open(silent);
  once.close();
  return once.address;
}

describe("one server", () => {
  const rows: [what: string, type: RecordType, answers: Answer[], expected: unknown][] = [
    ["A", "A", [host], found],
    [
      "AAAA",
      "AAAA",
      [{ type: "AAAA", name: "www.example.com", ttl: 5, data: "2001:DB8::1" }],
      { kind: "records", records: [{ type: "AAAA", address: "2001:db8::1" }], ttl: 5 },
    ],
    [
      "SRV",
      "SRV",
      [
        {
          type: "SRV",
          name: "www.example.com",
          ttl: 60,
          data: { priority: 1, weight: 2, port: 5070, target: "A.example.com" },
        },
      ],
      {
        kind: "records",
        records: [{ type: "SRV", priority: 1, weight: 2, port: 5070, target: "a.example.com" }],
        ttl: 60,
      },
    ],
    [
      "NAPTR",
      "NAPTR",
      [
        {
          type: "NAPTR",
          name: "www.example.com",
          ttl: 60,
          data: {
            order: 1,
            preference: 2,
            flags: "S",
            services: "sip+d2u",
            regexp: "",
            replacement: "_sip._udp.example.com",
          },
        },
      ],
      {
        kind: "records",
        records: [
          {
            type: "NAPTR",
            order: 1,
            preference: 2,
            flags: "s",
            service: "SIP+D2U",
            replacement: "_sip._udp.example.com",
          },
        ],
        ttl: 60,
      },
    ],
    [
      "an alias, and the TTL of the shortest link",
      "A",
      [
        { type: "CNAME", name: "www.example.com", ttl: 30, data: "Web.example.net" },
        { type: "A", name: "web.example.net", ttl: 300, data: "192.0.2.1" },
      ],
      { ...found, ttl: 30 },
    ],
    ["records of other names and types are not taken", "AAAA", [host], { kind: "none", ttl: 0 }],
  ];
  test.each(rows)("answers: %s", async (_, type, answers, expected) => {
    const dns = await server((query) => reply(query, answers));
    expect(await clientOf(dns.address).query("www.example.com", type)).toEqual(expected as Reply);
  });

  test("says that there is nothing, and for how long (RFC 2308)", async () => {
    const nothing = await server((query) => reply(query, [], { authorities: [soa(120, 600)] }));
    expect(await clientOf(nothing.address).query("www.example.com")).toEqual({ kind: "none", ttl: 120 });
    const unknown = await server((query) => reply(query, [], { rcode: 3, authorities: [soa(1200, 600)] }));
    expect(await clientOf(unknown.address).query("www.example.com")).toEqual({ kind: "none", ttl: 600 });
  });

  test("is asked for the alias that it did not follow, eight times at most", async () => {
    const dns = await server((query) => {
      const [question] = query.questions ?? [];
      if (question?.name === "www.example.com") return reply(query, [host]);
      return reply(query, [{ type: "CNAME", name: question?.name ?? "", ttl: 9, data: "www.example.com" }]);
    });
    expect(await clientOf(dns.address).query("alias.example.com")).toEqual({ ...found, ttl: 9 });
    expect(dns.asked).toEqual(["A alias.example.com", "A www.example.com"]);

    let n = 0;
    const endless = await server((query) =>
      reply(query, [{ type: "CNAME", name: query.questions?.[0]?.name ?? "", ttl: 9, data: `a${++n}.example.com` }]),
    );
    expect(await clientOf(endless.address).query("a0.example.com")).toMatchObject({ kind: "failed" });
    expect(n).toBe(9);
  });

  test("whose aliases go round in a reply has none", async () => {
    const loop = await server((query) =>
      reply(query, [
        { type: "CNAME", name: "www.example.com", ttl: 9, data: "b.example.com" },
        { type: "CNAME", name: "b.example.com", ttl: 9, data: "www.example.com" },
      ]),
    );
    expect(await clientOf(loop.address).query("www.example.com")).toEqual({
      kind: "failed",
      reason: expect.stringContaining("the name is an alias of an alias"),
    });
  });

  test("is asked over TCP for what is too long for a datagram", async () => {
    const many = Array.from({ length: 100 }, (_, n): Answer => ({ ...host, data: `192.0.2.${n}` }) as Answer);
    const dns = await server((query, way) =>
      way === "udp" ? reply(query, [], { flags: TRUNCATED_RESPONSE }) : reply(query, many),
    );
    const answer = await clientOf(dns.address).query("www.example.com");
    expect(answer.kind === "records" && answer.records.length).toBe(32);
    expect(dns.asked).toHaveLength(2);
  });

  test("that cuts off what it says over TCP as well is not asked without end", async () => {
    const dns = await server((query) => reply(query, [], { flags: TRUNCATED_RESPONSE }));
    expect(await clientOf(dns.address).query("www.example.com")).toMatchObject({ kind: "failed" });
    expect(dns.asked).toHaveLength(2);
  });

  test("that does not know EDNS is asked without, from then on", async () => {
    const seen: number[] = [];
    const dns = await server((query) => {
      seen.push(query.additionals?.length ?? 0);
      return (query.additionals?.length ?? 0) > 0 ? reply(query, [], { rcode: 1 }) : reply(query, [host]);
    });
    const { query } = clientOf(dns.address);
    expect(await query("www.example.com")).toEqual(found);
    expect(await query("www.example.com")).toEqual(found);
    expect(seen).toEqual([1, 0, 0]);
  });

  test("is asked again when the query was lost", async () => {
    let lost = false;
    const dns = await server((query) => {
      if (lost) return reply(query, [host]);
      lost = true;
      return undefined;
    });
    const { query, clock } = clientOf(dns.address);
    const answer = query("www.example.com");
    await dns.heard(1);
    clock.advance(500);
    expect(await answer).toEqual(found);
    expect(clock.pending).toBe(0);
  });

  test("is not asked for what cannot be a name", async () => {
    const dns = await server(good);
    const { query } = clientOf(dns.address);
    for (const name of ["a..example.com", `${"a".repeat(64)}.example.com`, "", `${"a.".repeat(127)}com`])
      expect(await query(name)).toEqual({ kind: "none", ttl: 0 });
    expect(dns.asked).toEqual([]);
  });
});

describe("several servers", () => {
  const refusals: [string, Behaviour][] = [
    ["fails", (query) => reply(query, [], { rcode: 2 })],
    ["refuses", (query) => reply(query, [], { rcode: 5 })],
    [
      "sends nonsense behind a good header",
      (query) => Buffer.concat([encode(reply(query, [])), Buffer.of(1)]).fill(0xff, 6, 8),
    ],
    ["claims more records than anybody has", (query) => withCounts(encode(reply(query, [])), 60_000)],
  ];
  test.each(refusals)("the next one is asked at once when the first %s", async (_, behave) => {
    const first = await server(behave);
    const second = await server(good);
    const { query, clock } = clientOf(first.address, second.address);
    expect(await query("www.example.com")).toEqual(found);
    expect([first.asked.length, second.asked.length, clock.now()]).toEqual([1, 1, 0]);
  });

  test("the next one is asked at once when the first one's port is closed", async () => {
    const second = await server(good);
    const { query, clock } = clientOf(await closedPort(), second.address);
    expect(await query("www.example.com")).toEqual(found);
    expect(clock.now()).toBe(0);
  });

  test("one that is silent is waited for once, and goes last for a while", async () => {
    const first = await server(silent);
    const second = await server(good);
    const { query, clock } = clientOf(first.address, second.address);
    const answer = query("www.example.com");
    await first.heard(1);
    clock.advance(500);
    await first.heard(2);
    clock.advance(500);
    expect(await answer).toEqual(found);
    expect(await query("www.example.com")).toEqual(found);
    expect(first.asked).toHaveLength(2);
    clock.advance(10_000);
    void query("www.example.com");
    await first.heard(3);
  });

  test("an answer that comes late is taken all the same", async () => {
    let late: (() => void) | undefined;
    const first = await FakeDnsServer.open(silent);
    closers.push(() => first.close());
    const slow = await server((query) => {
      late = () => void slow.send(reply(query, [host]));
      return undefined;
    });
    const { query, clock } = clientOf(slow.address, first.address);
    const answer = query("www.example.com");
    await slow.heard(1);
    clock.advance(500);
    clock.advance(500);
    await first.heard(1);
    late?.();
    expect(await answer).toEqual(found);
  });

  test("that are all silent give a reason, and leave nothing behind", async () => {
    const [first, second] = [await server(silent), await server(silent)];
    const { query, clock } = clientOf(first.address, second.address);
    const answer = query("www.example.com");
    clock.advance(2000);
    expect(await answer).toEqual({ kind: "failed", reason: "no DNS server answers" });
    expect(clock.pending).toBe(0);
  });

  test("are none: that is said at once", async () => {
    expect(await clientOf().query("www.example.com")).toMatchObject({ kind: "failed" });
  });
});

describe("replies that nobody asked for", () => {
  const forged: [string, (query: Packet) => Packet | Uint8Array][] = [
    ["with another id", (query) => ({ ...reply(query, [host]), id: ((query.id ?? 0) + 1) & 0xffff })],
    [
      "to another question",
      (query) => reply({ ...query, questions: [{ type: "A", name: "evil.example.com" }] }, [host]),
    ],
    ["of another type", (query) => reply({ ...query, questions: [{ type: "AAAA", name: "www.example.com" }] }, [host])],
    ["that are queries", (query) => ({ ...reply(query, [host]), type: "query" })],
    ["without a question", (query) => ({ ...reply(query, [host]), questions: [] })],
    ["of three octets", () => Buffer.of(1, 2, 3)],
    ["of no octet", () => Buffer.alloc(0)],
  ];
  test.each(forged)("%s are as if they had not come", async (_, forge) => {
    const lie = { ...host, data: "203.0.113.66" } as Answer;
    const dns = await server((query) => {
      const bad = forge({ ...query, questions: query.questions ?? [] });
      const octets = bad instanceof Uint8Array ? bad : encode({ ...bad, answers: [lie] });
      return [octets, encode(reply(query, [host]))];
    });
    expect(await clientOf(dns.address).query("www.example.com")).toEqual(found);
  });

  test("from another address are not seen", async () => {
    const dns = await server((query) => reply(query, [{ ...host, data: "203.0.113.66" } as Answer]));
    dns.strangers = await bindUdp({ host: "127.0.0.1", port: 0, onPacket: () => {} });
    const { query, clock } = clientOf(dns.address);
    const answer = query("www.example.com");
    await dns.heard(1);
    clock.advance(500);
    await dns.heard(2);
    clock.advance(500);
    expect(await answer).toMatchObject({ kind: "failed" });
  });

  test("in a flood end the question: somebody guesses its id", async () => {
    const dns = await server((query) =>
      Array.from({ length: 100 }, (_, n) =>
        encode({ ...reply(query, [host]), id: ((query.id ?? 0) + 1 + n) & 0xffff }),
      ),
    );
    expect(await clientOf(dns.address).query("www.example.com")).toEqual({
      kind: "failed",
      reason: "somebody forges replies",
    });
  });
});

describe("many questions", () => {
  test("come from ports and with ids that cannot be foretold", async () => {
    const seen = new Set<number>();
    const dns = await server((query) => {
      seen.add(query.id ?? 0);
      return reply(query, [host]);
    });
    const { query } = clientOf(dns.address);
    await Promise.all(Array.from({ length: 40 }, () => query("www.example.com")));
    expect(seen.size).toBeGreaterThan(37);
  });

  test("at a time are bounded: the oldest gives way, and others are not delayed (R4)", async () => {
    const dns = await server((query) =>
      query.questions?.[0]?.name === "www.example.com" ? reply(query, [host]) : undefined,
    );
    const { query, client } = clientOf(dns.address);
    const slow = Array.from({ length: 60 }, (_, n) => query(`slow${n}.example.com`));
    expect(await slow[0]).toEqual({ kind: "failed", reason: "too many names are to be resolved" });
    expect(await query("www.example.com")).toEqual(found);
    client.close();
    expect(await slow[59]).toMatchObject({ kind: "failed" });
    expect(await query("www.example.com")).toMatchObject({ kind: "failed" });
  });
});

function withCounts(octets: Buffer, count: number): Buffer {
  octets.writeUInt16BE(count, 6);
  return octets;
}
