/** The location service against a simple model of it, over a restart, and in bulk. */
import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { type Binding, Location, servedDomains } from "../../../src/routing/registrar/index.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";
import type { BindingRow, BindingStore, StoredBinding } from "../../../src/store/index.ts";
import { below, seeded } from "../../support/random.ts";
import { Office, startOfTime } from "./office.ts";

/** A store that keeps what is put at once. */
class Kept implements BindingStore {
  readonly rows = new Map<number, BindingRow>();

  load(): readonly BindingRow[] {
    return [...this.rows.values()];
  }

  put(binding: StoredBinding): void {
    const [id, expires, refreshed, cseq, q, natted, direct, aor = "", contact = "", ...more] = binding
      .row()
      .split("\n");
    const [params = "", callId = "", path = "", regId, flow = "", userAgent = ""] = more;
    const numbers = [id, expires, refreshed, cseq, q, natted, direct, regId].map(Number);
    const [n0 = 0, n1 = 0, n2 = 0, n3 = 0, n4 = 0, n5 = 0, n6 = 0, n7 = 0] = numbers;
    this.rows.set(n0, {
      id: n0,
      expires: n1,
      refreshed: n2,
      cseq: n3,
      q: n4,
      natted: n5,
      direct: n6,
      regId: n7,
      aor,
      contact,
      params,
      callId,
      path,
      flow,
      userAgent,
    });
  }

  delete(binding: StoredBinding): void {
    this.rows.delete(binding.id);
  }
}

describe("over a restart", () => {
  test("bindings are back with all that was said of them, and with what is left of their time", () => {
    const store = new Kept();
    const office = new Office({ store });
    office.register({
      contacts: ['<sip:alice@10.0.0.1>;q=0.5;+sip.instance="<urn:UUID:AB>";reg-id=2;expires=100'],
      lines: ["Path: <sip:p;lr;ob>", "User-Agent: phone", "Supported: outbound"],
      cseq: 7,
    });
    const facts = (each: Binding | undefined) => [each?.contact, each?.params, each?.instance, each?.regId, each?.path];
    const more = (each: Binding | undefined) => [
      each?.q,
      each?.cseq,
      each?.callId,
      each?.userAgent,
      each?.natted,
      each?.flow,
    ];
    const [before] = office.location.lookup("alice@example.com");
    const clock = new VirtualClock();
    const location = new Location({ clock, store, wall: () => startOfTime + 40_000 });
    const [after] = location.lookup("alice@example.com");
    expect([facts(after), more(after)]).toEqual([facts(before), more(before)]);
    expect(after === undefined ? 0 : location.secondsLeft(after)).toBe(60);
    clock.advance(62_000);
    expect([location.size, store.rows.size]).toEqual([0, 0]);
  });

  test("what has expired meanwhile is gone, and what is too long is shortened", () => {
    const store = new Kept();
    const office = new Office({ store });
    office.register({ contacts: ["<sip:a@10.0.0.1>;expires=100", "<sip:b@10.0.0.1>;expires=7200"] });
    const wall = () => startOfTime + 200_000;
    const location = new Location({ clock: new VirtualClock(), store, wall, maxExpires: 3600 });
    const [binding] = location.lookup("alice@example.com");
    expect([location.size, binding?.contact, store.rows.size]).toEqual([1, "sip:b@10.0.0.1", 1]);
    expect(binding === undefined ? 0 : location.secondsLeft(binding)).toBe(3600);
  });

  test("the system's clock may jump: bindings live as long as they were promised", () => {
    const store = new Kept();
    let wall = 0;
    const clock = new VirtualClock();
    const location = new Location({ clock, store, wall: () => wall });
    const change = {
      contact: "sip:a@b",
      params: "",
      callId: "1",
      path: "",
      regId: 0,
      flow: "udp a 1 b 2",
      userAgent: "",
    };
    const fresh = { ...change, expires: 100, q: 1, natted: false, direct: true, binding: undefined };
    location.apply("alice@example.com", [fresh], 1, 0);
    wall = startOfTime;
    clock.advance(50_000);
    expect(location.lookup("alice@example.com")).toHaveLength(1);
    location.apply("bob@example.com", [fresh], 1, 0);
    expect([...store.rows.values()].map(({ expires }) => expires)).toEqual([100_000, startOfTime + 100_000]);
  });
});

