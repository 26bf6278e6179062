/** Chains of receivers as programs build them: who takes a request, and where it goes. */
import { afterEach, describe, expect, test } from "bun:test";
import {
  blocker,
  chain,
  type DropCondition,
  dropper,
  type Incoming,
  methods,
  only,
  type ProxyOptions,
  type Receiver,
} from "../../src/index.ts";
import type { Request, Response } from "../../src/sip/message.ts";
import { closeAgents, failedStatus, openAgent, type TestAgent } from "../support/agents.ts";
import { freePort } from "../support/peers/ports.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";

afterEach(async () => {
  await closeAgents();
  closePeers();
});

/** The status of an answer; undefined where there is none before that to a later request. */
async function statusOf(peer: UdpPeer, method: string, uri: string, headers: [string, string][] = []) {
  const request = peer.compose(method, { uri, headers });
  peer.send(request.bytes());
  const probe = await peer.probe();
  expect(probe.status).toBe(200);
  return peer.responses.find(({ callId, status }) => callId === request.callId && status >= 200)?.status;
}

type Kind = "createStatelessProxy" | "createStatefulProxy";
const kinds: Kind[] = ["createStatelessProxy", "createStatefulProxy"];

async function registered(server: TestAgent, user: string): Promise<TestAgent> {
  const phone = await openAgent({ domain: "example.com", from: user, outgoingProxy: server.address });
  await phone.agent.register();
  phone.agent.listen();
  return phone;
}

describe.each(kinds)("%s", (kind) => {
  const proxy = async (options: ProxyOptions = {}, domain: string | undefined = "example.com"): Promise<TestAgent> => {
    const server = await openAgent();
    server.agent.serve(server.agent.createRegistrar({ domain }), server.agent[kind](options));
    return server;
  };

  test("brings calls to who is registered, by domain and by its own address", async () => {
    const server = await proxy();
    const [alice] = [await registered(server, "alice"), await registered(server, "bob")];
    for (const uri of ["bob", `sip:bob@${server.address}`]) {
      const call = await alice.agent.invite(uri);
      await call.hold();
      await call.resume();
      await call.hangup();
    }
  });

  test("whose users are not there, or not its own", async () => {
    const server = await proxy();
    const peer = await UdpPeer.open(server.port);
    expect(await statusOf(peer, "INVITE", `sip:nobody@${server.address}`)).toBe(480);
    expect(await statusOf(peer, "INVITE", "sip:nobody@elsewhere.example")).toBe(404);
    expect(await statusOf(peer, "REGISTER", "sip:elsewhere.example")).toBe(405);
  });

  test("sends what its function says, by its detail, before all else", async () => {
    const there = await UdpPeer.open(0);
    const server = await proxy({
      target: ({ uri }) =>
        uri.startsWith("sip:9")
          ? { uri: "sip:nine@example.net", route: [`<sip:${there.host}:${there.port};lr>`] }
          : undefined,
    });
    const peer = await UdpPeer.open(server.port);
    peer.send(peer.compose("MESSAGE", { uri: "sip:911@example.com" }).bytes());
    const message = await there.request("MESSAGE");
    expect([message.uri, message.values("route")]).toEqual([
      "sip:nine@example.net",
      [`<sip:${there.host}:${there.port};lr>`],
    ]);
    expect(await statusOf(peer, "MESSAGE", `sip:811@${server.address}`)).toBe(480);
  });

  test("sends other domains where domain2proxy says, and with anywhere where they are", async () => {
    const there = await UdpPeer.open(0);
    const here = `${there.host}:${there.port}`;
    const server = await proxy({ domain2proxy: { "example.org": here }, anywhere: true });
    const peer = await UdpPeer.open(server.port);
    for (const wanted of ["sip:a@example.org", `sip:b@${here}`]) {
      peer.send(peer.compose("MESSAGE", { uri: wanted }).bytes());
      const isIt = (message: Request | Response) => message.type === "request" && message.uri === wanted;
      await there.find(wanted, (message) => (isIt(message) ? message : undefined));
    }
  });

  test("relays media through the second half of its ports", async () => {
    const there = await UdpPeer.open(0);
    const first = await freePort(40);
    const server = await openAgent({ mediaPorts: [first, first + 39] });
    server.agent.serve(server.agent[kind]({ nat: true, target: () => `sip:there@${there.host}:${there.port}` }));
    const peer = await UdpPeer.open(server.port);
    const sdp = ["v=0", "o=- 1 1 IN IP4 127.0.0.2", "s=-", "c=IN IP4 127.0.0.2", "t=0 0", "m=audio 9000 RTP/AVP 0", ""];
    // The relay's thread may still be starting: then the call is to be tried again.
    let invite: Request | undefined;
    while (invite === undefined) {
      const call = peer.compose("INVITE", { body: sdp.join("\r\n") });
      peer.send(call.bytes());
      const nothing = () => undefined;
      const refused = peer.response(call.callId, "INVITE").then(nothing, nothing);
      invite = await Promise.race([there.request("INVITE").catch(nothing), refused]);
    }
    const offer = Buffer.from(invite.body).toString();
    const port = Number(/^m=audio (\d+)/m.exec(offer)?.[1]);
    expect(offer).toContain("c=IN IP4 127.0.0.1\r\n");
    expect([port >= first + 20, port < first + 40]).toEqual([true, true]);
  });

  test("asks for a password only for what it takes", async () => {
    const server = await proxy({ auth: { accounts: { alice: "wonderland" } } });
    const [alice] = [await registered(server, "alice"), await registered(server, "bob")];
    const peer = await UdpPeer.open(server.port);
    expect(await statusOf(peer, "INVITE", "sip:bob@example.com")).toBe(407);
    expect(await statusOf(peer, "INVITE", "sip:bob@elsewhere.example")).toBe(404);
    expect(await failedStatus(alice.agent.invite("bob"))).toBe(407);
    const call = await alice.agent.invite("bob", { auth: ["alice", "wonderland"] });
    await call.hangup();
  });
});

