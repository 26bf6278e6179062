/**
 * SIPp on both sides of the proxies: forking, CANCEL races, 6xx, redirection by q, strict routers before and behind and
 * retransmissions. The callees register at contacts of their own; SIPp's scenarios judge what each of them is sent.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { received, type SippRun, sipp, startSipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

interface Callee {
  scenario: string;
  values?: Record<string, string>;
  q?: number;
}
interface Row {
  name: string;
  callees: Callee[];
  /** The caller's scenario, by default an ordinary call. */
  caller?: string;
  values?: Record<string, string>;
  /** What the caller is told in the end, once 100, 180 and repetitions are taken out. */
  story: string[];
}
const call = ["200 INVITE", "200 BYE"];
const cancelled = ["200 CANCEL", "487 INVITE"];
const answers: Callee = { scenario: "uas-call", values: { pause: "300" } };
const rings: Callee = { scenario: "uas-ringing" };
const slow: Callee = { scenario: "uas-slow-cancelled", values: { pause: "400" } };
const refuses = (status: string, q = 1): Callee => ({ scenario: "uas-refuses", values: { status }, q });

/** Whatever the proxy: one callee. */
const single: Row[] = [
  { name: "a call", callees: [answers], story: call },
  {
    name: "a refusal",
    callees: [refuses("486 Busy Here")],
    caller: "uac-rejected",
    values: { status: "486" },
    story: ["486 INVITE"],
  },
  { name: "given up while it rings", callees: [rings], caller: "uac-cancel", story: cancelled },
  {
    name: "given up just when it is answered: there is a call",
    callees: [{ scenario: "uas-cancelled-late" }],
    caller: "uac-cancel-answered",
    story: ["200 CANCEL", "200 INVITE", "200 BYE"],
  },
  { name: "a caller that knows strict routing only", callees: [answers], caller: "uac-strict", story: call },
  { name: "a callee behind a strict router", callees: [{ scenario: "uas-strict" }], story: call },
];

/** What only a stateful proxy does. */
const forking: Row[] = [
  { name: "the first to answer has the call, the others are cancelled", callees: [answers, rings, rings], story: call },
  { name: "busy here, answered there", callees: [refuses("486 Busy Here"), answers], story: call },
  {
    name: "a 6xx ends it for all",
    callees: [refuses("603 Decline"), rings],
    caller: "uac-rejected",
    values: { status: "603" },
    story: ["603 INVITE"],
  },
  {
    name: "a 6xx waits for one that says nothing yet",
    callees: [refuses("603 Decline"), slow],
    caller: "uac-rejected",
    values: { status: "603" },
    story: ["603 INVITE"],
  },
  {
    name: "of failures the lowest class is told",
    callees: [refuses("503 Service Unavailable"), refuses("404 Not Found")],
    caller: "uac-rejected",
    values: { status: "404" },
    story: ["404 INVITE"],
  },
  {
    name: "a server's 503 is not the caller's to know",
    callees: [refuses("503 Service Unavailable")],
    caller: "uac-rejected",
    values: { status: "500" },
    story: ["500 INVITE"],
  },
  { name: "by q, one after the other", callees: [refuses("486 Busy Here", 1), { ...answers, q: 0.5 }], story: call },
  { name: "given up: all that ring are told", callees: [rings, rings], caller: "uac-cancel-early", story: cancelled },
  {
    name: "given up before anything rings: the CANCEL waits",
    callees: [slow],
    caller: "uac-cancel-early",
    story: cancelled,
  },
];

describe.skipIf(!has("sipp")).each(["stateful", "stateless"] as const)("through the %s proxy", (mode) => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({
      hosts: ["::1"],
      config: `domains: [example.com]
registrar: { open: true }
limits: { requests_per_source: 0 }
routes:
  - { to: "*", location: true, mode: ${mode} }`,
    });
  });
  afterAll(async () => void (await server.stop()));

  let users = 0;
  /** Starts callees and registers them for a user of their own. */
  async function registered(callees: readonly Callee[]) {
    const user = `user${++users}`;
    const runs: SippRun[] = [];
    for (const { scenario, values = {} } of callees) runs.push(await startSipp({ scenario, values }));
    const contacts = runs
      .map(({ port }, n) => `Contact: <sip:callee${n}@127.0.0.1:${port}>;q=${callees[n]?.q ?? 1}`)
      .join("\n");
    const registration = await sipp({
      scenario: "uac-register-contacts",
      values: { contacts, domain: "example.com" },
      remote: server.address,
      service: user,
    });
    expect(registration.errors).toBe("");
    return { user, runs };
  }
  const final = (line: string) => !/^1\d\d /.test(line);

  test.each(mode === "stateful" ? [...single, ...forking] : single)("$name", async (row) => {
    const { user, runs } = await registered(row.callees);
    const caller = await sipp({
      scenario: row.caller ?? "uac-call",
      values: { pause: "100", ...row.values },
      remote: server.address,
      service: user,
    });
    expect(caller.errors).toBe("");
    expect(received(caller).filter(final)).toEqual(row.story);
    for (const run of runs) {
      const callee = await run.result;
      expect(callee.errors).toBe("");
      expect(callee.successful).toBe(1);
    }
  });

  test.each([
    ["udp", "udp"],
    ["udp", "tcp"],
    ["tcp", "udp"],
  ] as const)("from IPv4 over %s to IPv6 over %s and back", async (here, there) => {
    const user = `six${++users}`;
    const callee = await startSipp({ scenario: "uas-call", host: "::1", transport: there });
    const contacts = `Contact: <sip:callee@[local_ip]:${callee.port};transport=${there}>`;
    const values = { contacts, domain: "example.com" };
    const run = { remote: `[::1]:${server.port}`, host: "::1", service: user };
    expect((await sipp({ ...run, scenario: "uac-register-contacts", values })).errors).toBe("");
    const caller = await sipp({ scenario: "uac-call", transport: here, remote: server.address, service: user });
    expect(caller.errors).toBe("");
    expect(received(caller).filter(final)).toEqual(call);
    expect((await callee.result).errors).toBe("");
  });
});

describe.skipIf(!has("sipp"))("a caller that hears nothing", () => {
  test("sends again, and the callee behind a stateful proxy knows nothing of it", async () => {
    const server = await siproc({
      config: `domains: [example.com]
registrar: { open: true }
routes:
  - { to: "*", location: true }`,
    });
    try {
      const callee = await startSipp({ scenario: "uas-call", values: { pause: "1700" } });
      await sipp({
        scenario: "uac-register-contacts",
        values: { contacts: `Contact: <sip:callee@127.0.0.1:${callee.port}>`, domain: "example.com" },
        remote: server.address,
        service: "deaf",
      });
      const caller = await sipp({ scenario: "uac-deaf", remote: server.address, service: "deaf" });
      expect(caller.errors).toBe("");
      expect(caller.retransmissions).toBe(2);
      expect(received(await callee.result)).toEqual(["INVITE", "ACK", "BYE"]);
    } finally {
      await server.stop();
    }
  });
});
