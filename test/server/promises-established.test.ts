/** R5, R6: above capacity, and while the server drains, proxied calls that stand go on; new ones are asked to come again. */

import { afterEach, describe, expect, test } from "bun:test";
import type { Request, Response } from "../../src/sip/message.ts";
import { fromCallee, fromCaller } from "../support/dialog.ts";
import { Peer } from "../support/peer.ts";
import { until } from "../support/peers/until.ts";
import { openSite, type Site, type SiteOptions, stopSites } from "../support/site.ts";

afterEach(stopSites);

interface Stage {
  site: Site;
  alice: Peer;
  bob: Peer;
}

const yaml = (mode: string, more = "") => `
domains: [example.com]
registrar: { open: true }
routes: [{ to: "*@example.com", location: true, mode: ${mode} }]
${more}`;

async function stage(mode: string, options: SiteOptions = {}, more = ""): Promise<Stage> {
  const site = await openSite(yaml(mode, more), options);
  const alice = await Peer.open(site.port.udp, "udp", { host: "127.0.0.91", user: "alice" });
  const bob = await Peer.open(site.port.tcp, "tcp", { user: "bob" });
  expect((await bob.register()).status).toBe(200);
  bob.onRequest = (request) => {
    if (request.method !== "ACK") bob.reply(request, 200, [], "bobs");
  };
  alice.onRequest = (request) => {
    if (request.method !== "ACK") alice.reply(request, 200);
  };
  return { site, alice, bob };
}

async function call({ alice, bob }: Stage): Promise<{ ok: Response; invite: Request }> {
  const ok = await alice.ask("INVITE", { uri: "sip:bob@example.com" });
  expect(ok.status).toBe(200);
  alice.send(fromCaller(alice, ok, "ACK", 1));
  const invite = await bob.request("INVITE", ({ callId }) => callId === ok.callId);
  await bob.request("ACK", ({ callId }) => callId === ok.callId);
  return { ok, invite };
}

async function outcome(peer: Peer, request: Request): Promise<number> {
  peer.send(request);
  return (await peer.answer(request)).status;
}

/** What goes on in a call, both ways, to its end. */
async function goesOn({ alice, bob }: Stage, { ok, invite }: Awaited<ReturnType<typeof call>>): Promise<void> {
  expect(await outcome(alice, fromCaller(alice, ok, "INVITE", 2))).toBe(200);
  alice.send(fromCaller(alice, ok, "ACK", 2));
  await bob.request("ACK", ({ callId, cseq }) => callId === ok.callId && cseq.number === 2);
  for (const method of ["INFO", "UPDATE", "MESSAGE"])
    expect(await outcome(bob, fromCallee(bob, invite, "bobs", method, 10))).toBe(200);
  expect(await outcome(bob, fromCallee(bob, invite, "bobs", "BYE", 11))).toBe(200);
}

function asksToComeAgain(response: Response): void {
  expect(response.status).toBe(503);
  expect(Number(response.header("retry-after"))).toBeGreaterThan(0);
}

describe.each(["stateful", "stateless"])("with a %s proxy", (mode) => {
  test("a server that is late refuses new calls, and serves those that stand", async () => {
    let late = 0;
    const on = await stage(mode, { waited: () => late, overload: { sustained: 0 } });
    const calls = [await call(on), await call(on), await call(on)];
    late = 1000;
    for (let n = 0; n < 20; n++) asksToComeAgain(await on.alice.ask("INVITE", { uri: "sip:bob@example.com" }));
    expect((await on.bob.register()).status).toBe(200);
    for (const each of calls) await goesOn(on, each);
    late = 0;
    await goesOn(on, await call(on));
    expect(on.site.faults).toEqual([]);
  });

  test("a server with too many transactions does the same", async () => {
    const on = await stage(mode, {}, "limits: { transactions: 100 }");
    const established = await call(on);
    const silent = await Peer.open(on.site.port.udp, "udp", { host: "127.0.0.92", user: "silent" });
    await silent.register();
    // A stateless proxy keeps none: there must be somebody who does.
    for (let n = 0; n < 150; n++) silent.send(silent.compose("INVITE", { uri: "sip:silent@example.com" }));
    await on.bob.register();
    if (mode === "stateful") {
      await until("a hundred transactions", () => on.site.server.control.status().transactions >= 100);
      asksToComeAgain(await on.alice.ask("INVITE", { uri: "sip:bob@example.com" }));
    }
    await goesOn(on, established);
    expect(on.site.faults).toEqual([]);
  });

  test("a server that drains lets what it forwards come to its end", async () => {
    const on = await stage(mode);
    const established = await call(on);
    let ringing: Request | undefined;
    on.bob.onRequest = (request) => {
      if (request.method !== "INVITE") return on.bob.reply(request, 200, [], "bobs");
      ringing = request;
      on.bob.reply(request, 180, [], "bobs");
    };
    const invite = on.alice.compose("INVITE", { uri: "sip:bob@example.com" });
    on.alice.send(invite);
    await on.alice.answer(invite, 180);
    let drained: boolean | undefined;
    const draining = on.site.server.drain(20_000).then((all) => {
      drained = all;
    });
    if (mode === "stateful") {
      const refused = await on.alice.ask("INVITE", { uri: "sip:bob@example.com" });
      asksToComeAgain(refused);
      expect(drained).toBeUndefined();
    }
    if (ringing !== undefined) on.bob.reply(ringing, 200, [], "bobs");
    expect((await on.alice.answer(invite)).status).toBe(200);
    on.bob.onRequest = (request) => {
      if (request.method !== "ACK") on.bob.reply(request, 200, [], "bobs");
    };
    await goesOn(on, established);
    await draining;
    expect(drained).toBe(true);
  });
});
