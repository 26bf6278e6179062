/** Agents that register, and agents that are registrars. */
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type AuthOptions, accountsFrom, type RegistrationState } from "../../src/index.ts";
import type { Response } from "../../src/sip/message.ts";
import { buildResponse } from "../../src/sip/message.ts";
import { closeAgents, failedStatus, openAgent, optionFault, type TestAgent } from "../support/agents.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";

afterEach(async () => {
  await closeAgents();
  closePeers();
});

const accounts = { alice: "wonderland", bob: "builder" };

async function registrar(auth?: AuthOptions): Promise<TestAgent> {
  const server = await openAgent();
  server.agent.serve(server.agent.createRegistrar({ domain: ["example.com", "example.org"], minExpires: 30, auth }));
  return server;
}

const phone = (server: TestAgent, user: string, password: string) =>
  openAgent({ domain: "example.com", registrar: server.address, from: user, auth: [user, password] });

describe("an agent", () => {
  test("registers, is told so, and is gone when it is closed", async () => {
    const server = await registrar({ accounts });
    const alice = await phone(server, "alice", "wonderland");
    const states: RegistrationState[] = [];
    expect(await alice.agent.register({ expires: 600, changed: (state) => states.push(state) })).toBe(600);
    expect(server.agent.contactsOf("sip:alice@example.com")).toMatchObject([
      { uri: `sip:alice@${alice.address}`, expires: 600, q: 1 },
    ]);
    expect(server.agent.contactsOf("bob@example.com")).toEqual([]);
    await alice.agent.close();
    expect(server.agent.contactsOf("alice@example.com")).toEqual([]);
    expect(states.map(({ name }) => name)).toEqual(["registered", "ended"]);
  });

  test("may name the contact, and register anew with another", async () => {
    const server = await registrar();
    const { agent } = await openAgent({ from: "sip:alice@example.org", contact: "sip:alice@192.0.2.7" });
    await agent.register({ registrar: `sip:${server.address}` });
    await agent.register({ registrar: server.address, contact: "sip:alice@192.0.2.8" });
    expect(server.agent.contactsOf("alice@example.org").map(({ uri }) => uri)).toEqual(["sip:alice@192.0.2.8"]);
    await agent.unregister();
    expect(server.agent.contactsOf("alice@example.org")).toEqual([]);
  });

  test.each([
    ["a wrong password", "alice", "x", 401],
    ["an unknown user", "carol", "x", 401],
  ])("with %s is refused", async (_, user, password, status) => {
    const server = await registrar({ accounts });
    const { agent } = await phone(server, user, password);
    expect(await failedStatus(agent.register())).toBe(status);
  });

  test.each<[string, Parameters<typeof openAgent>[0], string]>([
    ["nowhere to go", { from: "sip:alice@example.com" }, "registrar: say where"],
    ["nobody to be", { domain: "example.com" }, "from: say who"],
  ])("that has %s says so", async (_, options, says) => {
    const { agent } = await openAgent(options);
    expect(await optionFault(agent.register())).toStartWith(says);
  });

  test("takes the route that its registrar wants (RFC 3608)", async () => {
    const server = await UdpPeer.open(0);
    const here = `${server.host}:${server.port}`;
    const alice = await openAgent({ domain: "example.com", registrar: here, from: "alice" });
    const registered = alice.agent.register();
    const request = await server.request("REGISTER");
    const headers: [string, string][] = [
      ["Contact", request.header("contact") ?? ""],
      ["Expires", "600"],
      ["Service-Route", `<sip:${here};lr>, <sip:inner.example.com;lr>`],
    ];
    const answering = await UdpPeer.open(alice.port);
    answering.send(buildResponse(request, 200, { toTag: "r", headers }).bytes());
    expect(await registered).toBe(600);
    void alice.agent.invite("bob").catch(() => {});
    expect((await server.request("INVITE")).values("route")).toEqual([
      `<sip:${here};lr>`,
      "<sip:inner.example.com;lr>",
    ]);
  });
});

