/** Names by RFC 3263 against Debian's dnsmasq, and calls that go to the servers which it names. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { defaultSettings, invite, type SessionEnd, type SessionUser } from "../../src/agent/index.ts";
import { createLog } from "../../src/log.ts";
import { secureRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { isSipUri, parseUri } from "../../src/sip/uri.ts";
import { SystemClock, TransportLayer } from "../../src/transport/index.ts";
import { type Resolution, Resolver } from "../../src/transport/resolve/index.ts";
import { has } from "../support/peers/available.ts";
import { type Dnsmasq, dnsmasq } from "../support/peers/dnsmasq.ts";
import { freePort } from "../support/peers/ports.ts";
import { received, startSipp } from "../support/peers/sipp.ts";

const log = createLog({ level: "error", format: "json", write: () => {} });

describe.skipIf(!has("dnsmasq"))("what dnsmasq says", () => {
  let dns: Dnsmasq;
  let resolver: Resolver;

  beforeAll(async () => {
    dns = await dnsmasq({
      domain: "example.test",
      hosts: {
        "a.example.test": ["192.0.2.1", "2001:db8::1"],
        "b.example.test": ["192.0.2.2"],
        "here.example.test": ["127.0.0.1"],
      },
      aliases: { "alias.example.test": "a.example.test" },
      srv: [
        { name: "_sip._udp.example.test", target: "a.example.test", port: 5070, priority: 10 },
        { name: "_sip._udp.example.test", target: "b.example.test", port: 5080, priority: 20 },
        { name: "_sips._tcp.example.test", target: "a.example.test", port: 5071 },
        { name: "_sip._tcp.sub.example.test", target: "b.example.test", port: 5090 },
        // More than fits in a datagram.
        ...Array.from({ length: 60 }, (_, n) => ({
          name: "_sip._udp.large.example.test",
          target: "b.example.test",
          port: 6000 + n,
          priority: n,
        })).toReversed(),
      ],
      naptr: [
        { name: "sub.example.test", order: 10, preference: 20, service: "SIP+D2X", replacement: "x.example.test" },
        {
          name: "sub.example.test",
          order: 20,
          preference: 10,
          service: "SIP+D2T",
          replacement: "_sip._tcp.sub.example.test",
        },
      ],
    });
    resolver = Resolver.fromSystem({
      clock: new SystemClock(),
      random: secureRandom,
      log,
      servers: [dns.address],
      serves: () => true,
    });
  });
  afterAll(async () => {
    resolver.close();
    await dns.stop();
  });

  function resolve(text: string): Promise<string[] | string> {
    const uri = parseUri(text);
    if (uri === undefined || !isSipUri(uri)) throw new TypeError(`${text} is no SIP URI`);
    return new Promise((settle) =>
      resolver.resolve(uri, (found: Resolution) =>
        settle(
          found.ok
            ? found.hops.map(({ transport, host, port, serverName }) =>
                [transport, host, port, serverName].filter((part) => part !== undefined).join(" "),
              )
            : found.reason,
        ),
      ),
    );
  }

  const rows: [uri: string, hops: string[] | string][] = [
    [
      "sip:x@example.test",
      [
        "udp 2001:db8::1 5070",
        "udp 192.0.2.1 5070",
        "udp 192.0.2.2 5080",
        "tls 2001:db8::1 5071 example.test",
        "tls 192.0.2.1 5071 example.test",
      ],
    ],
    ["sips:x@example.test", ["tls 2001:db8::1 5071 example.test", "tls 192.0.2.1 5071 example.test"]],
    ["sip:x@sub.example.test", ["tcp 192.0.2.2 5090"]],
    ["sip:x@ALIAS.example.test:5062;transport=tcp", ["tcp 2001:db8::1 5062", "tcp 192.0.2.1 5062"]],
    ["sip:x@b.example.test", ["udp 192.0.2.2 5060"]],
    ["sip:x@nowhere.example.test", "nowhere.example.test cannot be resolved: nowhere.example.test has no address"],
    ["sip:x@here.example.test", "here.example.test cannot be resolved: it leads to this very machine"],
  ];
  test.each(rows)("of %s", async (uri, hops) => {
    expect(await resolve(uri)).toEqual(hops);
    const asked = dns.queries().length;
    expect(await resolve(uri)).toEqual(hops);
    expect(dns.queries().length).toBe(asked);
  });

  test("of more servers than a datagram can name, over TCP", async () => {
    const hops = await resolve("sip:x@large.example.test;transport=udp");
    expect(hops).toEqual(Array.from({ length: 12 }, (_, n) => `udp 192.0.2.2 ${6000 + n}`).slice(0, hops.length));
    expect(hops).toHaveLength(12);
  });

  test("a server that is gone: what it said serves still, and what it did not say fails soon", async () => {
    await dns.stop();
    expect(await resolve("sip:x@b.example.test")).toEqual(["udp 192.0.2.2 5060"]);
    const began = performance.now();
    expect(await resolve("sip:x@other.example.test")).toContain("its port is closed");
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe.skipIf(!has("dnsmasq", "sipp"))("a call to a name", () => {
  /** A user agent on loopback that asks `dns`; its calls are hung up once they are connected. */
  async function caller(dns: Dnsmasq) {
    const clock = new SystemClock();
    const transport = await TransportLayer.open({
      listen: [{ transport: "udp", host: "127.0.0.1", port: 0 }],
      log,
      clock,
      events: {
        message: (message, flow) => transactions.receive(message, flow),
        failure: () => {},
        closed: () => {},
      },
    });
    const transactions: TransactionLayer = new TransactionLayer({
      clock,
      random: secureRandom,
      user: {
        request: (tx) => tx.respondStateless(501),
        ack() {},
        cancel() {},
        strayResponse() {},
      },
    });
    const resolver = Resolver.fromSystem({
      clock,
      random: secureRandom,
      log,
      servers: [dns.address],
      serves: (kind, family) => kind === "udp" && family === 4,
      loopback: true,
    });
    const context = {
      ...{ clock, random: secureRandom, log, settings: defaultSettings, ways: transport, transactions, resolver },
      sessions: new Map(),
    };
    return {
      /** The milliseconds until it was connected, and how it ended. */
      call: (uri: string) => {
        const began = performance.now();
        const { promise, resolve } = Promise.withResolvers<{ connected: number | undefined; end: SessionEnd }>();
        let connected: number | undefined;
        const session = invite(
          context,
          { uri },
          (made): SessionUser => ({
            openAudio: () => ({ rtpPort: 40_000, rtcpPort: 40_001 }),
            connected() {
              connected = performance.now() - began;
              made.end({ by: "local", cause: "hangup", code: 200 });
            },
            ended: (end) => resolve({ connected, end }),
            ringing() {},
            mediaChanged() {},
            held() {},
            message() {},
          }),
        );
        if ("failure" in session) throw new TypeError(session.failure);
        return promise;
      },
      close: async () => {
        resolver.close();
        await transport.close();
      },
    };
  }

  test("whose first server is dead gets through to the second, the next one at once", async () => {
    const callee = await startSipp({ scenario: "uas-call", values: { pause: "0" }, calls: 3 });
    const dns = await dnsmasq({
      domain: "example.test",
      hosts: { "a.example.test": ["127.0.0.1"] },
      srv: [
        { name: "_sip._udp.example.test", target: "a.example.test", port: await freePort(), priority: 1 },
        { name: "_sip._udp.example.test", target: "a.example.test", port: callee.port, priority: 2 },
      ],
    });
    const { call, close } = await caller(dns);
    const [first, second, third] = [
      await call("sip:bob@example.test"),
      await call("sip:bob@example.test"),
      await call("sip:bob@example.test"),
    ];
    expect([first, second, third].map(({ end }) => end)).toEqual(
      Array(3).fill({ by: "local", cause: "hangup", code: 200 }),
    );
    expect(first.connected).toBeWithin(900, 2500);
    expect(second.connected).toBeLessThan(500);
    expect(third.connected).toBeLessThan(500);
    const story = received(await callee.result);
    expect(story).toEqual(["INVITE", "ACK", "BYE", "INVITE", "ACK", "BYE", "INVITE", "ACK", "BYE"]);
    await Promise.all([close(), dns.stop()]);
  });

  test("whose first server says 503 gets through to the second at once", async () => {
    const busy = await startSipp({ scenario: "uas-refuses", values: { status: "503 Service Unavailable" } });
    const callee = await startSipp({ scenario: "uas-call", values: { pause: "0" } });
    const dns = await dnsmasq({
      domain: "example.test",
      hosts: { "a.example.test": ["127.0.0.1"] },
      naptr: [
        { name: "example.test", order: 1, preference: 1, service: "SIP+D2U", replacement: "_sip._udp.example.test" },
      ],
      srv: [
        { name: "_sip._udp.example.test", target: "a.example.test", port: busy.port, priority: 1 },
        { name: "_sip._udp.example.test", target: "a.example.test", port: callee.port, priority: 2 },
      ],
    });
    const { call, close } = await caller(dns);
    const { connected, end } = await call("sip:bob@example.test");
    expect(end.code).toBe(200);
    expect(connected).toBeLessThan(900);
    expect(received(await busy.result)).toEqual(["INVITE", "ACK"]);
    expect(received(await callee.result)).toEqual(["INVITE", "ACK", "BYE"]);
    await Promise.all([close(), dns.stop()]);
  });
});
