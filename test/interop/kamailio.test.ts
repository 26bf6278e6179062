/**
 * Kamailio in front of siproc, as an edge that phones register through (Path), and behind it, as a gateway and as the registrar that
 * siproc is the edge of: both stay in the dialogs' path.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { startChromium } from "../support/peers/chromium.ts";
import { edge, type Kamailio, kamailio, registrarAndProxy, throughProxy } from "../support/peers/kamailio.ts";
import { baresipAt, type Phone } from "../support/peers/phones.ts";
import { domain, type Provider, provider, type User, users } from "../support/peers/provider.ts";
import { siproc } from "../support/peers/siproc.ts";
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

/** The same provider, reached by way of a proxy. */
const through = (server: Provider, proxy: Kamailio): Provider => ({
  ...server,
  registration: (user) => ({ ...server.registration(user), server: proxy.address }),
});

async function call(caller: Phone, callee: Phone, hangsUp: Phone): Promise<void> {
  await caller.dial(callee.uri);
  await until("each other's tone", () => caller.heard() === callee.tone && callee.heard() === caller.tone);
  await hangsUp.hangup();
  await Promise.all([caller.ended(), callee.ended()]);
}

/** Kamailio is the registrar and knows the users; siproc is the edge before it, and adds the Path. */
async function edgeBefore(mode: "stateless" | "stateful"): Promise<Provider> {
  const home = await started(kamailio(registrarAndProxy({ domain, users })));
  const server = await started(
    siproc({
      host: phoneHost,
      listen: ["ws"],
      config: `routes:
  - { to: "*@${domain}", proxy: "sip:${home.address}", mode: ${mode} }`,
    }),
  );
  const { address } = server;
  return {
    ...server,
    started: server,
    at: { udp: address, tcp: address, tls: "", ws: `${server.host}:${server.ports.ws}`, wss: "" },
    registration: (user) => ({ server: address, domain, password: users[user] }),
  };
}

describe.skipIf(!has("kamailio", "baresip"))("Kamailio", () => {
  test.each(["stateless", "stateful"] as const)(
    "as the registrar behind a %s edge of siproc: calls to its phones come back by the Path",
    async (mode) => {
      const server = await edgeBefore(mode);
      const [alice, bob] = await Promise.all([
        started(baresipAt(server, { user: "alice", tone: 500 })),
        started(baresipAt(server, { user: "bob", tone: 900, transport: "tcp" })),
      ]);
      await call(alice, bob, bob);
      await call(bob, alice, bob);
    },
  );

  test.skipIf(!has("chromium"))("as the registrar behind siproc, which brings WebSocket to it", async () => {
    const server = await edgeBefore("stateful");
    const chromium = await started(startChromium());
    const page = (kind: "jssip" | "sipjs", user: User, hertz: number) =>
      chromium.phone({ kind, url: `ws://${server.at.ws}`, user, domain, password: users[user], hertz });
    const [alice, bob] = await Promise.all([page("jssip", "alice", 500), page("sipjs", "bob", 900)]);
    await alice.dial(`sip:bob@${domain}`);
    await Promise.all([alice.hears(900), bob.hears(500)]);
    await bob.run("hangup");
    await Promise.all([alice.event(/^ended/), bob.event(/^ended/)]);
  });

  test.each(["stateless", "stateful"] as const)(
    "as an edge in front of the registrar and %s proxy: calls to its phones and from them come and go",
    async (mode) => {
      const server = await started(provider({ mode }));
      const before = await started(kamailio(edge(`sip:${server.address}`)));
      const [inside, alsoInside, outside] = await Promise.all([
        started(baresipAt(through(server, before), { user: "alice", tone: 500 })),
        started(baresipAt(through(server, before), { user: "bob", tone: 900, transport: "tcp" })),
        started(baresipAt(server, { user: "carol", tone: 1300 })),
      ]);
      await call(outside, inside, inside);
      await call(inside, outside, inside);
      await call(inside, alsoInside, alsoInside);
    },
  );

  test.each(["stateless", "stateful"] as const)(
    "behind the %s proxy: a call goes through both, is changed in a dialog, and ends from either side",
    async (mode) => {
      const gateway = await started(Baresip.start({ user: "gateway", autoAnswer: true, says: { tone: 1500 } }));
      const behind = await started(kamailio(throughProxy(`sip:${phoneHost}:${gateway.port}`)));
      const route = `{ to: "*@elsewhere.example", proxy: "sip:${behind.address};lr", auth: true, mode: ${mode} }`;
      const server = await started(provider({ routes: [route] }));
      const phone = await started(baresipAt(server, { user: "alice", tone: 500 }));
      await phone.dial("sip:gateway@elsewhere.example");
      await until("gateway's tone", () => phone.heard() === 1500);
      await gateway.hangup();
      await phone.ended();
      await phone.dial("sip:gateway@elsewhere.example");
      await phone.hold();
      await phone.hangup();
      await phone.ended();
      await until("end", () => gateway.events.filter(({ type }) => type === "CALL_CLOSED").length === 2);
      expect(gateway.events.map(({ peer }) => peer)).toContain("sip:alice@example.com");
    },
  );
});
