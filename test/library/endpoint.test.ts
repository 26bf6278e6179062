/** Endpoints: what a program does that speaks SIP itself, with another such program at the other end. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Application, Endpoint, EndpointContext, EndpointNews } from "../../src/index.ts";
import type { AgentOptions } from "../../src/library/index.ts";
import { closeAgents, openAgent } from "../support/agents.ts";
import { bound, closePeers, UdpPeer } from "../support/udp-peer.ts";

afterEach(async () => {
  await closeAgents();
  closePeers();
});

/** What happened at one end, in order; and a way to wait for it. */
class Story {
  readonly lines: string[] = [];
  #wake = () => {};
  add(line: string): void {
    this.lines.push(line);
    this.#wake();
  }
  async until(line: string): Promise<void> {
    const late = Date.now() + bound;
    while (!this.lines.includes(line)) {
      if (Date.now() > late) throw new RangeError(`no “${line}”, but ${this.lines.join(", ")}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, 100);
      await promise;
      clearTimeout(timer);
    }
  }
}

const method = ({ packet, code, error }: EndpointNews) =>
  packet?.type === "request" ? packet.method : `${code}${error === undefined ? "" : ` ${error}`}`;

async function pair(application: Application, options: AgentOptions = {}) {
  const callee = await openAgent();
  const told = new Story();
  const server = callee.agent.createEndpoint((endpoint, ctx, request, leg, from) => {
    told.add(request.method);
    if (typeof application === "function") application(endpoint, ctx, request, leg, from);
    else application.receive(endpoint, ctx, request, leg, from);
  });
  callee.agent.serve(server.receive);
  const caller = await openAgent({ from: "sip:alice@example.com", ...options });
  const client = caller.agent.createEndpoint(() => {});
  caller.agent.serve(client.receive);
  const heard = new Story();
  const callback = (_: Endpoint, __: EndpointContext, news: EndpointNews) => heard.add(method(news));
  return { to: `sip:bob@${callee.address}`, server, client, told, heard, callback };
}

const accepting: Application = (endpoint, ctx, request) => {
  if (request.method !== "INVITE") return;
  endpoint.newResponse(ctx, { request, status: 180 });
  endpoint.newResponse(ctx, { request, status: 200, body: "v=0", headers: { "Content-Type": "application/sdp" } });
};

describe("a call", () => {
  test("rings, is answered and acknowledged, and is ended by the caller", async () => {
    const { client, server, told, heard, callback, to } = await pair(accepting);
    const ctx = client.invite({ to }, { callback, body: "v=0", headers: { "Content-Type": "application/sdp" } });
    await heard.until("200");
    await told.until("ACK");
    expect([ctx.established, ctx.incoming, client.contexts, server.contexts]).toEqual([true, false, 1, 1]);
    client.newRequest("BYE", ctx);
    await told.until("BYE");
    await heard.until("200");
    expect(told.lines).toEqual(["INVITE", "ACK", "BYE"]);
    expect(heard.lines.slice(0, 2)).toEqual(["180", "200"]);
    expect(server.contexts).toBe(0);
  });

  test("is ended by the called side, too", async () => {
    let callee: { endpoint: Endpoint; ctx: EndpointContext } | undefined;
    const { client, heard, told, callback, to } = await pair((endpoint, ctx, request, leg, from) => {
      callee = { endpoint, ctx };
      if (typeof accepting === "function") accepting(endpoint, ctx, request, leg, from);
    });
    client.invite({ to }, { callback });
    await told.until("ACK");
    callee?.endpoint.newRequest("BYE", callee.ctx);
    await heard.until("BYE");
    expect(client.contexts).toBe(0);
  });

  test("is cancelled while it rings: the called side is told, and answers by itself", async () => {
    const { client, server, told, heard, callback, to } = await pair((endpoint, ctx, request) => {
      if (request.method === "INVITE") endpoint.newResponse(ctx, { request, status: 180 });
    });
    const ctx = client.invite({ to }, { callback });
    await heard.until("180");
    expect(client.cancelInvite(ctx)).toBe(1);
    await heard.until("487");
    expect([told.lines, server.contexts, client.cancelInvite(ctx)]).toEqual([["INVITE", "CANCEL"], 0, 0]);
  });

  test("is changed by a re-INVITE, and other requests go within it", async () => {
    const { client, told, callback, to } = await pair((endpoint, ctx, request) => {
      if (request.method === "ACK") return;
      endpoint.newResponse(ctx, {
        request,
        status: 200,
        headers: { "X-Tag": request.to.tag === undefined ? "no" : "yes" },
      });
    });
    const ctx = client.invite({ to }, { callback });
    await told.until("ACK");
    client.invite(ctx);
    client.newRequest("INFO", ctx, { body: "x", headers: { "Content-Type": "text/plain" } });
    await told.until("INFO");
    expect(told.lines.slice(2).toSorted().slice(0, 2)).toContain("INFO");
    expect(told.lines.filter((line) => line === "INVITE")).toHaveLength(2);
  });

  test("that is refused leaves nothing behind", async () => {
    const { client, server, heard, callback, to } = await pair((endpoint, ctx, request) => {
      if (request.method === "INVITE") endpoint.newResponse(ctx, { request, status: 486, reason: "Not Now" });
    });
    const ctx = client.invite({ to }, { callback });
    await heard.until("486");
    expect([server.contexts, client.newRequest("OPTIONS", ctx) === ctx]).toEqual([0, true]);
    client.closeContext(ctx);
    expect(client.contexts).toBe(0);
    expect(() => client.newRequest("OPTIONS", ctx)).toThrow();
  });
});

describe("requests", () => {
  test.each(["OPTIONS", "MESSAGE", "PUBLISH", "FROBNICATE"])(
    "of the method %s are the program's to answer",
    async (name) => {
      const { client, heard, callback, to } = await pair({
        receive: (endpoint, ctx, request, leg, from) => {
          const { proto, family } = leg;
          endpoint.newResponse(ctx, { request, status: 299, body: `${proto} ${family} ${from.addr}` });
        },
      });
      client.newRequest(name, { to }, { callback });
      await heard.until("299");
    },
  );

  test("of a program that fails get 500", async () => {
    const { client, heard, callback, to } = await pair(() => {
      throw new RangeError("by design");
    });
    client.newRequest("OPTIONS", { to }, { callback });
    await heard.until("500");
  });

  test("answer challenges with the context's auth, in the same context", async () => {
    const registrar = await openAgent();
    registrar.agent.serve(
      registrar.agent.createRegistrar({ domain: "example.com", auth: { accounts: { me: "secret" } } }),
    );
    const { client, heard, callback } = await pair(() => {});
    const ctx = client.register({
      registrar: registrar.address,
      from: "sip:me@example.com",
      contact: "sip:me@192.0.2.1",
      auth: ["me", "secret"],
      expires: 600,
      callback,
    });
    await heard.until("200");
    expect(heard.lines).toEqual(["200"]);
    expect(registrar.agent.contactsOf("me@example.com").map(({ uri }) => uri)).toEqual(["sip:me@192.0.2.1"]);
    client.newRequest("REGISTER", ctx, { uri: `sip:${registrar.address}`, headers: { Expires: "0" } });
    const late = Date.now() + bound;
    while (registrar.agent.contactsOf("me@example.com").length > 0 && Date.now() < late) await Bun.sleep(10);
    expect(registrar.agent.contactsOf("me@example.com")).toEqual([]);
  });

  test("that cannot be throw", async () => {
    const { client } = await pair(() => {});
    for (const name of ["ACK", "A B"]) expect(() => client.newRequest(name, { to: "sip:a@b" })).toThrow();
    expect(() => client.newRequest("OPTIONS", { to: "nobody" })).toThrow();
    expect(() => client.newRequest("OPTIONS", { to: "sip:a@b" }, { headers: { "X\r\nY": "1" } })).toThrow();
  });

  test("of a subscription make a dialog, in which NOTIFY comes", async () => {
    const { client, heard, callback, to } = await pair((endpoint, ctx, request) => {
      if (request.method !== "SUBSCRIBE") return;
      endpoint.newResponse(ctx, { request, status: 200, headers: { Expires: "60" } });
      endpoint.newRequest("NOTIFY", ctx, { headers: { Event: "x", "Subscription-State": "active" } });
    });
    const answering = (endpoint: Endpoint, ctx: EndpointContext, news: EndpointNews) => {
      if (news.packet?.type === "request") endpoint.newResponse(ctx, { request: news.packet, status: 200 });
      callback(endpoint, ctx, news);
    };
    client.newRequest("SUBSCRIBE", { to }, { callback: answering, headers: { Event: "x", Expires: "60" } });
    await heard.until("NOTIFY");
  });
});

describe("strangers", () => {
  test("cannot end a call that is not theirs, nor begin one in its middle", async () => {
    const callee = await openAgent();
    const told: string[] = [];
    const endpoint = callee.agent.createEndpoint((_, __, request) => told.push(request.method));
    callee.agent.serve(endpoint.receive);
    const peer = await UdpPeer.open(callee.port);
    for (const method of ["BYE", "INFO", "NOTIFY"]) {
      const request = peer.compose(method, { callId: `stranger-${method}` });
      peer.send(request.bytes());
      if (method === "BYE") expect((await peer.response(request.callId, method)).status).toBe(481);
    }
    expect(told).not.toContain("BYE");
    expect(endpoint.contexts).toBeLessThan(3);
  });
});
