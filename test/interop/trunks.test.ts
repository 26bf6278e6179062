/** Accounts of ours at Kamailio (`trunks:`): registered with a password, called by its phones, calling them, and left again. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { type Kamailio, kamailio, registrarAndProxy } from "../support/peers/kamailio.ts";
import { baresipAt, lastPitch } from "../support/peers/phones.ts";
import { domain, type Provider, provider, users } from "../support/peers/provider.ts";
import { sipp } from "../support/peers/sipp.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

// Programs of others take their time to start where the machine is busy.
setDefaultTimeout(30_000);

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
async function started<T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const one = await starting;
  open.push(one);
  return one;
}

const home = () => started(kamailio(registrarAndProxy({ domain, users })));
const phonesOf = (server: Kamailio): Provider => ({
  ...server,
  started: { command: [], folder: "" },
  at: { udp: server.address, tcp: server.address, tls: "", ws: "", wss: "" },
  registration: (user) => ({ server: server.address, domain, password: users[user] }),
});

const echo = `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const _ of call);
}
`;

async function withTrunk(at: Kamailio, more = "", password: string = users.alice, keys = ""): Promise<Server> {
  return await started(
    siproc({
      host: phoneHost,
      env: { PROVIDER_PASSWORD: password },
      files: {
        "echo.ts": echo,
        "bob.ts": dial(`sip:bob@${domain}`),
        "number.ts": number,
        "carol.ts": dial(`sip:carol@${domain}`),
      },
      config: `domains: [home.example]
trunks:
  - { name: provider, registrar: "sip:${domain}", id: '"Alice" <sip:alice@${domain}>', password: "\${PROVIDER_PASSWORD}",
      proxy: "sip:${at.address};lr"${keys} }
${more}`,
    }),
  );
}

function status(server: Server, ...args: string[]): string {
  return Bun.spawnSync([binary, "status", "siproc.yaml", ...args], { cwd: server.folder }).stdout.toString();
}

const dial = (uri: string) => `export default async function (call: Call) {
  const { status, code } = await call.dial("${uri}");
  if (status !== "answered") await call.reject(code);
}
`;

const number = `export default async function (call: Call) {
  await call.dial("tel:bob", { trunk: "provider" });
}
`;

const outward = `routes:
  - { to: '/^00(\\w+)@/', from: "*", trunk: provider, number: $1 }
  - { to: bob, script: bob.ts }
  - { to: number, script: number.ts }
  - { to: carol, script: carol.ts }
scripts: { allow: { dial: ["bob"] } }`;

const routes = `routes:
  - { trunk: provider, script: echo.ts }
  - { to: "*", reply: 404 }`;

describe.skipIf(!has("kamailio", "baresip"))("an account at Kamailio", () => {
  test("is registered, called by one of its phones, and taken back at the end", async () => {
    const at = await home();
    const server = await withTrunk(at, routes);
    await server.program.line(/registered/);
    expect(status(server)).toMatch(/^trunk provider +registered as "Alice" <sip:alice@example.com>/m);
    expect(JSON.parse(status(server, "--json"))).toMatchObject({
      trunks: [{ name: "provider", state: "registered", domain }],
    });
    const bob = await started(baresipAt(phonesOf(at), { user: "bob", tone: 900 }));
    await bob.dial(`sip:alice@${domain}`);
    await until("his own tone", () => bob.heard() === 900);
    await bob.hangup();
    await bob.ended();
    expect(await server.stop()).toBe(0);
    expect(server.program.stderr.join("\n")).toContain("no longer registered");
    await expect(bob.dial(`sip:alice@${domain}`)).rejects.toThrow("480");
  });

  test("is registered over TCP, and called there", async () => {
    const at = await home();
    const server = await withTrunk(at, routes, users.alice, ", transport: tcp");
    await server.program.line(/registered/);
    const bob = await started(baresipAt(phonesOf(at), { user: "bob", tone: 900, transport: "tcp" }));
    await bob.dial(`sip:alice@${domain}`);
    await until("his own tone", () => bob.heard() === 900);
    await bob.hangup();
    await bob.ended();
  });

  test("whose password is wrong is not registered, is tried again later, and the log does not show the password", async () => {
    const server = await withTrunk(await home(), routes, "queen-of-hearts");
    await server.program.line(/not registered/);
    expect(status(server)).toMatch(
      /^trunk provider +not registered: the password is not accepted: 401 Unauthorized; again in [2-5] min/m,
    );
    expect(server.program.lines.join("\n") + status(server, "--json")).not.toContain("queen-of-hearts");
  });

  test.each(["00bob", "bob", "number"])(
    "takes calls out, as its own: %s",
    async (called) => {
      const at = await home();
      const server = await withTrunk(at, outward);
      await server.program.line(/registered/);
      const bob = await started(baresipAt(phonesOf(at), { user: "bob", tone: 900 }));
      const caller = await started(Baresip.start({ user: "dave", says: { tone: 500 } }));
      await caller.dial(`sip:${called}@${server.address}`);
      await caller.event("CALL_ESTABLISHED");
      await until("the caller's tone", () => bob.heard() === 500);
      await until("bob's tone", () => lastPitch(caller.heard().at(-1)) === 900);
      expect(bob.peer()).toBe(`sip:alice@${domain}`);
      await bob.hangup();
      await caller.event("CALL_CLOSED");
    },
    15_000,
  );

  test.skipIf(!has("sipp")).each([
    ["nobody is registered", "00bob", "480"],
    ["nobody is known by that name", "00someone", "480"],
    ["the script may not call", "carol", "500"],
  ])("where %s, the caller is told", async (_, service, status) => {
    const server = await withTrunk(await home(), outward);
    await server.program.line(/registered/);
    const run = await sipp({ scenario: "uac-rejected", service, values: { status }, remote: server.address });
    expect(run.errors).toBe("");
    expect(run.successful).toBe(1);
  });
});

describe.skipIf(!has("baresip"))("a script calls a phone that is registered with us", () => {
  test.each(["udp", "tcp"] as const)("by %s", async (transport) => {
    const server = await started(
      provider({
        routes: ["{ to: desk, script: desk.ts }"],
        config: `scripts: { allow: { dial: ["*@${domain}"] } }`,
        files: { "desk.ts": dial(`sip:alice@${domain}`) },
      }),
    );
    const alice = await started(baresipAt(server, { user: "alice", tone: 700, transport }));
    const caller = await started(Baresip.start({ user: "dave", says: { tone: 500 } }));
    await caller.dial(`sip:desk@${server.address}`);
    await until("the caller's tone", () => alice.heard() === 500);
    expect(alice.peer()).toBe(`sip:dave@${phoneHost}`);
    await caller.hangup();
    await alice.ended();
  });

  test("on all of them, and who answers first has it", async () => {
    const server = await started(
      provider({
        routes: ["{ to: desk, script: desk.ts }"],
        config: `scripts: { allow: { dial: ["*@${domain}"] } }`,
        files: { "desk.ts": dial(`sip:alice@${domain}`) },
      }),
    );
    const registers = server.registration("alice");
    const rings = await started(Baresip.start({ user: "alice", registers }));
    const answers = await started(baresipAt(server, { user: "alice", tone: 700, transport: "tcp" }));
    const caller = await started(Baresip.start({ user: "dave", says: { tone: 500 } }));
    await caller.dial(`sip:desk@${server.address}`);
    await rings.event("CALL_INCOMING");
    await until("the caller's tone", () => answers.heard() === 500);
    await rings.event("CALL_CLOSED");
    await caller.hangup();
    await answers.ended();
  });
});
