/** Accounts of ours elsewhere, at a registrar in the test's hand: who comes by them, which way calls go out, what a reload changes. */
import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import type { Config, Route } from "../../src/config/config.ts";
import { readConfig } from "../../src/config/index.ts";
import type { Server } from "../../src/server/index.ts";
import { buildResponse, parseMessage, Request } from "../../src/sip/message.ts";
import { freePort } from "../support/peers/ports.ts";
import { until } from "../support/peers/until.ts";
import { openServer, stopAll } from "../support/server.ts";
import { UdpPeer } from "../support/udp-peer.ts";

afterEach(stopAll);

const reply = (code: number): Route["action"] => ({ type: "reply", code, reason: undefined });
const routes: Partial<Route>[] = [{ trunk: "p", action: reply(486) }, { action: reply(404) }];

async function configOf(...trunks: string[]): Promise<Config> {
  const text = `domains: [home.example]\nstore: "memory:"\ntrunks:\n${trunks.map((keys) => `  - { ${keys} }`).join("\n")}`;
  const loaded = await readConfig(new TextEncoder().encode(text), "/siproc.yaml", { environment: {} });
  if (!loaded.ok) throw new TypeError(loaded.problems.map(({ message }) => message).join("\n"));
  return loaded.config;
}

const noDial: Config["scripts"]["allow"]["dial"] = [];

/** A server with a trunk `p` at a peer, which has not answered yet. */
async function withTrunk(keys = "") {
  const [port, at] = [await freePort(), await freePort()];
  const provider = await UdpPeer.open(port, "127.0.0.2", at);
  const address = `127.0.0.2:${at}`;
  const trunk = `name: p, registrar: "sip:${address}", id: sip:acct@p.example, domain: p.example, password: x${keys}`;
  const { trunks } = await configOf(trunk);
  const opened = await openServer({ udpPort: port, routes, trunks, domains: ["home.example"] });
  return { ...opened, provider, address, trunk };
}

/** Answers a REGISTER, and gives the Contact that it registered. */
function grant(provider: UdpPeer, register: Request, ...headers: [string, string][]): string {
  provider.answer(register, 200, [["Contact", `${register.header("contact")};expires=600`], ...headers]);
  return register.contact?.uriText ?? "";
}

/** Grants the registration, and waits until the server knows; the Contact. */
async function registered(server: Server, provider: UdpPeer, ...headers: [string, string][]): Promise<string> {
  const contact = grant(provider, await provider.request("REGISTER"), ...headers);
  await until("the registration", () => server.trunks.status().every(({ state }) => state === "registered"));
  return contact;
}

describe("who comes by a trunk", () => {
  async function answers(from: UdpPeer, uri: string): Promise<number> {
    const invite = from.compose("INVITE", { uri });
    from.send(invite.bytes());
    return (await from.response(invite.callId, "INVITE")).status;
  }

  test("calls the Contact that we registered, or our user there from where we are registered", async () => {
    const { provider, port, server } = await withTrunk();
    const stranger = await UdpPeer.open(port.udp, "127.0.0.3");
    expect(await answers(provider, `sip:acct@127.0.0.1:${port.udp}`)).toBe(404);
    const contact = await registered(server, provider);
    expect(contact).toMatch(/;line=\w+$/);
    expect(server.trunks.status()).toMatchObject([{ name: "p", state: "registered", expires: 600 }]);
    // Some other server of the provider's.
    expect(await answers(stranger, contact)).toBe(486);
    expect(await answers(provider, `sip:acct@127.0.0.1:${port.udp}`)).toBe(486);
    expect(await answers(provider, "sip:acct@p.example")).toBe(486);
    expect(await answers(provider, "sip:other@home.example")).toBe(404);
    expect(await answers(stranger, `sip:acct@127.0.0.1:${port.udp}`)).toBe(404);
    expect(await answers(stranger, `sip:acct@127.0.0.1:${port.udp};line=guessed`)).toBe(404);
    expect(await answers(stranger, "sip:acct@p.example")).toBe(403);
  });
});

test("the way through a NAT is kept open", async () => {
  const { server, provider } = await withTrunk(", keepalive: 50ms");
  await registered(server, provider);
  const empty = () => provider.received.filter((octets) => Buffer.from(octets).toString() === "\r\n").length;
  await until("two empty lines", () => empty() > 1);
});

test("a registration over a connection is made anew when the connection is closed", async () => {
  const port = await freePort();
  const registrar = createServer((socket) => {
    socket.once("data", (octets) => {
      const register = parseMessage(Buffer.from(octets), "stream");
      if (!(register instanceof Request)) throw new TypeError("a REGISTER was expected");
      registers.push(register);
      socket.write(buildResponse(register, 200, { headers: [["Expires", "600"]], toTag: "r" }).bytes());
      sockets.push(socket);
    });
  });
  const registers: Request[] = [];
  const sockets: Socket[] = [];
  await new Promise<void>((resolve) => registrar.listen(port, "127.0.0.2", resolve));
  const { trunks } = await configOf(
    `name: p, registrar: "sip:127.0.0.2:${port};transport=tcp", id: sip:acct@p.example, password: x`,
  );
  const { server } = await openServer({ routes, trunks });
  await until("the registration", () => server.trunks.status()[0]?.state === "registered");
  expect(registers.map((register) => register.contact?.uriText)).toEqual([
    expect.stringMatching(/^sip:acct@127\.0\.0\.\d:\d+;transport=tcp;line=\w+$/),
  ]);
  sockets[0]?.destroy();
  await until("the second one", () => registers.length === 2);
  await until("its end", () => server.trunks.status()[0]?.state === "registered");
  expect(registers.map(({ callId }) => callId === registers[0]?.callId)).toEqual([true, true]);
  await stopAll();
  registrar.close();
  for (const socket of sockets) socket.destroy();
});

