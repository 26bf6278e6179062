/** What a media relay is asked by the proxy, and what becomes of its answers. */
import { describe, expect, test } from "bun:test";
import type { MediaRelay } from "../../../src/routing/media-relay-seam.ts";
import type { Request } from "../../../src/sip/message.ts";
import { type BenchOptions, hostOf, ProxyBench } from "./bench.ts";

class FakeRelay implements MediaRelay {
  readonly log: string[] = [];
  readonly branches: string[] = [];
  refuses = false;

  request({ method }: Request, _from: unknown, _to: unknown, branch: string) {
    this.branches.push(branch);
    this.log.push(method);
    return this.refuses ? { status: 503, reason: "No ports" } : { body: Buffer.from("relayed") };
  }

  response({ status }: { status: number }, _from: unknown, _to: unknown, branch: string) {
    this.log.push(`${status} of ${this.branches.indexOf(branch)}`);
    return status < 300 ? { body: Buffer.from("back") } : {};
  }

  ended(_message: unknown, branch: string): void {
    this.log.push(`ended ${this.branches.indexOf(branch)}`);
  }
}

function relayed(options: BenchOptions = {}) {
  const relay = new FakeRelay();
  return { relay, bench: new ProxyBench({ relay, forward: { nat: true }, ...options }) };
}

describe("with `nat`", () => {
  test("bodies are replaced both ways", () => {
    const { relay, bench } = relayed();
    bench.do("a INVITE");
    const invite = bench.phone("b").requests.get("INVITE");
    expect([Buffer.from(invite?.body ?? []).toString(), invite?.header("content-length")]).toEqual(["relayed", "7"]);
    bench.do("b 180");
    bench.do("b 200");
    expect(Buffer.from(bench.responses.at(-1)?.body ?? []).toString()).toBe("back");
    expect(bench.responses.at(-1)?.values("via").length).toBe(1);
    expect(relay.log).toEqual(["INVITE", "180 of 0", "200 of 0"]);
  });

  test("each branch is asked for, and its end told, but of the one that answers", () => {
    const { relay, bench } = relayed({ targets: ["b", "c"] });
    for (const step of ["a INVITE", "b 180", "c 200", "b CANCEL 200", "b 487"]) bench.do(step);
    expect(relay.log).toEqual(["INVITE", "INVITE", "180 of 0", "200 of 1", "487 of 0", "ended 0"]);
  });

  test("a branch that times out or cannot be reached is told, too", () => {
    const { relay, bench } = relayed();
    bench.do("a INVITE");
    bench.do(32_000);
    expect(relay.log).toEqual(["INVITE", "ended 0"]);
  });

  test("a hop that gives way to the next, too", () => {
    const { relay, bench } = relayed({ targets: [{ uri: "sip:bob@cluster.example" }] });
    const hops = ["b", "c", "d"].map((letter) => ({ transport: "udp" as const, host: hostOf(letter), port: 5060 }));
    bench.names.set("cluster.example", hops);
    for (const step of ["b fails", "a INVITE"]) bench.do(step);
    bench.do(10);
    for (const step of ["c 503", "d 200"]) bench.do(step);
    expect(relay.log).toEqual(["INVITE", "ended 0", "INVITE", "ended 1", "INVITE", "200 of 2"]);
  });

  test("what cannot be relayed is not forwarded", () => {
    const { relay, bench } = relayed();
    relay.refuses = true;
    expect(bench.do("a INVITE")).toBe("a: 100, a: 500");
  });

  test("requests within the dialog are asked for by the mark of our Record-Route", () => {
    const { relay, bench } = relayed();
    bench.do("a INVITE");
    bench.do("b 200");
    const routes = bench.responses.at(-1)?.headers("record-route") ?? [];
    const bye = bench.fromCaller("BYE", "b");
    const text = Buffer.from(bye.bytes()).toString("latin1").replace("z9hG4bK1", "z9hG4bK2");
    bench.receive(
      text
        .replace("\r\nCSeq", `\r\nRoute: ${routes.join(", ")}\r\nCSeq`)
        .replace("sip:bob@example.com SIP", "sip:b@198.51.100.2 SIP"),
      bench.caller,
    );
    expect(bench.outcome()).toBe("b: BYE");
    expect(relay.log.at(-1)).toBe("BYE");
  });
});

test("without `nat` it is asked nothing", () => {
  const { relay, bench } = relayed({ forward: {} });
  for (const step of ["a INVITE", "b 200"]) bench.do(step);
  expect(relay.log).toEqual([]);
});
