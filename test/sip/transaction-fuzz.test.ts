/** Random inputs in random order to each machine, and two layers over a bad network: no rule of RFC 3261 §17 breaks. */
import { describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import type { Flow } from "../../src/sip/flow.ts";
import { buildRequest, buildResponse, Request, type Response } from "../../src/sip/message.ts";
import { newBranch, seededRandom } from "../../src/sip/random.ts";
import { type ClientTransaction, type ServerTransaction, TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, parsed, requestFrom, responseTo } from "../support/fake-flow.ts";
import { below, pick, seeded } from "../support/random.ts";

const rounds = 300;
const statuses = [100, 180, 183, 199, 200, 202, 299, 300, 302, 404, 408, 486, 487, 503, 603, 699];
const pauses = [0, 1, 199, 500, 1000, 3500, 4000, 5000, 16_000, 32_000];

describe("client transactions under random inputs", () => {
  for (const method of ["INVITE", "MESSAGE"]) {
    for (const transport of ["udp", "tcp"] as const) {
      test(`${method} over ${transport}`, () => {
        for (let seed = 0; seed < rounds; seed++) fuzzClient(method, transport, seed);
      });
    }
  }
});

function fuzzClient(method: string, transport: Flow["transport"], seed: number): void {
  const random = seeded(seed);
  const clock = new VirtualClock();
  const flow = new FakeFlow(transport);
  const layer = new TransactionLayer({ clock, random: seededRandom(seed), user: silentUser });
  const request = requestFrom({ method });
  const finals: number[] = [];
  let ends = 0;
  const client: ClientTransaction = layer.request(request, flow, {
    response: (response, transaction) => {
      if (response.status >= 200) finals.push(response.status);
      if (below(random, 8) === 0) transaction.cancel();
    },
    timeout: () => ends++,
    transportError: () => ends++,
  });
  let failures = 0;
  const inputs = 1 + below(random, 30);
  for (let n = 0; n < inputs; n++) {
    const before = flow.sent.length;
    const state = client.state;
    switch (below(random, 6)) {
      case 0:
        clock.advance(pick(random, pauses));
        break;
      case 1:
        client.cancel();
        break;
      case 2:
        flow.failing = below(random, 10) === 0 ? "down" : undefined;
        break;
      default: {
        const status = pick(random, statuses);
        layer.receive(responseTo(request, status, `b${below(random, 3)}`), flow);
        // RFC 3261 §17.1.1.2: an ACK for each failure that comes in Calling, Proceeding or Completed, and for nothing else.
        const acks = flow.sent.slice(before).filter((bytes) => parsed(bytes).cseq.method === "ACK").length;
        const acknowledges = method === "INVITE" && status >= 300 && state !== "accepted" && state !== "terminated";
        const failing = flow.failing !== undefined;
        if (acks !== (acknowledges && !failing ? 1 : 0))
          throw new RangeError(`seed ${seed}: ${acks} ACKs for ${status} in ${state}`);
        if (acknowledges) failures++;
      }
    }
  }
  flow.failing = undefined;
  clock.advance(64_000);
  if (client.state === "proceeding" && method === "INVITE") {
    // The RFC lets an INVITE ring for ever; the user ends that.
    client.cancel();
    clock.advance(64_000);
  }
  const cancels = flow.takeMessages().filter((message) => message.cseq.method === "CANCEL");
  const distinct = new Set(cancels.map((message) => message.head)).size;
  expect({ seed, state: client.state, size: layer.size, pending: clock.pending }).toEqual({
    seed,
    state: "terminated",
    size: 0,
    pending: 0,
  });
  // One end, or one final response; several only of 2xx to INVITE; one CANCEL at most, and of INVITE only.
  const failed = finals.filter((status) => status >= 300).length;
  const several = method === "INVITE" && failed === 0;
  expect(ends + failed <= 1 && (several || finals.length <= 1) && (ends === 0 || finals.length === 0)).toBe(true);
  expect(distinct <= (method === "INVITE" ? 1 : 0)).toBe(true);
  expect(failed === 0 || method !== "INVITE" || failures >= 1).toBe(true);
}

describe("server transactions under random inputs", () => {
  for (const method of ["INVITE", "MESSAGE"]) {
    for (const transport of ["udp", "tcp"] as const) {
      test(`${method} over ${transport}`, () => {
        for (let seed = 0; seed < rounds; seed++) fuzzServer(method, transport, seed);
      });
    }
  }
});

function fuzzServer(method: string, transport: Flow["transport"], seed: number): void {
  const random = seeded(seed);
  const clock = new VirtualClock();
  const flow = new FakeFlow(transport);
  const open: ServerTransaction[] = [];
  const acks: Request[] = [];
  const layer = new TransactionLayer({
    clock,
    random: seededRandom(seed),
    user: {
      ...silentUser,
      request: (server) => {
        open.push(server);
        if (below(random, 3) === 0) server.onAck = (ack) => void acks.push(ack);
        if (below(random, 5) === 0)
          server.respond(buildResponse(server.request, pick(random, statuses), { toTag: "b1" }));
        else if (below(random, 10) === 0) server.respondStateless(486);
        else if (below(random, 20) === 0) server.forget();
      },
    },
  });
  const inputs = 1 + below(random, 30);
  for (let n = 0; n < inputs; n++) {
    const server = open.at(-1);
    switch (below(random, 7)) {
      case 0:
        clock.advance(pick(random, pauses));
        break;
      case 1:
        layer.receive(requestFrom({ method: "ACK", to: "<sip:bob@example.com>;tag=b1" }), flow);
        break;
      case 2:
        layer.receive(requestFrom({ method: "CANCEL" }), flow);
        break;
      case 3:
        flow.failing = below(random, 10) === 0 ? "down" : undefined;
        break;
      case 4: {
        if (server === undefined) break;
        const before = server.state;
        const status = pick(random, statuses);
        const sent = server.respond(buildResponse(server.request, status, { toTag: "b1" }));
        const again = before === "accepted" && status >= 200 && status < 300;
        const forbidden = method !== "INVITE" && (status === 408 || (status > 100 && status < 200));
        const early = method !== "INVITE" && status === 100 && before === "trying" && transport === "udp";
        const late = before !== "trying" && before !== "proceeding" && !again;
        if (!early) expect({ seed, status, before, sent }).toEqual({ seed, status, before, sent: !forbidden && !late });
        break;
      }
      default:
        layer.receive(requestFrom({ method }), flow);
    }
  }
  for (const server of open) if (!server.finalSent) server.respond(buildResponse(server.request, 200, { toTag: "b1" }));
  flow.failing = undefined;
  clock.advance(64_000);
  // Only over TCP, where timers I and J are zero, or statelessly, is the same request new more than once within 32 s.
  expect({
    seed,
    states: new Set(open.map((server) => server.state)),
    size: layer.size,
    pending: clock.pending,
  }).toEqual({ seed, states: new Set(open.length > 0 ? ["terminated"] : []), size: 0, pending: 0 });
  for (const message of flow.takeMessages()) {
    if (message instanceof Request || method === "INVITE" || message.cseq.method !== method) continue;
    expect(message.status === 100 || (message.status >= 200 && message.status !== 408)).toBe(true);
  }
}

describe("two layers over a network that loses, repeats and reorders", () => {
  test.each([
    ["no loss", 0, 0],
    ["a fifth lost", 0.2, 0],
    ["half lost", 0.5, 0],
    ["a third repeated, all reordered", 0, 0.33],
    ["a third lost, a third repeated", 0.33, 0.33],
  ])("%s", (_, loss, repeat) => {
    for (let seed = 0; seed < 60; seed++) exchange(seed, loss, repeat);
  });
});

/** One request of each kind from a client layer to a server layer, which answers it by itself. */
function exchange(seed: number, loss: number, repeat: number): void {
  const random = seeded(seed);
  const tokens = seededRandom(seed);
  const clock = new VirtualClock();
  const served = new Map<string, number>();
  const acknowledged: string[] = [];
  const results = new Map<string, string[]>();

  const deliver = (bytes: Uint8Array, to: () => TransactionLayer, flow: () => Flow) => {
    const copies = random() < repeat ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (random() >= loss) clock.after(below(random, 300), () => to().receive(parsed(bytes), flow()));
    }
  };
  const server: TransactionLayer = new TransactionLayer({
    clock,
    random: tokens,
    user: {
      ...silentUser,
      request: (transaction, request) => {
        served.set(request.uri, (served.get(request.uri) ?? 0) + 1);
        transaction.onAck = (ack) => void acknowledged.push(ack.uri);
        const status = Number(/\d+/.exec(request.uri)?.[0]);
        const respond = () => transaction.respond(buildResponse(request, status, { toTag: "b1" }));
        // A 2xx to INVITE is repeated by the user (RFC 6026 §7.1), here until the client's timer M at least.
        for (let time = 0; time < (status === 200 ? 30_000 : 1); time += 1000)
          clock.after(time + below(random, 2000), respond);
      },
    },
  });
  const client: TransactionLayer = new TransactionLayer({ clock, random: tokens, user: silentUser });
  const there: Flow = linkTo((bytes) =>
    deliver(
      bytes,
      () => server,
      () => back,
    ),
  );
  const back: Flow = linkTo((bytes) =>
    deliver(
      bytes,
      () => client,
      () => there,
    ),
  );

  for (const [method, status] of [
    ["INVITE", 486],
    ["INVITE", 603],
    ["INVITE", 200],
    ["MESSAGE", 202],
    ["MESSAGE", 404],
  ] as const) {
    const uri = `sip:${status}@${method.toLowerCase()}.example.com`;
    const outcome: string[] = [];
    results.set(uri, outcome);
    client.request(requestTo(method, uri, newBranch(tokens)), there, {
      response: (response) => void (response.status >= 200 && outcome.push(String(response.status))),
      timeout: () => void outcome.push("timeout"),
      transportError: () => void outcome.push("transport error"),
    });
  }
  clock.advance(200_000);

  for (const [uri, outcome] of results) {
    const status = /\d+/.exec(uri)?.[0] ?? "";
    // Nothing twice on either side; and what was answered is what the server said.
    expect(served.get(uri) ?? 0).toBeLessThanOrEqual(1);
    expect(outcome.length).toBeGreaterThan(0);
    if (status !== "200") expect(outcome.length).toBe(1);
    for (const each of outcome) expect([status, "timeout"]).toContain(each);
    if (loss === 0) expect(outcome[0]).toBe(status);
  }
  expect(new Set(acknowledged).size).toBe(acknowledged.length);
  if (loss === 0) expect(acknowledged.sort()).toEqual(["sip:486@invite.example.com", "sip:603@invite.example.com"]);
  expect({ seed, client: client.size, server: server.size, pending: clock.pending }).toEqual({
    seed,
    client: 0,
    server: 0,
    pending: 0,
  });
}

function requestTo(method: string, uri: string, branch: string): Request {
  return buildRequest({
    method,
    uri,
    headers: [
      ["Via", `SIP/2.0/UDP 192.0.2.9;branch=${branch}`],
      ["Max-Forwards", "70"],
      ["From", "<sip:alice@example.org>;tag=a1"],
      ["To", `<${uri}>`],
      ["Call-ID", uri],
      ["CSeq", `1 ${method}`],
    ],
  });
}

function linkTo(send: (bytes: Uint8Array) => void): Flow {
  const flow = new FakeFlow("udp");
  return Object.assign(flow, { send });
}

const silentUser = {
  request(_server: ServerTransaction, _request: Request): void {},
  ack(): void {},
  cancel(): void {},
  strayResponse(_response: Response): void {},
};
