/** Calls that programs place and take. */
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Call, CallError } from "../../src/index.ts";
import { closeAgents, failedStatus, openAgent, optionFault } from "../support/agents.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { sine, wav } from "../support/peers/sound.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";

afterEach(async () => {
  await closeAgents();
  closePeers();
});

describe("a call that is placed", () => {
  test("is up when invite resolves, and both sides are told how it ends", async () => {
    const bob = await openAgent();
    const taken = Promise.withResolvers<unknown>();
    bob.agent.listen({
      async call(call) {
        await call.answer();
        taken.resolve([call.remote.user, call.remote.name, call.headers.get("X-tenant"), call.headers.all("x-tenant")]);
        await call.ended;
      },
    });
    const alice = await openAgent({ from: '"Alice L." <sip:alice@example.com>' });
    const call = await alice.agent.invite(`bob@${bob.address}`, { headers: [["X-Tenant", "blåhaj"]] });
    expect(await taken.promise).toEqual(["alice", "Alice L.", "blåhaj", ["blåhaj"]]);
    expect([call.direction, call.remote.user, alice.agent.calls, bob.agent.calls]).toEqual(["outgoing", "bob", 1, 1]);
    await call.hangup();
    expect(await call.ended).toEqual({ type: "ended", by: "local", cause: "hangup", code: 200 });
    // Whoever hangs up once more has what he wants.
    await call.hangup();
    const late = call.hold().catch((error: unknown) => error);
    expect(await late).toEqual(new CallError("HOLD", "the call is over"));
  });

  test.each([486, 603])("that is refused with %d rejects with that status", async (code) => {
    const bob = await openAgent();
    bob.agent.listen({ call: (call) => call.reject(code) });
    const alice = await openAgent();
    expect(await failedStatus(alice.agent.invite(`sip:bob@${bob.address}`))).toBe(code);
  });

  test("rings, and is given up by its signal", async () => {
    const bob = await openAgent();
    const ended = Promise.withResolvers<unknown>();
    bob.agent.listen({
      async call(call) {
        await call.ringing();
        ended.resolve(await call.ended);
      },
    });
    const alice = await openAgent();
    const giveUp = new AbortController();
    const ringing = { signal: giveUp.signal, ringing: () => giveUp.abort() };
    expect(await failedStatus(alice.agent.invite(`sip:bob@${bob.address}`, ringing))).toBe(487);
    expect(await ended.promise).toMatchObject({ by: "remote", cause: "cancelled" });
    const again = alice.agent.invite(`sip:bob@${bob.address}`, { signal: giveUp.signal });
    expect(await failedStatus(again)).toBe(487);
  });

  test("stays when its signal comes after the answer", async () => {
    const bob = await openAgent();
    bob.agent.listen();
    const alice = await openAgent();
    const late = new AbortController();
    const call = await alice.agent.invite(`sip:bob@${bob.address}`, { signal: late.signal });
    late.abort();
    await call.hold();
    await call.resume();
    expect(bob.agent.calls).toBe(1);
  });

  test.each<[string, { domain?: string }, string, string]>([
    ["a name without a domain", {}, "bob", "there is no domain"],
    ["a number", { domain: "example.com" }, "tel:+123", "no SIP URI"],
    ["what is none", {}, "sip:@@", "no SIP URI"],
  ])("to %s is an option that cannot be", async (_, options, to, says) => {
    const { agent } = await openAgent(options);
    expect(await optionFault(agent.invite(to))).toContain(says);
  });

  test("goes by the outgoing proxy and the routes, in this order", async () => {
    const edge = await UdpPeer.open(0);
    const { agent } = await openAgent({
      from: "sip:alice@example.com",
      outgoingProxy: `sip:${edge.host}:${edge.port};lr`,
      route: ["192.0.2.7", "<sip:192.0.2.8:5070;lr>"],
    });
    void agent.invite("sip:bob@example.com").catch(() => {});
    const invite = await edge.request("INVITE");
    expect([invite.uri, invite.values("route")]).toEqual([
      "sip:bob@example.com",
      [`<sip:${edge.host}:${edge.port};lr>`, "<sip:192.0.2.7;lr>", "<sip:192.0.2.8:5070;lr>"],
    ]);
  });

  test.each<[string, Record<string, string>, string]>([
    ["its own name", { "example.com": "HERE", "*": "127.0.0.9:9" }, "sip:bob@example.com"],
    ["the name above", { "*.example.com": "HERE", "*": "127.0.0.9:9" }, "sip:bob@A.b.Example.com"],
    ["all others", { "*.example.com": "127.0.0.9:9", "*": "HERE" }, "sip:bob@example.com"],
  ])("goes where domain2proxy says for %s", async (_, table, uri) => {
    const edge = await UdpPeer.open(0);
    const here = `${edge.host}:${edge.port}`;
    const domain2proxy = Object.fromEntries(
      Object.entries(table).map(([name, to]) => [name, to.replace("HERE", here)]),
    );
    const { agent } = await openAgent({ domain2proxy });
    void agent.invite(uri).catch(() => {});
    const invite = await edge.request("INVITE");
    expect([invite.uri, invite.values("route")]).toEqual([uri, []]);
  });
});

