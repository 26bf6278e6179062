/** Who gets an empty line now and then, how often, and how evenly. */
import { describe, expect, test } from "bun:test";
import { KeepAlive } from "../../../src/routing/registrar/index.ts";
import { FakeFlow } from "../../support/fake-flow.ts";
import { Office } from "./office.ts";

function kept(interval?: number) {
  const office = new Office();
  const sent = new Map<string, number[]>();
  const ways = {
    flowOf: ({ remote }: { remote: { host: string; port: number } }) => {
      const flow = new FakeFlow();
      flow.send = (bytes) => {
        expect(Buffer.from(bytes).toString()).toBe("\r\n");
        const times = sent.get(`${remote.host}:${remote.port}`) ?? [];
        sent.set(`${remote.host}:${remote.port}`, [...times, office.clock.now()]);
      };
      return flow;
    },
  };
  return { office, sent, keeper: new KeepAlive({ location: office.location, ways, clock: office.clock, interval }) };
}

/** A phone behind a NAT, seen at a port of its own. */
function natted(office: Office, port: number, lines: string[] = [], params = ""): void {
  const flow = Object.assign(new FakeFlow("udp"), { remote: { host: "192.0.2.9", port } });
  office.register({ user: `u${port}`, contacts: [`<sip:u@10.0.0.1>${params}`], lines, flow });
}

describe("a client on UDP behind a NAT", () => {
  test("gets an empty line in every interval while it is registered", () => {
    const { office, sent, keeper } = kept();
    natted(office, 1001);
    office.clock.advance(100_000);
    const times = sent.get("192.0.2.9:1001") ?? [];
    expect(times).toHaveLength(4);
    for (const [at, time] of times.entries()) if (at > 0) expect(time - (times[at - 1] ?? 0)).toBe(25_000);
    office.register({ user: "u1001", contacts: ["*"], lines: ["Expires: 0"] });
    office.clock.advance(100_000);
    expect(sent.get("192.0.2.9:1001")).toHaveLength(4);
    expect([keeper.size, office.clock.pending]).toEqual([0, 0]);
  });

  test("is no longer thought of after its time", () => {
    const { office, sent, keeper } = kept();
    natted(office, 1001, ["Expires: 60"]);
    office.clock.advance(200_000);
    expect(sent.get("192.0.2.9:1001")?.length).toBe(2);
    expect(keeper.size).toBe(0);
  });

  test("is not forgotten after a restart", () => {
    const office = new Office();
    natted(office, 1001);
    const { location, clock } = office;
    expect(new KeepAlive({ location, clock, ways: { flowOf: () => undefined } }).size).toBe(1);
  });
});

test("a thousand of them are served evenly: no step sends more than its share", () => {
  const { office, sent } = kept();
  for (let port = 1; port <= 1000; port++) natted(office, port);
  office.clock.advance(25_000);
  const steps = new Map<number, number>();
  for (const times of sent.values()) for (const time of times) steps.set(time, (steps.get(time) ?? 0) + 1);
  expect(sent.size).toBe(1000);
  expect(Math.max(...steps.values())).toBe(4);
});

test.each([
  ["one that is where its contact says", "<sip:u@192.0.2.9>", "udp", []],
  ["one on a connection", "<sip:u@10.0.0.1>", "tcp", []],
  ["one that keeps its flow itself", '<sip:u@10.0.0.1>;reg-id=1;+sip.instance="<urn:x>"', "udp", []],
  ["one behind another proxy", "<sip:u@10.0.0.1>", "udp", ["Path: <sip:p;lr>"]],
] as const)("%s gets nothing", (_name, contact, transport, lines) => {
  const { office, keeper } = kept();
  office.register({ contacts: [contact], lines, flow: new FakeFlow(transport) });
  expect([office.location.size, keeper.size]).toEqual([1, 0]);
});

test("an interval of zero keeps nothing open", () => {
  const { office, keeper } = kept(0);
  natted(office, 1);
  expect(keeper.size).toBe(0);
});
