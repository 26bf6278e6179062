/** What a server counts of itself while it serves: its metrics and the overview of `siproc top`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { exposition } from "../../src/control/metrics/exposition.ts";
import { textOf } from "../support/documents.ts";
import { Peer } from "../support/peer.ts";
import { until } from "../support/peers/until.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

let site: Site;
let peer: Peer;

beforeAll(async () => {
  site = await openSite(
    `domains: [example.com]
accounts: [{ user: alice, password: wonderland }]
routes:
  - { to: "busy@*", exec: [sh] }
  - { method: OPTIONS, reply: 200 }`,
    {
      handlerFor: () => ({
        start(call) {
          call.listen(() => {});
          call.perform({ name: "REJECT", code: 486 }, () => {});
        },
      }),
    },
  );
  peer = await Peer.open(site.port.udp, "udp", { host: "127.0.0.82", user: "alice", password: "wonderland" });
  site.server.measures.overview();
  expect((await peer.register()).status).toBe(200);
  expect((await peer.ask("INVITE", { uri: "sip:busy@example.com", callId: "the-one-call" })).status).toBe(486);
  // Methods that nobody knows are one.
  for (const method of ["OPTIONS", "GOLLUM", "constructor", "x-1"]) await peer.ask(method, { uri: "sip:example.com" });
});
afterAll(stopSites);

const metrics = () => exposition(site.server.measures.families());

describe("metrics", () => {
  test.each([
    'siproc_sip_requests_received_total{method="REGISTER"} 2',
    'siproc_sip_requests_received_total{method="other"} 3',
    'siproc_sip_answers_total{method="REGISTER",code="401"} 1',
    'siproc_sip_answers_total{method="REGISTER",code="200"} 1',
    'siproc_sip_answers_total{method="INVITE",code="486"} 1',
    'siproc_sip_server_transaction_seconds_count{method="INVITE"} 1',
    'siproc_calls_begun_total{direction="incoming"} 1',
    'siproc_calls_ended_total{direction="incoming",by="local",cause="rejected",code="486"} 1',
    "siproc_handler_seconds_count 1",
    "siproc_registered_contacts 1",
    'siproc_registrations_total{event="registered"} 1',
    "siproc_calls 0",
    "siproc_store_up 1",
  ])("have %s", async (line) => {
    await until(line, () => metrics().split("\n").includes(line));
  });

  test("have each name once, with its help and type", () => {
    const names = [...metrics().matchAll(/^# TYPE (\S+) (?:counter|gauge|histogram)$/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(30);
    expect([...metrics().matchAll(/^# HELP (\S+) .*\.$/gm)].map(([, name]) => name)).toEqual(names);
  });
});

test("docs/monitoring.md lists each metric with its type and labels", () => {
  const listed = [
    ...textOf("docs/monitoring.md").matchAll(/^\| `((?:siproc|process)_\w+)` +\| (\w+) +\| ([^|]*?) *\|/gm),
  ].map(([, name, type, labels = ""]) => ({
    name,
    type,
    labels: labels.replace(/[`,]/g, "").split(" ").filter(Boolean),
  }));
  const served = site.server.measures.families();
  expect(listed.map(({ name, type }) => `${name} ${type}`)).toEqual(served.map(({ name, type }) => `${name} ${type}`));
  for (const { name, samples } of served)
    for (const [labels] of samples)
      expect(Object.keys(labels), name).toEqual(listed.find((one) => one.name === name)?.labels ?? []);
});

describe("the overview", () => {
  test("has what was counted, and who sends", () => {
    const { requests, answers, calls, sources } = site.server.measures.overview();
    expect(requests).toMatchObject({ REGISTER: 2, INVITE: 1, OPTIONS: 1, other: 3 });
    expect(answers).toContainEqual({ method: "INVITE", code: 486, count: 1 });
    expect(calls).toEqual({ begun: 1, answered: 0, refused: 0 });
    expect(sources[0]?.source).toBe("127.0.0.82");
    expect(sources[0]?.rate).toBeGreaterThan(0);
  });
});

test("one call's lines in the log share its Call-ID, and no other line has it", () => {
  const its = site.log.filter((line) => /\bcall=\w+|a call/.test(line));
  expect(its.length).toBeGreaterThanOrEqual(2);
  expect(its.filter((line) => !line.includes("callId=the-one-call"))).toEqual([]);
});
