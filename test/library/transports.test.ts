/** Agents over connections: TCP and TLS, kept registered when a connection is lost, and what cannot be listened on. */
import { afterEach, describe, expect, test } from "bun:test";
import type { RegistrationState } from "../../src/index.ts";
import { closeAgents, openAgent, optionFault } from "../support/agents.ts";
import { Authority } from "../support/certificates.ts";
import { freePort } from "../support/peers/ports.ts";
import { until } from "../support/peers/until.ts";

const authorities: Authority[] = [];
afterEach(async () => {
  await closeAgents();
  for (const authority of authorities.splice(0)) authority.close();
});

describe("an agent", () => {
  test.each<["tcp" | "tls"]>([["tcp"], ["tls"]])("registers, calls and is called over %s", async (transport) => {
    const authority = new Authority();
    authorities.push(authority);
    const tls = { ...authority.make({ san: "IP:127.0.0.1,DNS:localhost" }), ca: authority.ca };
    const legs = `${transport}://127.0.0.1:0`;
    const server = await openAgent({ legs, tls });
    server.agent.serve(server.agent.createRegistrar(), server.agent.createStatefulProxy());
    const phone = async (from: string) => {
      const outgoingProxy = `sip:${server.address};transport=${transport}`;
      const one = await openAgent({
        legs,
        tls,
        domain: "example.com",
        from,
        outgoingProxy,
      });
      await one.agent.register();
      one.agent.listen();
      return one;
    };
    const [alice, bob] = [await phone("alice"), await phone("bob")];
    expect(server.agent.contactsOf("bob@example.com")[0]?.uri).toContain(`;transport=${transport}`);
    for (const [caller, callee] of [
      [alice, "bob"],
      [bob, "alice"],
    ] as const) {
      const call = await caller.agent.invite(callee);
      await call.hold();
      await call.hangup();
    }
  });

  test("whose connection is gone registers anew", async () => {
    const server = await openAgent({ legs: "tcp://127.0.0.1:0" });
    server.agent.serve(server.agent.createRegistrar());
    const states: RegistrationState["name"][] = [];
    const outgoingProxy = `sip:${server.address};transport=tcp`;
    const alice = await openAgent({ legs: "udp://127.0.0.1:0", domain: "example.com", from: "alice", outgoingProxy });
    await alice.agent.register({ changed: ({ name }) => states.push(name) });
    await server.agent.close();
    await until("failure", () => states.includes("failed"));
    expect(states.slice(0, 3)).toEqual(["registered", "registering", "failed"]);
  });

  test.each<[string, Parameters<typeof openAgent>[0], string]>([
    ["a name", { legs: "udp://example.com" }, "listening takes an IP address, not a name"],
    ["TLS without a certificate", { legs: "tls://127.0.0.1:0" }, "tls needs a certificate"],
    ["a setting that there is not", { settings: { limit: {} } }, "limits"],
    ["a codec that there is not", { settings: { media: { codecs: ["G729"] } } }, "PCMU"],
  ])("cannot be opened with %s", async (_, options, says) => {
    expect(await optionFault(openAgent(options))).toContain(says);
  });

  test.each([
    ["udp://127.0.0.1:0", "udp"],
    ["tcp:127.0.0.1:0", "tcp"],
    ["sip:127.0.0.1:PORT;transport=tcp", "tcp"],
    ["sip:127.0.0.1:PORT", "udp"],
    ["127.0.0.1:0", "udp"],
    ["ws://[::1]:0", "ws"],
  ] as const)("listens on %s", async (legs, transport) => {
    const { agent } = await openAgent({ legs: legs.replace("PORT", String(await freePort())) });
    expect(agent.legs.map((leg) => leg.transport)).toEqual([transport]);
  });

  test("takes texts of its settings as they stand, and a port that is taken is said to be", async () => {
    const first = await openAgent({ settings: { auth: { realm: "$" + "{HOME} $$" } } });
    const again = await openAgent({ legs: `udp://127.0.0.1:${first.port}` }).catch((error: unknown) => error);
    expect(again).toMatchObject({ code: "address-in-use" });
  });
});