describe("createAuth", () => {
  /** MD5 of alice:example.com:wonderland. */
  const ha1 = new Bun.CryptoHasher("md5").update("alice:example.com:wonderland").digest("hex");
  const file = temporaryFolder("accounts", {
    "accounts.csv": "user,password\nalice,wonderland\n",
    "wrong.csv": "user,pass\nalice,wonderland\n",
  });

  test.each<[string, () => Promise<AuthOptions["accounts"]>]>([
    ["names and passwords", async () => ({ alice: "wonderland" })],
    ["a list", async () => [{ user: "alice", domain: "example.com", password: "wonderland" }]],
    ["a stored hash", async () => [{ user: "alice", ha1: { MD5: ha1 } }]],
    ["a function that gives a password", async () => (user) => (user === "alice" ? "wonderland" : undefined)],
    [
      "a function that gives a hash",
      async () => (user, domain) => (domain === user ? undefined : { ha1: { MD5: ha1 } }),
    ],
    ["a file", async () => await accountsFrom(join(file, "accounts.csv"))],
  ])("knows %s", async (_, accountsOf) => {
    const server = await registrar({ accounts: await accountsOf() });
    const right = await phone(server, "alice", "wonderland");
    expect(await right.agent.register()).toBe(3600);
    const wrong = await phone(server, "alice", "x");
    expect(await failedStatus(wrong.agent.register())).toBe(401);
  });

  test("a file that is wrong is told with line and column", async () => {
    const fault = await optionFault(accountsFrom(join(file, "wrong.csv")));
    expect(fault).toContain("wrong.csv:1:6: there is no column “pass”");
  });

  test.each<[string, NonNullable<AuthOptions["filter"]>, number]>([
    ["a condition that holds", "from-is-auth-user", 200],
    ["one that does not", "from-is-realm", 403],
    ["all of which hold", ["from-is-auth-user", "to-is-from"], 200],
    ["one of which does not", ["from-is-auth-user", "from-is-realm"], 403],
    ["lists of which one holds", [["from-is-realm"], ["to-is-from"]], 200],
    ["lists of which none holds", [["from-is-realm"], ["to-is-from", "from-is-realm"]], 403],
    ["a function", (_, user, realm) => user === "alice" && realm === "elsewhere.example", 200],
    ["conditions by method", { register: "from-is-realm", INVITE: [] }, 403],
    ["conditions of another method", { INVITE: "from-is-realm" }, 200],
  ])("filters: %s", async (_, filter, status) => {
    const server = await registrar({ accounts, realm: "elsewhere.example", filter });
    const alice = await phone(server, "alice", "wonderland");
    expect((await failedStatus(alice.agent.register())) ?? 200).toBe(status);
  });

  test("a filter that there is not is an option that cannot be", async () => {
    const { agent } = await openAgent();
    // What a program without types may write.
    const filter = "FromIsRealm" as "from-is-realm";
    expect(() => agent.createAuth({ accounts, filter })).toThrow("from-is-auth-user, from-is-realm, to-is-from");
  });

  test("wrong passwords count against who sends them; algorithms are offered in their order", async () => {
    const { agent, port } = await openAgent({ settings: { ban: { failures: 2, never: [] } } });
    agent.serve(agent.createRegistrar({ auth: { accounts, algorithms: ["SHA-256", "MD5"] } }));
    const peer = await UdpPeer.open(port, "127.0.0.1");
    const challenge = async (): Promise<Response> => {
      const register = peer.compose("REGISTER", { uri: "sip:example.com", headers: [["X-Room", "x".repeat(300)]] });
      peer.send(register.bytes());
      return await peer.response(register.callId, "REGISTER");
    };
    const asked = (await challenge()).headers("www-authenticate");
    expect(asked.map((one) => /algorithm=(.*)$/.exec(one)?.[1])).toEqual(["SHA-256", "MD5"]);
    const wrong = await openAgent({ domain: "example.com", registrar: `127.0.0.1:${port}`, from: "alice" });
    for (const password of ["x", "y"]) await failedStatus(wrong.agent.register({ auth: ["alice", password] }));
    const before = peer.received.length;
    peer.send(peer.compose("OPTIONS").bytes());
    const other = await UdpPeer.open(port, "127.0.0.2");
    await other.probe();
    expect(peer.received.length).toBe(before);
  });
});
