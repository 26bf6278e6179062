/** Encrypted calls between programs: sound arrives, keys stand nowhere, and who wants it in clear is refused. */
import { afterEach, expect, test } from "bun:test";
import type { Call } from "../../src/index.ts";
import { createLog } from "../../src/log.ts";
import { closeAgents, failedStatus, openAgent } from "../support/agents.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";

afterEach(async () => {
  await closeAgents();
  closePeers();
});

/** What both sides have to say about how they encrypt: the transport is UDP, so the file must say that keys may be read. */
const encrypted = (srtp_clear: string) => ({ settings: { media: { srtp_clear } } });

test("keys pressed on one side reach the other, and no key of SRTP stands in a log or in what is shown", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "json", write: (line) => void lines.push(line) });
  const bob = await openAgent({ ...encrypted("required"), log });
  const heard = Promise.withResolvers<[string, Call]>();
  bob.agent.listen({
    async call(call) {
      await call.answer();
      for await (const event of call) if (event.type === "dtmf") heard.resolve([event.digit, call]);
    },
  });
  const alice = await openAgent({ ...encrypted("required"), log });
  const call = await alice.agent.invite(`bob@${bob.address}`);
  await call.dtmf("7");
  expect((await heard.promise)[0]).toBe("7");
  const shown = Bun.inspect([alice.agent, bob.agent, call, (await heard.promise)[1]], { depth: 12 });
  await call.hangup();
  expect(lines.length).toBeGreaterThan(0);
  for (const text of [lines.join("\n"), shown])
    expect(text).not.toMatch(/inline:|[A-Za-z0-9+/]{38,60}={0,2}(?![A-Za-z0-9+/])/);
});

test("either side holds and goes on, and keys still arrive both ways", async () => {
  let heard = { count: 0, all: Promise.withResolvers<void>() };
  const note = async (call: Call) => {
    for await (const event of call) if (event.type === "dtmf" && ++heard.count === 2) heard.all.resolve();
  };
  const bob = await openAgent(encrypted("required"));
  const taken = Promise.withResolvers<Call>();
  bob.agent.listen({
    async call(call) {
      await call.answer();
      taken.resolve(call);
      await note(call);
    },
  });
  const alice = await openAgent(encrypted("required"));
  const ours = await alice.agent.invite(`bob@${bob.address}`);
  const theirs = await taken.promise;
  void note(ours);
  for (const call of [ours, theirs]) {
    await call.hold();
    await call.resume();
    heard = { count: 0, all: Promise.withResolvers() };
    await Promise.all([ours.dtmf("1"), theirs.dtmf("2")]);
    await heard.all.promise;
  }
});

test("who requires it calls nobody in clear, and is called by nobody in clear", async () => {
  const open = await openAgent();
  open.agent.listen();
  const strict = await openAgent(encrypted("required"));
  strict.agent.listen();
  expect(await failedStatus(strict.agent.invite(`x@${open.address}`))).toBe(488);
  expect(await failedStatus(open.agent.invite(`x@${strict.address}`))).toBe(488);
});

test("who has it optional calls both", async () => {
  const others = [await openAgent(), await openAgent(encrypted("optional"))];
  const caller = await openAgent(encrypted("optional"));
  for (const { agent, address } of others) {
    agent.listen();
    const call = await caller.agent.invite(`x@${address}`);
    await call.hangup();
  }
});

test("without a word in the file, no key goes over signalling in clear", async () => {
  const peer = await UdpPeer.open(0);
  const { agent } = await openAgent();
  void agent.invite(`x@${peer.host}:${peer.port}`).catch(() => {});
  const invite = Buffer.from((await peer.request("INVITE")).body).toString();
  expect(invite).toContain("m=audio");
  expect(invite).not.toContain("crypto");
});
