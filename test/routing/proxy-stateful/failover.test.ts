/** The next hop (RFC 3263 §4.3), the next flow of a client (RFC 5626 §5.3), flows that are gone. */
import { describe, expect, test } from "bun:test";
import type { ProxyTarget } from "../../../src/routing/target.ts";
import { hostOf, PeerFlow, ProxyBench, play } from "./bench.ts";

const targets = [{ uri: "sip:bob@cluster.example" }];
const names = { "cluster.example": ["b", "c", "d"] };

describe("hops of one target", () => {
  play({
    "a transport error: the next": {
      targets,
      names,
      steps: [
        ["b fails", ""],
        ["a INVITE", "a: 100"],
        [10, "c: INVITE"],
        ["c 200", "a: 200"],
      ],
    },
    "no response: the next": {
      targets,
      names,
      forward: { noResponse: 1000 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [1000, "b: INVITE, c: INVITE"],
        ["c 180", "a: 180"],
        [20_000, "b: INVITE, b: INVITE, b: INVITE, b: INVITE"],
        ["c 200", "a: 200"],
      ],
    },
    "no response to a non-INVITE: the next": {
      targets,
      names,
      forward: { noResponse: 1000 },
      steps: [
        ["a MESSAGE", "b: MESSAGE"],
        [1000, "b: MESSAGE, c: MESSAGE"],
        ["c MESSAGE 200", "a: 200 MESSAGE"],
      ],
    },
    "503: the next": {
      targets,
      names,
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 503", "b: ACK, c: INVITE"],
        ["c 503", "c: ACK, d: INVITE"],
        ["d 503", "a: 500, d: ACK"],
      ],
    },
    "any other answer is one": {
      targets,
      names,
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 500", "a: 500, b: ACK"],
      ],
    },
    "who has rung is not left for another": {
      targets,
      names,
      forward: { noResponse: 1000 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        [60_000, ""],
        ["b 200", "a: 200"],
      ],
    },
    "a hop that was given up answers after all: its 2xx counts": {
      targets,
      names,
      forward: { noResponse: 1000 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [1000, "b: INVITE, c: INVITE"],
        ["c 180", "a: 180"],
        ["b 200", "a: 200, c: CANCEL"],
        ["c CANCEL 200", ""],
        ["c 487", "c: ACK"],
      ],
    },
    "cancelled upstream: no further hop": {
      targets,
      names,
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["a CANCEL", "a: 200 CANCEL"],
        ["b 503", "a: 487, b: ACK"],
      ],
    },
  });

  test("the resolver hears what became of its hops", () => {
    const bench = new ProxyBench({ targets });
    bench.names.set(
      "cluster.example",
      ["b", "c"].map((letter) => ({ transport: "udp", host: hostOf(letter), port: 5060 })),
    );
    bench.phone("b").failing = "down";
    bench.do("a INVITE");
    bench.do(10);
    bench.do("c 180");
    bench.do("c 200");
    expect(bench.resolverLog).toEqual([`failed ${hostOf("b")}`, `worked ${hostOf("c")}`]);
  });

  test("each hop is tried with a branch of its own", () => {
    const bench = new ProxyBench({ targets });
    bench.names.set(
      "cluster.example",
      ["b", "c"].map((letter) => ({ transport: "udp", host: hostOf(letter), port: 5060 })),
    );
    bench.do("a INVITE");
    bench.do("b 503");
    const [b, c] = ["b", "c"].map((letter) => bench.phone(letter).requests.get("INVITE")?.via.branch);
    expect(b === undefined || c === undefined || b === c).toBe(false);
  });
});

describe("while names are looked up", () => {
  function resolving(): ProxyBench {
    const bench = new ProxyBench({ targets });
    bench.names.set("cluster.example", [{ transport: "udp", host: hostOf("b"), port: 5060 }]);
    bench.resolving = [];
    return bench;
  }

  test("the caller has its 100", () => {
    const bench = resolving();
    expect(bench.do("a INVITE")).toBe("a: 100");
    expect(bench.do("resolve")).toBe("b: INVITE");
    bench.expectEmpty();
  });

  test("a CANCEL ends it before anything is sent", () => {
    const bench = resolving();
    expect(bench.do("a INVITE")).toBe("a: 100");
    expect(bench.do("a CANCEL")).toBe("a: 200 CANCEL, a: 487");
    expect(bench.do("resolve")).toBe("");
    bench.expectEmpty();
  });
});

describe("flows of registered clients", () => {
  const gone = (letter: string, lost: 430 | 480): ProxyTarget => ({ uri: `sip:${letter}@10.0.0.1`, lost });

  function withFlows(target: (flows: readonly PeerFlow[]) => ProxyTarget) {
    const flows = [5061, 5062].map((port) => new PeerFlow(`flow${port}`, { host: "203.0.113.5", port }, "tcp"));
    const bench = new ProxyBench({ targets: [target(flows)] });
    for (const flow of flows) bench.flows.set(`tcp:203.0.113.5:${flow.remote.port}`, flow);
    return { bench, flows };
  }

  play({
    "a flow that is gone fails at once: 480, and never 430 to a caller": {
      targets: [gone("b", 430)],
      steps: [["a INVITE", "a: 100, a: 480"]],
    },
    "of several targets the others decide": {
      targets: [gone("b", 430), "c"],
      steps: [
        ["a INVITE", "a: 100, c: INVITE"],
        ["c 486", "a: 486, c: ACK"],
      ],
    },
    "a 430 of an edge proxy is no answer for the caller": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 430", "a: 480, b: ACK"],
      ],
    },
    "the next flow of the same client": {
      targets: [{ ...gone("b", 430), failover: [gone("b", 480), { uri: "sip:c@198.51.100.3" }] }],
      steps: [
        ["a INVITE", "a: 100, c: INVITE"],
        ["c 200", "a: 200"],
      ],
    },
    "after a 430, too": {
      targets: [{ uri: "sip:b@198.51.100.2", failover: [{ uri: "sip:c@198.51.100.3" }] }],
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 430", "b: ACK, c: INVITE"],
        ["c 486", "a: 486, c: ACK"],
      ],
    },
    "but not after what the client itself has said": {
      targets: [{ uri: "sip:b@198.51.100.2", failover: [{ uri: "sip:c@198.51.100.3" }] }],
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 486", "a: 486, b: ACK"],
      ],
    },
  });

  test("the request goes down that very flow", () => {
    const { bench, flows } = withFlows(([flow]) => ({ uri: "sip:bob@10.0.0.1:5999", ...(flow && { flow }) }));
    expect(bench.do("a INVITE")).toBe("a: 100, flow5061: INVITE");
    expect(flows[0]?.requests.get("INVITE")?.uri).toBe("sip:bob@10.0.0.1:5999");
  });

  test("when it cannot be sent there, the next flow is taken", () => {
    const { bench, flows } = withFlows(([first, second]) => ({
      uri: "sip:bob@10.0.0.1",
      ...(first && { flow: first }),
      failover: [{ uri: "sip:bob@10.0.0.1", ...(second && { flow: second }) }],
    }));
    if (flows[0] !== undefined) flows[0].failing = "closed";
    expect(bench.do("a INVITE")).toBe("a: 100");
    expect(bench.do(10)).toBe("flow5062: INVITE");
  });
});