describe("a chain", () => {
  const serving = async (receiver: Receiver): Promise<UdpPeer> => {
    const server = await openAgent();
    server.agent.serve(receiver);
    return await UdpPeer.open(server.port);
  };

  test("goes on to the next receiver, chains in chains included", async () => {
    const seen: string[] = [];
    const note = (name: string) => (_: Incoming) => {
      seen.push(name);
      return false;
    };
    const peer = await serving(
      chain(
        note("1"),
        chain(note("2"), methods(["INVITE"], note("3")), chain()),
        only(() => false, note("4")),
        note("5"),
      ),
    );
    expect(await statusOf(peer, "MESSAGE", "sip:x@127.0.0.1")).toBe(404);
    expect(seen.slice(0, 3)).toEqual(["1", "2", "5"]);
  });

  test("blocks by method, with a reason", async () => {
    const peer = await serving(blocker({ SUBSCRIBE: 405, MESSAGE: { status: 403, reason: "No texts" } }));
    expect(await statusOf(peer, "SUBSCRIBE", "sip:x@127.0.0.1")).toBe(405);
    expect(await statusOf(peer, "MESSAGE", "sip:x@127.0.0.1")).toBe(403);
    expect(peer.responses.map(({ reason }) => reason)).toContain("No texts");
  });

  test.each<[string, DropCondition | ((incoming: Incoming) => boolean), boolean]>([
    ["a source", { from: "127.0.0.0/30" }, true],
    ["another source", { from: "127.0.0.9" }, false],
    ["a port that it has not", { port: 1 }, false],
    ["a header field's value", { header: "subject", matches: /BUY/i }, true],
    ["another value", { header: "subject", matches: /sell/ }, false],
    ["a function", ({ request }) => request.method === "MESSAGE", true],
  ])("drops by %s", async (_, condition, dropped) => {
    const told: string[] = [];
    const drop = dropper([condition], { dropped: ({ request }) => told.push(request.method) });
    const peer = await serving(methods(["MESSAGE"], drop));
    const status = await statusOf(peer, "MESSAGE", "sip:x@127.0.0.1", [["Subject", "buy now"]]);
    expect([status, told]).toEqual(dropped ? [undefined, ["MESSAGE"]] : [404, []]);
  });

  test("a receiver that throws is a 500, and a line in the log", async () => {
    const server = await openAgent();
    server.agent.serve(({ request }) => {
      if (request.method === "MESSAGE") throw new RangeError("oh");
      return false;
    });
    const peer = await UdpPeer.open(server.port);
    expect(await statusOf(peer, "MESSAGE", "sip:x@127.0.0.1")).toBe(500);
    expect(server.log.filter((line) => line.includes("a receiver failed") && line.includes("oh"))).toHaveLength(1);
  });

  test("redirects to who is registered", async () => {
    const server = await openAgent();
    server.agent.serve(server.agent.createRegistrar(), server.agent.createRedirect());
    const bob = await registered(server, "bob");
    const alice = await openAgent({ outgoingProxy: server.address });
    expect(await failedStatus(alice.agent.invite("sip:bob@example.com"))).toBe(302);
    const peer = await UdpPeer.open(server.port);
    const request = peer.compose("INVITE", { uri: "sip:bob@example.com" });
    peer.send(request.bytes());
    expect((await peer.response(request.callId, "INVITE")).contact?.uriText).toBe(`sip:bob@${bob.address}`);
  });
});
