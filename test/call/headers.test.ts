/** HEADER: what a handler may put into what its call sends, and what a program finds of the INVITE's header fields. */
import { describe, expect, test } from "bun:test";
import { Call, type Command, type Outcome, readCommand } from "../../src/call/index.ts";
import { parseLine } from "../../src/call/line-protocol.ts";
import { environmentOf } from "../../src/handlers/process/environment.ts";
import { createLog } from "../../src/log.ts";
import { AgentBench, fromAlice, type NotingUser, offer } from "../support/agent.ts";
import { someFacts } from "../support/fake-call.ts";
import { FakeMedia } from "../support/fake-media.ts";

function ringing(): { bench: AgentBench; perform: (command: Command) => Outcome | undefined } {
  const bench = new AgentBench();
  const log = createLog({ level: "error", format: "json", write: () => {} });
  let call: Call | undefined;
  bench.adopt = (session) => {
    call = new Call(session, someFacts, { media: new FakeMedia(), clock: bench.clock, log });
    // The bench's own user type notes; a call does more.
    return call as unknown as NotingUser;
  };
  bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
  const perform = (command: Command) => {
    let result: Outcome | undefined;
    call?.perform(command, (outcome) => {
      result = outcome;
    });
    return result;
  };
  return { bench, perform };
}

describe("HEADER", () => {
  test("goes into the answer and the BYE, until it is taken back", () => {
    const { bench, perform } = ringing();
    expect(perform({ name: "HEADER", field: "X-Queue", value: "Köln 7" })).toEqual({ ok: true });
    expect(perform({ name: "HEADER", field: "X-Other", value: "1" })).toEqual({ ok: true });
    perform({ name: "ANSWER" });
    const answer = bench.sentOne();
    expect(Buffer.from(answer.bytes()).toString()).toContain("\r\nX-Queue: Köln 7\r\n");
    expect(answer.header("x-other")).toBe("1");
    perform({ name: "HEADER", field: "x-queue" });
    bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: answer.to.tag }));
    perform({ name: "HANGUP" });
    const bye = bench.sentOne();
    expect([bye.header("x-queue"), bye.header("x-other")]).toEqual([undefined, "1"]);
  });

  test("is in a refusal, too", () => {
    const { bench, perform } = ringing();
    perform({ name: "HEADER", field: "Reason", value: "Q.850;cause=17" });
    perform({ name: "REJECT", code: 486 });
    expect(bench.sentOne().header("reason")).toBe("Q.850;cause=17");
  });

  test("holds no more than a message bears", () => {
    const { perform } = ringing();
    for (let i = 0; i < 32; i++) expect(perform({ name: "HEADER", field: `X-${i}`, value: "1" })?.ok).toBe(true);
    expect(perform({ name: "HEADER", field: "X-32", value: "1" })?.ok).toBe(false);
    expect(perform({ name: "HEADER", field: "X-3", value: "2" })?.ok).toBe(true);
  });

  test.each(["Via", "v", "CSEQ", "Contact", "m", "Content-Length", "Route", "Authorization", "X Y", "X:Y", ""])(
    "does not set %j",
    (field) => expect(readCommand("HEADER", { field, value: "1" }).ok).toBe(false),
  );

  test.each(["a\r\nVia: x", "a\nb", "\0", "", "x".repeat(1025)])("does not set a field to %j", (value) => {
    expect(readCommand("HEADER", { field: "X-A", value }).ok).toBe(false);
  });

  test("on a line is a name and the rest", () => {
    expect(parseLine("HEADER X-Queue a b  c")).toEqual({
      ok: true,
      command: { name: "HEADER", field: "X-Queue", value: "a b  c" },
    });
  });
});

describe("the environment of a program", () => {
  const of = (headers: readonly (readonly [string, string])[]) => {
    const all = environmentOf({ ...someFacts, headers }, {}, []);
    return Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith("SIPROC_HEADER_")));
  };

  test.each([
    [[["X-Tenant", "blue"]], { SIPROC_HEADER_X_TENANT: "blue" }],
    [
      [
        ["Via", "first"],
        ["Via", "second"],
      ],
      { SIPROC_HEADER_VIA: "first" },
    ],
    [[["Subject", "a\tb\u0001\u00c3\u00a9"]], { SIPROC_HEADER_SUBJECT: "a b é" }],
    [[["Proxy-Authorization", "Digest …"]], {}],
    [[["X.Y", "1"]], {}],
    [[["X'; rm -rf", "1"]], {}],
  ] as const)("has %j as %j", (headers, expected) => expect(of(headers)).toEqual({ ...expected }));

  test("has room for what comes", () => {
    const many = Array.from({ length: 5000 }, (_, i) => [`X-${i}`, "y".repeat(1000)] as const);
    const size = JSON.stringify(of(many)).length;
    expect(size).toBeWithin(20_000, 40_000);
  });
});
