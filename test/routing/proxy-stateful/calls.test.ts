/** Records of calls: one each, whatever happens, and no memory without bound. */
import { describe, expect, test } from "bun:test";
import type { CallRecord } from "../../../src/routing/call-record.ts";
import { type BenchOptions, hostOf, ProxyBench } from "./bench.ts";

function request(
  method: string,
  from: string,
  to: string,
  routes: readonly string[],
  callId: string,
  branch: string,
): string {
  return [
    `${method} sip:x@${hostOf("b")} SIP/2.0`,
    `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK${branch}`,
    "Max-Forwards: 70",
    `From: <sip:x@example.org>;tag=${from}`,
    `To: <sip:y@example.com>;tag=${to}`,
    `Call-ID: ${callId}`,
    `CSeq: 2 ${method}`,
    ...routes.map((route) => `Route: ${route}`),
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

class Followed {
  readonly bench: ProxyBench;

  constructor(options: BenchOptions = {}) {
    this.bench = new ProxyBench(options);
  }

  play(...steps: (string | number)[]): this {
    for (const step of steps) this.bench.do(step);
    return this;
  }

  /** A request within the dialog; b answers it so. */
  send(method: string, from: string, to: string, status: number, branch = method): this {
    const { callId = "call-1" } = this.bench.parts;
    const ok = this.bench.responses.find((each) => each.callId === callId && each.lines.find("record-route") >= 0);
    const routes = ok?.values("record-route") ?? [];
    this.bench.receive(request(method, from, to, routes, callId, branch), this.bench.caller);
    this.bench.answer("b", method, status);
    this.bench.outcome();
    return this;
  }

  get records(): readonly Partial<CallRecord>[] {
    return this.bench.records;
  }
}

describe("one record for each call", () => {
  test("the caller hangs up", () => {
    const call = new Followed().play("a INVITE", 100, "b 180", 5000, "b 200", 60_000).send("BYE", "a1", "b", 200);
    expect(call.records).toEqual([
      {
        callId: "call-1",
        caller: "sip:alice@example.org",
        callee: "sip:bob@example.com",
        user: undefined,
        source: "udp:192.0.2.9:5060",
        begin: 1_000_000,
        ring: 1_000_100,
        answer: 1_005_100,
        end: 1_065_100,
        targets: [{ uri: "sip:b@198.51.100.2", status: 200 }],
        status: 200,
        ending: "caller",
      },
    ]);
    expect(call.bench.proxy.followed).toBe(0);
  });

  test("the callee hangs up", () => {
    const call = new Followed().play("a INVITE", "b 200").send("BYE", "b", "a1", 200);
    expect(call.records.map(({ ending }) => ending)).toEqual(["callee"]);
  });

  test.each([
    [["a INVITE", "b 486"], 486, "failed", [486]],
    [["a INVITE", "b 180", "a CANCEL", "b 487"], 487, "cancelled", [487]],
    [["a INVITE", 32_000], 408, "failed", [408]],
    [["b fails", "a INVITE", 10], 500, "failed", [503]],
    [["a INVITE", "b 180", "a CANCEL", "b 200"], 200, undefined, [200]],
  ] as const)("%j", (steps, status, ending, tried) => {
    const call = new Followed().play(...steps);
    if (ending === undefined) {
      expect(call.records).toEqual([]);
      call.bench.proxy.stop();
    }
    const [record] = call.records;
    expect([record?.status, record?.ending]).toEqual([status, ending ?? "lost"]);
    expect(record?.targets?.map((each) => each.status)).toEqual([...tried]);
    expect(call.records.length).toBe(1);
  });

  test("forks: all that were tried, in that order", () => {
    const targets = [
      { uri: "sip:b@198.51.100.2", q: 1 },
      { uri: "sip:c@198.51.100.3", q: 0.5 },
      { uri: "sip:d@198.51.100.4", q: 0.5 },
    ];
    const call = new Followed({ targets })
      .play("a INVITE", "b 486", "c 180", "d 200", "c CANCEL 200", "c 487")
      .send("BYE", "a1", "d", 200);
    expect(call.records[0]?.targets).toEqual([
      { uri: "sip:b@198.51.100.2", status: 486 },
      { uri: "sip:c@198.51.100.3", status: 487 },
      { uri: "sip:d@198.51.100.4", status: 200 },
    ]);
  });

  test("two branches answer: the call is over when both dialogs are", () => {
    const call = new Followed({ targets: ["b", "c"] }).play("a INVITE", "b 180", "c 180", "b 200", "c 200");
    call.send("BYE", "a1", "c", 200, "1");
    expect(call.records).toEqual([]);
    call.send("BYE", "a1", "b", 200, "2");
    expect(call.records.length).toBe(1);
  });

  test("a BYE that is challenged ends nothing, one that meets no call does", () => {
    const call = new Followed().play("a INVITE", "b 200").send("BYE", "a1", "b", 407, "1");
    expect(call.records).toEqual([]);
    call.send("BYE", "a1", "b", 481, "2");
    expect(call.records.map(({ ending }) => ending)).toEqual(["caller"]);
  });

  test("a re-INVITE makes no record of its own", () => {
    const call = new Followed().play("a INVITE", "b 200").send("INVITE", "a1", "b", 200).send("BYE", "a1", "b", 200);
    expect(call.records.length).toBe(1);
  });

  test("passwords are not told", () => {
    const call = new Followed({
      targets: [{ uri: "sip:b:secret@198.51.100.2" }],
      parts: { from: "<sip:al:secret@example.org>;tag=a1" },
    });
    call.play("a INVITE", "b 486");
    expect(JSON.stringify(call.records)).not.toContain("secret");
  });
});

describe("calls whose BYE never passes", () => {
  test("are lost after a time without any request", () => {
    const call = new Followed({ limits: { silence: 10_000_000 } }).play("a INVITE", "b 200");
    call.bench.clock.advance(9_000_000);
    call.send("INFO", "a1", "b", 200);
    call.bench.clock.advance(9_000_000);
    expect([call.records.length, call.bench.proxy.followed]).toEqual([0, 1]);
    call.bench.clock.advance(2_000_000);
    expect(call.records.map(({ ending }) => ending)).toEqual(["lost"]);
    expect([call.bench.proxy.followed, call.bench.clock.pending]).toEqual([0, 0]);
  });

  test("when there are too many, the one that was silent for longest is lost", () => {
    const call = new Followed({ limits: { followed: 3 } });
    for (const id of ["1", "2", "3", "4", "5"]) {
      Object.assign(call.bench.parts, { callId: `call-${id}`, branch: `z9hG4bK${id}` });
      call.play("a INVITE", "b 200");
      if (id === "3") {
        call.bench.parts.callId = "call-1";
        call.send("INFO", "a1", "b", 200);
      }
    }
    expect(call.records.map(({ callId }) => callId)).toEqual(["call-2", "call-3"]);
    expect(call.bench.proxy.followed).toBe(3);
  });

  test("without `record` none is followed", () => {
    const call = new Followed({ record: undefined }).play("a INVITE", "b 200");
    expect([call.bench.proxy.followed, call.bench.records.length]).toEqual([0, 0]);
  });
});
