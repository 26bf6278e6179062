/** SIPp calls through a stateful proxy to several SIPps: parallel ringing, busy, silent, dead, losing branches. */
import { describe, expect, test } from "bun:test";
import type { ForwardOptions } from "../../src/routing/proxy-stateful/index.ts";
import { has } from "../support/peers/available.ts";
import { freePort } from "../support/peers/ports.ts";
import { received, type SippRun, sipp, startSipp } from "../support/peers/sipp.ts";
import { startProxy } from "../support/stateful-proxy.ts";

/** A phone behind the proxy: its scenario, its q, and what it is to see. */
interface Phone {
  scenario: string | "dead";
  q?: number;
  values?: Record<string, string>;
  sees?: string[];
}

interface Course {
  caller: string;
  values?: Record<string, string>;
  forward?: ForwardOptions;
  sees: string[];
  phones: Phone[];
  /** What the record tells of the phones, in the order of trying. */
  tried: number[];
}

const answered = ["INVITE", "ACK", "BYE"];
const cancelled = ["INVITE", "CANCEL", "ACK"];
const refused = ["INVITE", "ACK"];

const courses: Readonly<Record<string, Course>> = {
  "three ring, one answers, the others get CANCEL": {
    caller: "uac-call",
    sees: ["180 INVITE", "200 INVITE", "200 BYE"],
    phones: [
      { scenario: "uas-cancelled", sees: cancelled },
      { scenario: "uas-call", values: { pause: "500" }, sees: answered },
      { scenario: "uas-cancelled", sees: cancelled },
    ],
    tried: [487, 200, 487],
  },
  "busy, then the next": {
    caller: "uac-call",
    sees: ["180 INVITE", "200 INVITE", "200 BYE"],
    phones: [
      { scenario: "uas-refuses", q: 1, values: { status: "486 Busy Here" }, sees: refused },
      { scenario: "uas-call", q: 0.5, sees: answered },
    ],
    tried: [486, 200],
  },
  "no answer, then the next": {
    caller: "uac-call",
    forward: { noAnswer: 500 },
    sees: ["180 INVITE", "200 INVITE", "200 BYE"],
    phones: [
      { scenario: "uas-cancelled", q: 1, sees: cancelled },
      { scenario: "uas-call", q: 0.5, sees: answered },
    ],
    tried: [487, 200],
  },
  "nobody there, then the next": {
    caller: "uac-call",
    forward: { noResponse: 700 },
    sees: ["180 INVITE", "200 INVITE", "200 BYE"],
    phones: [
      { scenario: "dead", q: 1 },
      { scenario: "uas-call", q: 0.5, sees: answered },
    ],
    tried: [200],
  },
  "declined for all: the others get CANCEL, the caller the 603": {
    caller: "uac-rejected",
    values: { status: "603" },
    sees: ["180 INVITE", "603 INVITE"],
    phones: [
      { scenario: "uas-cancelled", sees: cancelled },
      { scenario: "uas-refuses", values: { status: "603 Decline" }, sees: refused },
    ],
    tried: [487, 603],
  },
  "all refuse: the best answer": {
    caller: "uac-rejected",
    values: { status: "404" },
    sees: ["404 INVITE"],
    phones: [
      { scenario: "uas-refuses", values: { status: "503 Service Unavailable" }, sees: refused },
      { scenario: "uas-refuses", values: { status: "404 Not Found" }, sees: refused },
    ],
    tried: [503, 404],
  },
  "the caller gives up": {
    caller: "uac-cancel",
    sees: ["180 INVITE", "200 CANCEL", "487 INVITE"],
    phones: [{ scenario: "uas-cancelled", sees: cancelled }],
    tried: [487],
  },
};

async function start(phone: Phone): Promise<SippRun | undefined> {
  if (phone.scenario === "dead") return undefined;
  return await startSipp({ scenario: phone.scenario, ...(phone.values && { values: phone.values }) });
}

describe.skipIf(!has("sipp"))("SIPp through a stateful proxy", () => {
  test.each(Object.entries(courses))(
    "%s",
    async (_title, { caller, values, forward, sees, phones, tried }) => {
      const runs = await Promise.all(phones.map(start));
      const ports = await Promise.all(runs.map(async (run) => run?.port ?? (await freePort())));
      const targets = phones.map(({ q = 1 }, at) => ({ uri: `sip:bob@127.0.0.1:${ports[at]}`, q }));
      const server = await startProxy(targets, forward);
      const call = await sipp({
        scenario: caller,
        remote: `127.0.0.1:${server.port}`,
        service: "bob",
        ...(values && { values }),
      });
      const results = await Promise.all(runs.map((run) => run?.result));
      await server.stop();
      const seen = [...new Set(received(call))].filter((each) => !each.startsWith("100"));
      expect({ code: call.code, seen, errors: call.code === 0 ? "" : call.errors }).toEqual({
        code: 0,
        seen: sees,
        errors: "",
      });
      expect(results.map((result) => result && [...new Set(received(result))])).toEqual(
        phones.map((phone) => phone.sees),
      );
      const statuses = server.records[0]?.targets.flatMap(({ status }) => status ?? []);
      expect([server.records.length, statuses]).toEqual([1, tried]);
    },
    30_000,
  );
});
