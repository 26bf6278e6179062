/** REGISTERs that no phone sends: the registrar answers, stays whole, and keeps little. */
import { describe, expect, test } from "bun:test";
import { Arrival } from "../../../src/routing/chain.ts";
import { Location, registrar, servedDomains } from "../../../src/routing/registrar/index.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";
import { checkRequest, parseMessage, Request } from "../../../src/sip/message.ts";
import { seededRandom } from "../../../src/sip/random.ts";
import { TransactionLayer } from "../../../src/sip/transaction/index.ts";
import { FakeFlow } from "../../support/fake-flow.ts";
import { below, pick, seeded } from "../../support/random.ts";
import { Office, told } from "./office.ts";

describe("too much of something", () => {
  const many = (count: number) => Array.from({ length: count }, (_, at) => `<sip:a${at}@192.0.2.9>`);

  test("a hundred contacts in one REGISTER: refused, and none is kept", () => {
    const office = new Office();
    expect(told(office.register({ contacts: [many(100).join(",")] }))).toBe("403 Too Many Contacts");
    expect(office.location.size).toBe(0);
  });

  test("ten thousand contacts never get here, and cost milliseconds", () => {
    const bytes = Buffer.from(
      `REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContact: ${many(10_000).join(",")}\r\n\r\n`,
    );
    const before = performance.now();
    const request = parseMessage(bytes, "datagram");
    const refusal = request instanceof Request ? checkRequest(request) : undefined;
    expect(refusal?.reason).toBe("Too many Contacts");
    expect(performance.now() - before).toBeLessThan(100);
  });

  test("a client that takes another port for each REGISTER fills its own places alone", () => {
    const office = new Office();
    const statuses = Array.from({ length: 30 }, (_, port) => {
      return office.register({ contacts: [`<sip:alice@192.0.2.9:${5000 + port}>`] }).status;
    });
    expect([statuses.filter((status) => status === 200).length, office.location.size]).toEqual([10, 10]);
    expect(office.register({ user: "bob", contacts: ["<sip:bob@192.0.2.9>"] }).status).toBe(200);
  });

  test("registering and leaving for hours leaves nothing behind", () => {
    const office = new Office();
    for (let turn = 0; turn < 5000; turn++) {
      office.register({ contacts: [`<sip:alice@192.0.2.9:${turn + 1}>`] });
      office.register({ contacts: ["*"], lines: ["Expires: 0"] });
    }
    expect([office.location.size, office.location.users]).toEqual([0, 0]);
    office.clock.advance(60_000);
    expect(office.clock.pending).toBe(0);
  });

  test("a User-Agent of thousands of octets is cut", () => {
    const office = new Office();
    office.register({ contacts: ["<sip:alice@192.0.2.9>"], lines: [`User-Agent: ${"x".repeat(5000)}`] });
    expect(office.location.lookup("alice@example.com")[0]?.userAgent).toHaveLength(100);
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "the user %s is a user like any other",
    (user) => {
      const office = new Office();
      expect(office.register({ user }).headers("contact")).toEqual([]);
      office.register({ user, contacts: ["<sip:x@192.0.2.9>"] });
      expect(office.contacts(`${user}@example.com`)).toHaveLength(1);
    },
  );
});

test("whatever REGISTER comes, one answer leaves, and what is kept can be told again (seeded, 3 s at most)", () => {
  const random = seeded(20_240_607);
  const clock = new VirtualClock();
  const location = new Location({ clock, maxBindings: 200 });
  const receive = registrar({
    location,
    limits: { minExpires: 60, defaultExpires: 3600, maxExpires: 7200, maxContacts: 5 },
    domainOf: servedDomains(["example.com"]),
  });
  const layer = new TransactionLayer({
    clock,
    random: seededRandom(4),
    user: {
      request: (tx) => {
        if (!receive(new Arrival(tx))) tx.respondStateless(501);
      },
      ack: () => {},
      cancel: () => {},
      strayResponse: () => {},
    },
  });
  const pieces = [
    ...'<>;,:@?=*"\\ \t%[]\0\x7f\xe9'.split(""),
    ...[
      "sip:",
      "sips:",
      "tel:",
      "alice",
      "example.com",
      "[2001:db8::1]",
      "192.0.2.9",
      "expires=0",
      "expires=60",
      "q=0.5",
    ],
    ...[
      '+sip.instance="<urn:a>"',
      "reg-id=1",
      "*",
      "%00",
      "%0a",
      "gr",
      "transport=tcp",
      "99999999999",
      "urn:uuid:",
      "lr",
      "ob",
    ],
  ];
  const headers = ["Contact", "Contact", "Contact", "Expires", "Path", "Supported", "Require", "User-Agent", "m", "k"];
  const contact = () =>
    random() < 0.6
      ? `<sip:${pick(random, ["alice", "bob", "%61"])}@192.0.2.${below(random, 5)}>;expires=${pick(random, ["0", "60", "x"])}`
      : Array.from({ length: below(random, 12) }, () => pick(random, pieces)).join("");
  const values: Readonly<Record<string, () => string>> = {
    Contact: contact,
    m: contact,
    Expires: () => pick(random, ["0", "60", "5", "-1", "", "1e9"]),
    Supported: () => pick(random, ["path", "outbound,gruu", ","]),
    k: () => pick(random, ["gruu", "outbound, path", "\xff"]),
    Require: () => pick(random, ["path", "x", ",", "outbound"]),
  };
  const end = performance.now() + 3000;
  let answered = 0;
  for (let sequence = 1; sequence <= 20_000 && performance.now() < end; sequence++) {
    const extra = Array.from({ length: below(random, 6) }, () => {
      const name = pick(random, headers);
      return `${name}: ${(values[name] ?? contact)()}\r\n`;
    });
    const to = pick(random, ["<sip:alice@example.com>", "sip:b%6fb@EXAMPLE.com", "<sip:%00@example.com>", contact()]);
    const bytes = Buffer.from(
      `REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK${sequence}\r\nFrom: <sip:a@b>;tag=1\r\nTo: ${to}\r\nCall-ID: ${below(random, 3)}\r\nCSeq: ${sequence} REGISTER\r\n${extra.join("")}\r\n`,
      "latin1",
    );
    const request = parseMessage(bytes, "datagram");
    if (!(request instanceof Request) || checkRequest(request) !== undefined) continue;
    const flow = new FakeFlow(pick(random, ["udp", "tcp", "wss"] as const));
    layer.receive(request, flow);
    const [response] = flow.takeMessages();
    expect(response?.lines.fault).toBeUndefined();
    if (random() < 0.05) clock.advance(below(random, 100_000));
    answered++;
  }
  expect(answered).toBeGreaterThan(1000);
  expect(location.size).toBeLessThanOrEqual(200);
  for (const binding of location.all()) {
    expect(binding.row().split("\n")).toHaveLength(15);
    expect(binding.contact.length + binding.params.length).toBeLessThanOrEqual(1000);
  }
  clock.advance(8_000_000);
  expect([location.size, clock.pending]).toEqual([0, 0]);
});
