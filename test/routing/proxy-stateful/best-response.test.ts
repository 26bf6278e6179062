/** Which of several final responses goes upstream (RFC 3261 §16.7 steps 6 and 7). */
import { describe, expect, test } from "bun:test";
import { BestResponse } from "../../../src/routing/proxy-stateful/best-response.ts";
import { Response } from "../../../src/sip/message.ts";
import { parsed } from "../../support/fake-flow.ts";
import { ProxyBench } from "./bench.ts";

function response(status: number, ...headers: string[]): Response {
  const message = parsed(
    [
      `SIP/2.0 ${status} X`,
      "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
      "From: <sip:a@b>;tag=1",
      "To: <sip:b@b>;tag=2",
      "Call-ID: c",
      "CSeq: 1 INVITE",
      ...headers,
      "",
      "",
    ].join("\r\n"),
  );
  if (message instanceof Response) return message;
  throw new TypeError("a response was expected");
}

function chosen(statuses: readonly number[], edge = false): number | undefined {
  const best = new BestResponse();
  for (const status of statuses) best.add(response(status));
  const outcome = best.choose(edge);
  return outcome?.type === "received" ? outcome.response.status : outcome?.status;
}

test.each([
  [[], undefined],
  [[486], 486],
  [[404, 486], 404],
  [[486, 404], 486],
  [[500, 404], 404],
  [[404, 302], 302],
  [[302, 603], 603],
  [[603, 600], 603],
  [[503, 407, 501, 404], 407],
  [[404, 401], 401],
  [[404, 415], 415],
  [[404, 420], 420],
  [[486, 484], 484],
  [[415, 407], 407],
  [[487, 486], 486],
  [[408, 487], 487],
  [[408, 486], 486],
  [[408, 500], 408],
  [[430, 408], 408],
  [[430], 480],
  [[503], 500],
  [[503, 503], 500],
  [[503, 501], 501],
  [[503, 404], 404],
])("of %j it is %p", (statuses, expected) => expect(chosen(statuses)).toBe(expected as number | undefined));

test("the edge proxy's 430 goes to the proxy that chose the flow", () => expect(chosen([430], true)).toBe(430));

test("what came is better than what has to be made", () => {
  const best = new BestResponse();
  best.add(480);
  best.add(response(404));
  const outcome = best.choose(false);
  expect(outcome?.type).toBe("received");
});

describe("challenges of several branches are put together (step 7)", () => {
  const www = (realm: string) => `WWW-Authenticate: Digest realm="${realm}", nonce="1"`;
  const proxy = (realm: string) => `Proxy-Authenticate: Digest realm="${realm}", nonce="1"`;

  test("of all 401 and 407, those of the chosen one first", () => {
    const best = new BestResponse();
    best.add(response(407, proxy("p1"), proxy("p2")));
    best.add(response(404, www("not of a challenge")));
    best.add(response(401, www("w")));
    const outcome = best.choose(false);
    if (outcome?.type !== "received") throw new TypeError("a received response was expected");
    const found = outcome.response;
    expect(found.status).toBe(407);
    expect(found.headers("proxy-authenticate").map((value) => /realm="(.*?)"/.exec(value)?.[1])).toEqual(["p1", "p2"]);
    expect(found.headers("www-authenticate").map((value) => /realm="(.*?)"/.exec(value)?.[1])).toEqual(["w"]);
  });

  test("their number has a limit", () => {
    const best = new BestResponse();
    for (let branch = 0; branch < 30; branch++) best.add(response(401, www(`${branch}`), www("x")));
    const outcome = best.choose(false);
    const found = outcome?.type === "received" ? outcome.response.headers("www-authenticate").length : 0;
    expect(found).toBe(20);
  });

  test("on the wire", () => {
    const bench = new ProxyBench({ targets: ["b", "c"] });
    bench.do("a INVITE");
    bench.do(`b 401 ${www("b")}`);
    expect(bench.do(`c 407 ${proxy("c")}`)).toBe("a: 401, c: ACK");
    const last = bench.responses.at(-1);
    expect([last?.headers("www-authenticate").length, last?.headers("proxy-authenticate").length]).toEqual([1, 1]);
    expect(last?.values("via")).toEqual(["SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1"]);
  });
});

describe("CANCEL says why (RFC 3326)", () => {
  const reason = (bench: ProxyBench, phone: string) => bench.phone(phone).requests.get("CANCEL")?.headers("reason");

  test("answered elsewhere", () => {
    const bench = new ProxyBench({ targets: ["b", "c"] });
    for (const step of ["a INVITE", "b 180", "c 180", "b 200"]) bench.do(step);
    expect(reason(bench, "c")).toEqual(['SIP;cause=200;text="Call completed elsewhere"']);
  });

  test("refused by one for all", () => {
    const bench = new ProxyBench({ targets: ["b", "c"] });
    for (const step of ["a INVITE", "b 180", "c 180", "b 603"]) bench.do(step);
    expect(reason(bench, "c")).toEqual(['SIP;cause=603;text="Whatever"']);
  });

  test("what the caller's CANCEL says", () => {
    const bench = new ProxyBench();
    for (const step of ["a INVITE", "b 180"]) bench.do(step);
    bench.parts.headers = ['Reason: SIP;cause=600;text="Busy Everywhere"', "Reason: Q.850;cause=16"];
    bench.do("a CANCEL");
    expect(reason(bench, "b")).toEqual(['SIP;cause=600;text="Busy Everywhere"', "Q.850;cause=16"]);
  });

  test("nothing, where it says nothing", () => {
    const bench = new ProxyBench();
    for (const step of ["a INVITE", "b 180", "a CANCEL"]) bench.do(step);
    expect(reason(bench, "b")).toEqual([]);
  });
});