describe("a call that comes in", () => {
  test.each<[string, (from: string) => boolean, number | undefined]>([
    ["is let in by the filter", (from) => from.includes("<sip:alice@"), undefined],
    ["is kept out by it", (from) => from.includes("<sip:carol@"), 403],
  ])("%s", async (_, filter, status) => {
    const bob = await openAgent();
    bob.agent.listen({ filter });
    const alice = await openAgent({ from: "sip:alice@example.com" });
    expect(await failedStatus(alice.agent.invite(`sip:bob@${bob.address}`))).toBe(status);
  });

  test("needs a password where listen asks for one", async () => {
    const bob = await openAgent();
    bob.agent.listen({ auth: { accounts: { alice: "wonderland" } } });
    const alice = await openAgent({ from: "sip:alice@example.com" });
    const to = `sip:bob@${bob.address}`;
    expect(await failedStatus(alice.agent.invite(to))).toBe(401);
    expect(await failedStatus(alice.agent.invite(to, { auth: ["alice", "x"] }))).toBe(401);
    const call = await alice.agent.invite(to, { auth: ["alice", "wonderland"] });
    await call.hangup();
  });

  test.each<[string, (call: Call) => unknown, number]>([
    ["returns without an answer ends with 480", () => {}, 480],
    [
      "throws ends with 500",
      () => {
        throw new RangeError("oh");
      },
      500,
    ],
    ["rejects ends with 500", () => Promise.reject(new RangeError("oh")), 500],
  ])("whose function %s", async (_, call, status) => {
    const bob = await openAgent();
    bob.agent.listen({ call });
    const alice = await openAgent();
    expect(await failedStatus(alice.agent.invite(`sip:bob@${bob.address}`))).toBe(status);
    expect(bob.log.some((line) => line.includes("the function that handles calls failed"))).toBe(status === 500);
  });

  test("that its caller ends in the middle of a command is no failure; music that nobody waits for ends with it", async () => {
    const folder = temporaryFolder("library", { "music.wav": wav(8000, sine(440, 60_000, 0.1)) });
    const bob = await openAgent();
    const plays = Promise.withResolvers<void>();
    bob.agent.listen({
      async call(call) {
        await call.answer();
        void call.play(join(folder, "music.wav"));
        plays.resolve();
        await call.gather();
      },
    });
    const alice = await openAgent();
    const call = await alice.agent.invite(`sip:bob@${bob.address}`);
    await plays.promise;
    await call.hangup();
    await bob.agent.close();
    expect(bob.log.filter((line) => line.includes("failed"))).toEqual([]);
  });

  test("tells keys and texts to one loop and to all who watch", async () => {
    const bob = await openAgent();
    const heard: string[] = [];
    const looped = Promise.withResolvers<string[]>();
    bob.agent.listen({
      async call(call) {
        call.watch(({ type }) => heard.push(type));
        await call.answer();
        const seen: string[] = [];
        for await (const event of call) seen.push(event.type === "message" ? event.text : event.type);
        looped.resolve(seen);
      },
    });
    const alice = await openAgent();
    const call = await alice.agent.invite(`sip:bob@${bob.address}`);
    await call.message("grüß dich");
    await call.hangup();
    expect(await looped.promise).toEqual(["connected", "grüß dich", "ended"]);
    expect(heard).toEqual(["connected", "message", "ended"]);
  });

  test("OPTIONS are answered with the header fields that the program names", async () => {
    const { agent, port } = await openAgent({ options: { "Accept-Language": "de", "X-Kind": "lab" } });
    agent.listen();
    const peer = await UdpPeer.open(port);
    const { status, header } = await peer.probe().then((response) => ({
      status: response.status,
      header: (name: string) => response.headers(name),
    }));
    expect([status, header("accept-language"), header("x-kind")]).toEqual([200, ["de"], ["lab"]]);
    expect(header("allow")[0]).toContain("INVITE");
  });
});
