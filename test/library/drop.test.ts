/** Lists of what to drop, and what comes too often, in a time of the test's own. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DropEntry, DropList, DropListError, dropFrequent, type Receiver } from "../../src/index.ts";
import { Arrival } from "../../src/routing/index.ts";
import { buildRequest, type Request } from "../../src/sip/message.ts";
import type { ServerTransaction } from "../../src/sip/transaction/index.ts";
import { temporaryFolder } from "../support/peers/folder.ts";

function request(method: string, agent: string): Request {
  return buildRequest({ method, uri: "sip:bob@example.com", headers: [["User-Agent", agent]] });
}

interface Said {
  method?: string;
  agent?: string;
  from?: string;
  port?: number;
}

/** What a receiver does with a request: takes it, and forgets it; or leaves it. */
function outcome(
  receive: Receiver,
  { method = "INVITE", agent = "phone", from = "192.0.2.1", port = 5060 }: Said = {},
) {
  let forgotten = false;
  const transaction: Partial<ServerTransaction> = {
    request: request(method, agent),
    flow: {
      transport: "udp",
      reliable: false,
      id: "1",
      local: { host: "127.0.0.1", port: 5060 },
      remote: { host: from, port },
      send() {},
    },
    forget() {
      forgotten = true;
    },
  };
  // Droppers ask no more than this of a transaction.
  const taken = receive(new Arrival(transaction as ServerTransaction));
  expect(forgotten).toBe(taken);
  return taken ? "dropped" : "left";
}

describe("a DropList", () => {
  test("drops what its rules say, until they end or are removed", () => {
    let now = 1_000_000;
    const told: string[] = [];
    const list = new DropList({ now: () => now, dropped: ({ flow }) => told.push(flow.remote.host) });
    const { receive } = list;
    expect(outcome(receive)).toBe("left");
    list.add({ from: "192.0.2.0/24" }, 5000);
    list.add({ header: "User-Agent", matches: "/^scan/i" });
    list.add({ from: "192.0.2.9", port: 9 }, 60_000);
    expect(outcome(receive)).toBe("dropped");
    expect(outcome(receive, { from: "198.51.100.1", agent: "SCANNER" })).toBe("dropped");
    expect(outcome(receive, { from: "198.51.100.1", agent: "no scanner" })).toBe("left");
    now += 5000;
    expect(outcome(receive)).toBe("left");
    expect(outcome(receive, { from: "192.0.2.9", port: 9 })).toBe("dropped");
    expect(list.list()).toEqual([
      { header: "User-Agent", matches: "/^scan/i" },
      { from: "192.0.2.9", port: 9, until: 1_060_000 },
    ]);
    expect([list.remove({ header: "User-Agent" }), list.remove({ from: "192.0.2.8" })]).toEqual([1, 0]);
    expect(outcome(receive, { agent: "SCANNER" })).toBe("left");
    expect(told).toEqual(["192.0.2.1", "198.51.100.1", "192.0.2.9"]);
  });

  test("is kept by its file", () => {
    const file = join(temporaryFolder("drop"), "list.json");
    const now = () => 1_000_000;
    const list = new DropList({ file, now });
    list.add({ from: "192.0.2.1" }, 1000);
    list.add({ from: "2001:db8::/32" });
    expect(new DropList({ file, now }).list()).toEqual([
      { from: "192.0.2.1", until: 1_001_000 },
      { from: "2001:db8::/32" },
    ]);
    expect(new DropList({ file, now: () => 2_000_000 }).list()).toEqual([{ from: "2001:db8::/32" }]);
    list.remove({ from: "192.0.2.1" });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual([{ from: "2001:db8::/32" }]);
  });

  test.each([
    ["no JSON", "x", "cannot be read"],
    ["no list", "{}", "holds no list"],
    ["a rule of something unknown", `[{"from":"192.0.2.1"},{"who":"x"}]`, "entry 2 is no rule"],
    ["a rule of nothing", "[{}]", "entry 1 is no rule"],
    ["a rule with a wrong type", `[{"port":"5060"}]`, "entry 1 is no rule"],
    ["a rule with an expression that is none", `[{"header":"From","matches":"/(/"}]`, "entry 1 is no rule"],
    ["a pattern without a field", `[{"from":"192.0.2.1","matches":"x"}]`, "entry 1 is no rule"],
  ])("does not begin with a file with %s", (_, text, says) => {
    const folder = temporaryFolder("drop", { "list.json": text });
    const make = () => new DropList({ file: join(folder, "list.json") });
    expect(make).toThrow(DropListError);
    expect(make).toThrow(says);
  });

  test.each<[string, DropEntry]>([
    ["nothing", {}],
    ["only an end", { until: 5 }],
    ["an expression that is none", { header: "From", matches: "/(/" }],
  ])("takes no rule of %s", (_, entry) => {
    expect(() => new DropList().add(entry)).toThrow(DropListError);
  });
});

describe("dropFrequent", () => {
  test("lets a source send so much in an interval, whoever else sends", () => {
    let now = 0;
    const told: string[] = [];
    const receive = dropFrequent({
      attempts: 2,
      interval: 1000,
      now: () => now,
      dropped: ({ flow }) => told.push(flow.remote.host),
    });
    const from = (host: string) => outcome(receive, { from: host, port: 1024 + now });
    expect([from("192.0.2.1"), from("192.0.2.1"), from("192.0.2.1")]).toEqual(["left", "left", "dropped"]);
    expect(from("192.0.2.2")).toBe("left");
    now = 999;
    expect(from("192.0.2.1")).toBe("dropped");
    now = 1000;
    expect(from("192.0.2.1")).toBe("left");
    expect(told).toEqual(["192.0.2.1", "192.0.2.1"]);
  });

  test("counts some methods alone, and ports by themselves, as it is told; ACK and CANCEL never", () => {
    const receive = dropFrequent({ attempts: 1, interval: 1000, methods: ["REGISTER"], byPort: true, now: () => 0 });
    const send = (method: string, port: number) => outcome(receive, { method, port });
    expect([send("REGISTER", 1), send("REGISTER", 2), send("REGISTER", 1)]).toEqual(["left", "left", "dropped"]);
    expect([send("INVITE", 1), send("INVITE", 1), send("ACK", 1), send("CANCEL", 1)]).toEqual(Array(4).fill("left"));
  });

  test("remembers no more sources than it has room for: the first are forgotten", () => {
    const receive = dropFrequent({ attempts: 1, interval: 1000, byPort: true, now: () => 0 });
    const send = (nth: number) => outcome(receive, { from: `10.0.0.${nth % 250}`, port: 1024 + Math.floor(nth / 250) });
    expect(send(0)).toBe("left");
    expect(send(0)).toBe("dropped");
    for (let nth = 1; nth <= 20_000; nth++) send(nth);
    expect([send(0), send(20_000)]).toEqual(["left", "dropped"]);
  });
});
