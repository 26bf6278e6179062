/** Random events in random order: whatever comes, the promises of RFC 3261 §16 hold, and nothing is left open. */
import { expect, test } from "bun:test";
import type { ForwardOptions } from "../../../src/routing/proxy-stateful/index.ts";
import type { ProxyTarget } from "../../../src/routing/target.ts";
import { Request, type Response } from "../../../src/sip/message.ts";
import { seededRandom } from "../../../src/sip/random.ts";
import { below, pick, seeded } from "../../support/random.ts";
import { hostOf, ProxyBench } from "./bench.ts";

const letters = ["b", "c", "d", "e"];
const statuses = [100, 180, 180, 183, 199, 200, 200, 302, 401, 404, 407, 408, 430, 486, 487, 500, 503, 603];
const pauses = [0, 10, 100, 500, 1000, 4000, 20_000, 40_000, 190_000];

function targetsOf(random: () => number): ProxyTarget[] {
  const count = 1 + below(random, 4);
  return Array.from({ length: count }, (): ProxyTarget => {
    const letter = pick(random, letters);
    const q = pick(random, [1, 1, 0.5, 0.2]);
    if (below(random, 12) === 0)
      return { uri: `sip:${letter}@10.0.0.1`, q, lost: 430, failover: [{ uri: `sip:x@${hostOf(letter)}` }] };
    if (below(random, 4) === 0) return { uri: "sip:bob@cluster.example", q };
    return { uri: `sip:${letter}@${hostOf(letter)}`, q };
  });
}

function optionsOf(random: () => number): ForwardOptions {
  return {
    noResponse: pick(random, [32_000, 1000]),
    noAnswer: pick(random, [200_000, 15_000]),
    recurse3xx: below(random, 2) === 0,
  };
}

interface Seen {
  readonly requests: Request[];
  readonly upstream: Response[];
}

function round(seed: number, method: string): void {
  const random = seeded(seed);
  const bench = new ProxyBench({ targets: targetsOf(random), forward: optionsOf(random), random: seededRandom(seed) });
  bench.names.set(
    "cluster.example",
    ["b", "d"].map((letter) => ({ transport: "udp", host: hostOf(letter), port: 5060 })),
  );
  const seen: Seen = { requests: [], upstream: [] };
  const note = () => {
    for (const flow of bench.flows.values())
      for (const message of flow.takeMessages()) {
        if (message instanceof Request) {
          // A request that fails comes to nobody.
          seen.requests.push(message);
          flow.requests.set(`${message.method} ${message.via.branch}`, message);
        } else if (message.cseq.method === method) seen.upstream.push(message);
      }
  };
  const invite = bench.fromCaller(method);
  bench.layer.receive(invite, bench.caller);
  note();
  for (let events = 5 + below(random, 40); events > 0; events--) {
    switch (below(random, 12)) {
      case 0:
        bench.clock.advance(pick(random, pauses));
        break;
      case 1:
        if (method === "INVITE" && below(random, 4) === 0)
          bench.layer.receive(bench.fromCaller("CANCEL"), bench.caller);
        break;
      case 2:
        // Later it would be a new request.
        if (bench.clock.now() < 30_000) bench.layer.receive(bench.fromCaller(method), bench.caller);
        break;
      case 3:
        bench.phone(pick(random, letters)).failing = below(random, 4) === 0 ? "down" : undefined;
        break;
      case 4:
        if ((bench.resolving ?? []).length === 0) bench.resolving = below(random, 4) === 0 ? [] : undefined;
        break;
      case 5:
        for (const answer of bench.resolving?.splice(0) ?? []) answer();
        break;
      default: {
        const open = seen.requests.filter((each) => each.method !== "ACK");
        const request = open.length === 0 ? undefined : pick(random, open);
        if (request !== undefined)
          respond(bench, request, below(random, 3) === 0 ? pick(random, statuses) : 180 + below(random, 3), random);
      }
    }
    note();
  }
  for (const flow of bench.flows.values()) flow.failing = undefined;
  for (const answer of bench.resolving?.splice(0) ?? []) answer();
  bench.resolving = undefined;
  // Timer C, the CANCEL in vain, and the last timers of all transactions, for as many groups as there are.
  for (let left = 0; left < 10; left++) {
    bench.clock.advance(230_000);
    note();
  }
  check(seed, method, bench, seen);
}

function respond(bench: ProxyBench, request: Request, status: number, random: () => number): void {
  const letter =
    letters.find((each) => hostOf(each) === (request.target && "host" in request.target ? request.target.host : "")) ??
    "b";
  const phone = bench.phone(letter);
  phone.requests.set(request.method, request);
  const contact =
    status >= 300 && status < 400 ? `Contact: <sip:${pick(random, letters)}@${hostOf(pick(random, letters))}>` : "";
  const code = request.method === "CANCEL" ? 200 : status;
  bench.receive(bench.responseTo(request, code, contact, `${letter}${below(random, 2)}`), phone);
}

function check(seed: number, method: string, bench: ProxyBench, { requests, upstream }: Seen): void {
  const finals = upstream.filter(({ status }) => status >= 200);
  const ok = finals.filter(({ status }) => status < 300);
  const failures = new Set(finals.filter(({ status }) => status >= 300).map((each) => `${each.status} ${each.to.tag}`));
  const told = {
    seed,
    open: bench.layer.size,
    proxy: bench.proxy.size,
    pending: bench.clock.pending - (bench.proxy.followed > 0 ? 1 : 0),
  };
  expect(told).toEqual({ seed, open: 0, proxy: 0, pending: 0 });
  // Either failures, all the same one, or 2xx; to an INVITE at least one of them.
  expect({ seed, ok: ok.length > 0, failures: failures.size }).toEqual({
    seed,
    ok: ok.length > 0,
    failures: ok.length > 0 ? 0 : Math.min(1, failures.size),
  });
  if (method === "INVITE") expect({ seed, finals: finals.length > 0 }).toEqual({ seed, finals: true });
  else expect({ seed, ok: new Set(ok.map((each) => each.head)).size < 2 }).toEqual({ seed, ok: true });
  for (const { status } of upstream) {
    expect(status === 503 || status === 430).toBe(false);
    if (method !== "INVITE") expect(status === 100 || (status >= 200 && status !== 408)).toBe(true);
  }
  // Nothing that was sent is without a Max-Forwards below the caller's, and no branch is used for two requests.
  const branches = new Map<string, string>();
  for (const request of requests) {
    if (request.method === "ACK" || request.method === "CANCEL") continue;
    const branch = request.via.branch ?? "";
    expect(branches.get(branch) ?? request.head).toBe(request.head);
    branches.set(branch, request.head);
    expect(request.header("max-forwards")).toBe("69");
  }
  if (method === "INVITE") expect(bench.records.length + bench.proxy.followed).toBe(1);
}

test.each(["INVITE", "MESSAGE"])("%s", (method) => {
  const deadline = performance.now() + 4000;
  let rounds = 0;
  for (let seed = 0; seed < 1500 && performance.now() < deadline; seed++, rounds++) round(seed, method);
  expect(rounds).toBeGreaterThan(50);
});
