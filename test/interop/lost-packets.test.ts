/**
 * SIPp calls through the proxies while of a hundred packets three are lost on each way: every call comes about, and ends. A siproc
 * answers: SIPp forgets a call as soon as it is over, so that a lost answer to the BYE would be no proxy's fault.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { canMakeNetworks, type Worlds, worlds } from "../support/peers/netns.ts";
import { sipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

const calls = 40;

describe.skipIf(!has("sipp", "ip", "nft") || !canMakeNetworks())("where packets get lost", () => {
  let world: Worlds;
  let server: Server;
  let callee: Server;
  beforeAll(async () => {
    world = await worlds([], { street: 2, loss: 3 });
    server = await siproc({
      ...world.server,
      config: `domains: [example.com]
registrar: { open: true }
limits: { requests_per_source: 0 }
routes:
  - { to: "stateless@*", location: true, mode: stateless }
  - { to: "stateful@*", location: true }`,
    });
    callee = await siproc({
      ...world.street[1],
      scripts: true,
      config: `routes: [{ to: "echo@*", script: scripts/echo.ts }]
scripts: { allow: { read: [scripts/sounds] } }`,
    });
  });
  afterAll(async () => {
    await callee?.stop();
    await server?.stop();
    await world?.stop();
  });

  test.each(["stateless", "stateful"])("through the %s proxy every call comes about", async (user) => {
    const [here, there] = world.street;
    const run = { timeout: 14_000, remote: server.address, service: user, trace: false };
    const contacts = `Contact: <sip:echo@${callee.address}>`;
    const registration = await sipp({
      ...run,
      ...there,
      scenario: "uac-register-contacts",
      values: { contacts, domain: "example.com" },
    });
    expect(registration.successful).toBe(1);
    const caller = await sipp({
      ...run,
      ...here,
      scenario: "uac-call-transactions",
      values: { pause: "200" },
      calls,
      rate: 12,
    });
    expect(`${caller.successful} ${caller.errors}`).toStartWith(`${calls} `);
    expect(caller.retransmissions).toBeGreaterThan(0);
  });
});