describe("a call out", () => {
  /** Places it through the trunk; the INVITE as it leaves. */
  async function placed({ server, provider }: Awaited<ReturnType<typeof withTrunk>>, target: string, trunk?: string) {
    const way = server.dialer.wayTo(target, { trunk });
    if ("failure" in way) throw new TypeError(way.failure);
    const call = server.call(way, { start: (control) => control.listen(() => {}) });
    if ("failure" in call) throw new TypeError(call.failure);
    const invite = await provider.request("INVITE");
    provider.answer(invite, 486);
    return invite;
  }
  const routesOf = (request: Request) => request.values("route");

  test("takes the way that the registrar wants (RFC 3608)", async () => {
    const bench = await withTrunk();
    const [first, second] = [`<sip:${bench.address};lr>`, "<sip:apps.p.example;lr>"];
    await registered(bench.server, bench.provider, ["Service-Route", `${first}, ${second}`]);
    const invite = await placed(bench, "sip:+49@p.example");
    expect(invite.uri).toBe("sip:+49@p.example");
    expect(invite.header("from")).toStartWith("<sip:acct@p.example>;tag=");
    expect(routesOf(invite)).toEqual([first, second]);
  });

  test("goes straight where the registrar's Service-Route is no route", async () => {
    const bench = await withTrunk();
    await registered(bench.server, bench.provider, ["Service-Route", "<mailto:x@example.com>"]);
    const way = bench.server.dialer.wayTo(`sip:bob@${bench.address}`, {});
    expect("failure" in way ? way : way.service).toEqual([]);
    expect(bench.log.join("\n")).toContain("Service-Route is no route");
  });

  test("takes the proxy of a trunk that needs no registration, for a number", async () => {
    const at = await freePort();
    const bench = await withTrunk(`, register: false, proxy: "sip:127.0.0.2:${at};lr"`);
    const proxy = await UdpPeer.open(bench.port.udp, "127.0.0.2", at);
    const invite = await placed({ ...bench, provider: proxy }, "+49 (30) 1", "p").catch(String);
    expect(invite).toBe("TypeError: +49 (30) 1 cannot be called; expected sip:user@host or a number");
    const right = await placed({ ...bench, provider: proxy }, "+49#1", "p");
    expect([right.uri, routesOf(right)]).toEqual(["sip:+49%231@p.example", [`<sip:127.0.0.2:${at};lr>`]]);
    expect(bench.provider.requests).toEqual([]);
    expect(bench.server.trunks.status()).toMatchObject([{ state: "unregistered" }]);
  });

  test("goes by a strict router (RFC 2543), as its registration does", async () => {
    const at = await freePort();
    const bench = await withTrunk(`, proxy: "sip:127.0.0.2:${at}", strict_route: true`);
    const proxy = await UdpPeer.open(bench.port.udp, "127.0.0.2", at);
    const register = await proxy.request("REGISTER");
    expect([register.uri, routesOf(register)]).toEqual([`sip:127.0.0.2:${at}`, [`<sip:${bench.address}>`]]);
    grant(proxy, register);
    const invite = await placed({ ...bench, provider: proxy }, "sip:bob@p.example");
    expect([invite.uri, routesOf(invite)]).toEqual([`sip:127.0.0.2:${at}`, ["<sip:bob@p.example>"]]);
  });

  test("shows the password to the trunk's own servers alone", async () => {
    const { server, trunk } = await withTrunk();
    const auth = (uri: string) => {
      const way = server.dialer.wayTo(uri, { trunk: "p" });
      return "failure" in way ? way : way.auth;
    };
    expect(trunk).toContain("password: x");
    expect(auth("sip:bob@p.example")).toEqual({ user: "acct", password: "x", realm: undefined });
    expect(auth("sip:bob@127.0.0.2")).toBeDefined();
    expect(auth("sip:bob@evil.example")).toBeUndefined();
    expect(server.dialer.allowed).toEqual(noDial);
  });

  test.each(["sip:", "bob", "mailto:bob@example.com", "sip:bob@example.com\r\nX: y", "tel:+49", "<sip:a@b>"])(
    "to %j goes nowhere without a trunk",
    async (target) => {
      const { server } = await withTrunk();
      expect(server.dialer.wayTo(target, {})).toHaveProperty("failure");
      expect(server.dialer.wayTo("sip:a@b.example", { trunk: "q" })).toHaveProperty("failure");
    },
  );
});

describe("a reload", () => {
  test("leaves a trunk alone that stays the same, takes back one that goes, and begins one that comes", async () => {
    const { server, provider, address, trunk, port } = await withTrunk();
    await registered(server, provider);
    const base = { ...server.control.status() };
    expect(base.trunks).toMatchObject([{ state: "registered" }]);
    const other = await UdpPeer.open(port.udp, "127.0.0.4");
    const more = `name: q, registrar: "sip:127.0.0.4:${other.port}", id: sip:b@q.example, password: y`;
    const config = async (...trunks: string[]) => ({ ...(await configOf(...trunks)), listen: [] });
    server.reload(await config(trunk, more));
    await registered(server, other);
    expect(provider.requests.length).toBe(1);
    server.reload(await config(more));
    const goodbye = await provider.find("the end of the registration", (message) =>
      message.type === "request" && message.header("expires") === "0" ? message : undefined,
    );
    provider.answer(goodbye, 200);
    expect(goodbye.uri).toBe(`sip:${address}`);
    expect(server.trunks.status().map(({ name, state }) => [name, state])).toEqual([["q", "registered"]]);
  });
});