test("a model of it says the same after any requests at any times (seeded, 200 runs)", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const store = new Kept();
    const office = new Office({ store });
    /** When each contact of each user expires. */
    const model = new Map<string, Map<string, number>>();
    const users = ["alice", "bob", "carol"];
    for (let step = 0; step < 60; step++) {
      const now = office.clock.now();
      const user = users[below(random, 3)] ?? "";
      const known = model.get(user) ?? new Map<string, number>();
      model.set(user, known);
      const contact = `sip:${user}@192.0.2.${below(random, 4)}`;
      const seconds = [0, 60, 61, 300, 7200][below(random, 5)] ?? 0;
      if (random() < 0.3) office.clock.advance(below(random, 200_000));
      else if (random() < 0.1) {
        office.register({ user, contacts: ["*"], lines: ["Expires: 0"] });
        known.clear();
      } else {
        expect(office.register({ user, contacts: [`<${contact}>;expires=${seconds}`] }).status).toBe(200);
        if (seconds === 0) known.delete(contact);
        else known.set(contact, now + seconds * 1000);
      }
      for (const each of users) {
        const expected = [...(model.get(each) ?? [])].filter(([, end]) => end > office.clock.now());
        const there = office.location.lookup(`${each}@example.com`);
        expect(there.map(({ contact: text, due }) => [text, due]).sort()).toEqual(expected.sort());
      }
    }
    expect(store.rows.size).toBe(office.location.size);
    office.clock.advance(7_300_000);
    expect([office.location.size, office.location.users, store.rows.size, office.clock.pending]).toEqual([0, 0, 0, 0]);
  }
});

test("a hundred thousand that expire in one second are let go a thousand at a time", () => {
  const clock = new VirtualClock();
  const location = new Location({ clock });
  const change = { contact: "sip:a@b", params: "", callId: "1", path: "", regId: 0, flow: "", userAgent: "" };
  const fresh = { ...change, expires: 60, q: 1, natted: false, direct: true, binding: undefined };
  for (let user = 0; user < 100_000; user++) location.apply(`u${user}@example.com`, [fresh], 1, 0);
  clock.advance(60_000);
  expect(location.size).toBe(99_000);
  expect(location.lookup("u5@example.com")).toEqual([]);
  clock.advance(200);
  expect(location.size).toBe(0);
});

test("a binding takes less than 1 KB, and keeps nothing of the message that made it", () => {
  const clock = new VirtualClock();
  const location = new Location({ clock });
  const weigh = () => {
    Bun.gc(true);
    return heapStats().heapSize;
  };
  /** As cut out of a message of 2 KB. */
  const add = (user: number) => {
    const message = `${"x".repeat(2000)} sip:u${user}@192.168.178.21:5080;transport=tcp ${user}-8f3c5d2e1b7a9f60@192.168.178.21`;
    const [, contact = "", callId = ""] = message.split(" ");
    const params = `;+sip.instance="<urn:uuid:00000000-0000-1000-8000-${user + 100_000_000_000}>"`;
    const facts = { contact, params, callId, path: "", regId: 0, userAgent: "A Telephone X12/4.5.6" };
    const flow = "tcp 192.0.2.1 5060 198.51.100.7 40000 8f3c5d2e1b7a9f60";
    const state = { expires: 3600, q: 1, natted: true, direct: true, binding: undefined };
    location.apply(`u${user}@example.com`, [{ ...facts, ...state, flow }], 1, user);
  };
  for (let user = 0; user < 5000; user++) add(user);
  const before = weigh();
  for (let user = 5000; user < 25_000; user++) add(user);
  expect((weigh() - before) / 20_000).toBeLessThan(1000);
  expect(location.size).toBe(25_000);
});

describe("domains", () => {
  const isOwn = (host: string) => host === "192.0.2.1";
  test.each([
    ["one of ours", ["example.com", "Example.NET"], "example.net", "example.net"],
    ["in capitals", ["example.com"], "EXAMPLE.com", "example.com"],
    ["another", ["example.com"], "example.org", undefined],
    ["our address, which means the first", ["example.com", "example.net"], "192.0.2.1", "example.com"],
    ["any, where none is named", [], "Example.ORG", "example.org"],
    ["an IPv6 address in one of its forms", [], "2001:DB8::0:1", "[2001:db8:0:0:0:0:0:1]"],
  ])("%s", (_name, names, host, domain) => {
    expect(servedDomains(names, isOwn)(host, undefined)).toBe(domain as string);
  });
});
