/** What `siproc top` shows of two looks at a server. */
import { describe, expect, test } from "bun:test";
import { topLines, type View } from "../../src/cli/top-view.ts";
import type { Overview } from "../../src/control/overview.ts";

const first: Overview = {
  time: 1_000_000,
  status: {
    version: "1.2.3",
    pid: 42,
    file: "/etc/siproc.yaml",
    started: 0,
    listening: [],
    calls: { handled: 3, relayed: 1, forwarding: 2 },
    transactions: 5,
    connections: 6,
    trunks: [],
    registrations: { users: 2, contacts: 3 },
    accounts: 4,
    store: { kind: "memory", waiting: 0, failure: undefined },
    abuse: { limited: 0, scanners: 0, failures: 0, banned: 0 },
    process: { memory: 100 * 1_048_576, cpu: 1 },
  },
  requests: { INVITE: 100, BYE: 50 },
  answers: [
    { method: "INVITE", code: 486, count: 4 },
    { method: "REGISTER", code: 401, count: 9 },
  ],
  results: [],
  calls: { begun: 10, answered: 9, refused: 0 },
  packets: { received: 1000, sent: 2000, lost: 10 },
  sources: [],
  late: 0,
};
const second: Overview = {
  ...first,
  time: 1_002_000,
  status: {
    ...first.status,
    process: { memory: 100 * 1_048_576, cpu: 1.5 },
    trunks: [
      {
        ...{ name: "provider", id: "sip:a@b", registrar: undefined, domain: "b", state: "failed", seconds: 9 },
        ...{ expires: undefined, failure: { status: 403, reason: "no\x1b[2J", retry: 1 }, service: [] },
      },
    ],
  },
  requests: { INVITE: 110, BYE: 50, REGISTER: 1 },
  answers: [
    { method: "INVITE", code: 486, count: 8 },
    { method: "REGISTER", code: 401, count: 99 },
    { method: "INVITE", code: 404, count: 30 },
  ],
  results: [{ method: "INVITE", code: 408, count: 1 }],
  calls: { begun: 20, answered: 14, refused: 2 },
  packets: { received: 1099, sent: 2100, lost: 11 },
  sources: [
    { source: "192.0.2.9", rate: 50 },
    { source: "192.0.2.1", rate: 0.4 },
  ],
  late: 7.4,
};
const view: View = { width: 80, height: 50, order: "rate", mark: (_, text) => text };

describe("siproc top", () => {
  const lines = topLines(first, second, view);
  const table: [what: string, line: RegExp][] = [
    ["who it is", /^siproc {6}1\.2\.3, process 42, up 16 min, \/etc\/siproc\.yaml$/],
    ["what it costs", /^machine {5}CPU 25\.0 %, 100 MB, loop late by 7 ms at worst$/],
    ["calls now", /^calls {7}3 handled, 2 being forwarded, 1 relayed$/],
    ["calls a second", /^calls\/s {5}5\.0 begun, 2\.5 answered, 1\.0 refused with 503$/],
    ["requests a second, without those that nobody sends", /^requests\/s {2}INVITE 5\.0 REGISTER 0\.5$/],
    ["packets a second, and lost ones", /^packets\/s {3}50 received, 1\.0 % lost, 50 sent$/],
    ["a trunk's fault, which drives no terminal", /^provider {2}failed: no\?\[2J$/],
  ];
  test.each(table)("shows %s", (_, line) => {
    expect(lines.find((each) => line.test(each)) ?? lines).toMatch(line);
  });

  const failures = (order: View["order"]) =>
    topLines(first, second, { ...view, order })
      .filter((line) => /we said|they said/.test(line))
      .map((line) => line.replace(/ +/g, " "));
  test("lists failures, the most frequent now first, without challenges", () => {
    expect(failures("rate")).toEqual([
      "404 we said INVITE 15 30",
      "486 we said INVITE 2.0 8",
      "408 they said INVITE 0.5 1",
    ]);
  });
  test("lists them by name", () => {
    expect(failures("name").map((line) => line.slice(0, 3))).toEqual(["404", "408", "486"]);
  });
  test("marks headings, and what is broken", () => {
    const marked: string[] = [];
    topLines(first, second, {
      ...view,
      mark(kind, text) {
        marked.push(`${kind} ${text}`);
        return text;
      },
    });
    expect(marked.map((line) => line.split(/ +/, 2).join(" "))).toEqual([
      "head FAILURES",
      "head BUSIEST",
      "head TRUNK",
      "bad provider",
    ]);
  });
  test("lists senders in the order that is wanted", () => {
    const senders = (order: View["order"]) =>
      topLines(first, second, { ...view, order }).filter((line) => line.startsWith("192"));
    expect(senders("rate")).toEqual(["192.0.2.9  50", "192.0.2.1  0.4"]);
    expect(senders("name")).toEqual(["192.0.2.1  0.4", "192.0.2.9  50"]);
  });

  test("fits the terminal, its foot always seen", () => {
    for (const [width, height] of [
      [20, 5],
      [1, 1],
      [200, 100],
    ] as const) {
      const fitted = topLines(first, second, { ...view, width, height, foot: "q quit" });
      expect(fitted.length).toBeLessThanOrEqual(Math.max(2, height));
      expect(fitted.every((line) => line.length <= width)).toBe(true);
      expect(fitted.at(-1)).toBe("q quit".length <= width ? "q quit" : "…");
    }
  });

  test("shows no rates of before a server was started anew", () => {
    expect(topLines(second, second, view)).toContain("calls/s     0 begun, 0 answered, 0 refused with 503");
  });
});
