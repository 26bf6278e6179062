/** Accounts of ours at Kamailio (`trunks:`): registered with a password, called by its phones, calling them, and left again. */
import { afterEach, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { type Kamailio, kamailio, registrarAndProxy } from "../support/peers/kamailio.ts";
import { baresipAt } from "../support/peers/phones.ts";
import { domain, type Provider, users } from "../support/peers/provider.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

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
      files: { "echo.ts": echo },
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
});
