/** Server-sent events: what is told, to whom, again after a break, and to one who reads too slowly. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ApiServer, adminKey, control, openApiServer } from "./api-server.ts";

let api: ApiServer;
beforeAll(async () => {
  api = await openApiServer(`registrar: { open: true }\nroutes: [{ to: "*", reply: 404 }]\n${control}`);
});
afterAll(async () => await api.close());

interface Told {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads a stream until `count` events are there; the stream is closed then. */
async function read(path: string, count: number, headers: Readonly<Record<string, string>> = {}): Promise<Told[]> {
  const abort = new AbortController();
  const response = await fetch(api.url + path, {
    headers: { Authorization: `Bearer ${adminKey}`, ...headers },
    signal: abort.signal,
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  const told: Told[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const data = field("data");
      if (data !== undefined) told.push({ id: field("id") ?? "", event: field("event") ?? "", data: JSON.parse(data) });
    }
    if (told.length >= count) break;
  }
  abort.abort();
  return told;
}

const tell = (calls: number) => api.server.feed.publish("server.draining", { calls });
const lift = (source: string) => api.server.feed.publish("ban.lifted", { source });
const numbers = (told: readonly Told[]) => told.map(({ data }) => Reflect.get(Object(data.data), "calls"));

/** Resolves when that many follow the feed. */
async function followers(count: number): Promise<void> {
  for (let i = 0; i < 1000 && api.server.feed.listeners !== count; i++) await new Promise((r) => setTimeout(r, 5));
  expect(api.server.feed.listeners).toBe(count);
}

describe("the stream of events", () => {
  test("tells what happens, with numbers and types", async () => {
    const reading = read("/v1/events", 2);
    await followers(1);
    tell(1);
    lift("192.0.2.1");
    const told = await reading;
    expect(told.map(({ event }) => event)).toEqual(["server.draining", "ban.lifted"]);
    for (const { id, event, data } of told) expect([String(data.id), data.type]).toEqual([id, event]);
    await followers(0);
  });

  test("goes on where somebody was", async () => {
    const after = api.server.feed.last;
    for (const n of [1, 2, 3]) tell(n);
    expect(numbers(await read(`/v1/events?after=${after}`, 3))).toEqual([1, 2, 3]);
    expect(numbers(await read("/v1/events", 2, { "Last-Event-ID": String(after + 1) }))).toEqual([2, 3]);
    const [gap, ...rest] = await read("/v1/events", 4, { "Last-Event-ID": "17" });
    expect(gap?.event).toBe("feed.gap");
    expect(numbers(rest).slice(-3)).toEqual([1, 2, 3]);
  });

  test("tells only what is asked for", async () => {
    const { feed } = api.server;
    const after = feed.last;
    tell(1);
    lift("192.0.2.1");
    feed.publish("call.answered", {}, { call: "ab" });
    feed.publish("call.answered", {}, { call: "cd" });
    tell(2);
    expect(numbers(await read(`/v1/events?after=${after}&types=server.*`, 2))).toEqual([1, 2]);
    expect((await read(`/v1/events?after=${after}&types=ban.lifted,call.*`, 3)).map(({ event }) => event)).toEqual([
      "ban.lifted",
      "call.answered",
      "call.answered",
    ]);
    expect((await read(`/v1/events?after=${after}&call=cd`, 1)).map(({ data }) => data.call)).toEqual(["cd"]);
  });

  test.each([
    ["types=cal.*", 422],
    ["types=", 422],
    ["after=-1", 422],
    ["after=now", 422],
    ["since=1", 422],
  ])("is refused with %s", async (query, status) => {
    expect((await api.ask("GET", `/v1/events?${query}`)).status).toBe(status);
    expect(api.server.feed.listeners).toBe(0);
  });

  test("needs a key that may read", async () => {
    const key = { Authorization: "Bearer only-for-accounts" };
    expect((await api.ask("GET", "/v1/events", undefined, key)).status).toBe(403);
  });

  test("a reader who stops reading delays nobody, and gets all when reading again", async () => {
    const { feed } = api.server;
    const { hostname, port } = new URL(api.url);
    let text = "";
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data: (_, part) => {
          text += part.toString("latin1");
        },
      },
    });
    socket.write(`GET /v1/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${adminKey}\r\n\r\n`);
    await followers(1);
    socket.pause();
    const padding = "x".repeat(400);
    const before = performance.now();
    // More than the sockets' buffers and what a reader may let wait; less than the feed keeps.
    for (let n = 0; n < 7000; n++) feed.publish("config.refused", { problems: n, ...{ padding } });
    expect(performance.now() - before).toBeLessThan(3000);
    socket.resume();
    for (let i = 0; i < 1000 && !text.includes('"problems":6999,'); i++) await new Promise((r) => setTimeout(r, 5));
    const seen = [...text.matchAll(/"problems":(\d+),/g)].map(([, n]) => Number(n));
    expect(seen).toEqual([...Array(7000).keys()]);
    expect(text).not.toContain("feed.gap");
    socket.end();
    await followers(0);
  });
});

test("clients that go at once leave nothing behind", async () => {
  const gone = async () => {
    const abort = new AbortController();
    const asking = fetch(`${api.url}/v1/events`, {
      headers: { Authorization: `Bearer ${adminKey}` },
      signal: abort.signal,
    });
    setTimeout(() => abort.abort(), Math.random() * 5);
    await asking.then((response) => response.body?.cancel()).catch(() => {});
  };
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 30 }, gone));
  await followers(0);
  // As many as there may be can follow again.
  const abort = new AbortController();
  const all = await Promise.all(
    Array.from({ length: 101 }, async () => {
      const headers = { Authorization: `Bearer ${adminKey}` };
      return (await fetch(`${api.url}/v1/events`, { headers, signal: abort.signal })).status;
    }),
  );
  expect(all.filter((status) => status === 200)).toHaveLength(100);
  expect(all.filter((status) => status === 503)).toHaveLength(1);
  abort.abort();
  await followers(0);
});

test("a registration is told, listed, found, and ended by an operator", async () => {
  const { feed } = api.server;
  const before = feed.last;
  const phone = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0 });
  const contact = `<sip:zoë@127.0.0.1:${phone.port}>`.replace("ë", "%C3%AB");
  const register = [
    "REGISTER sip:example.com SIP/2.0",
    `Via: SIP/2.0/UDP 127.0.0.1:${phone.port};branch=z9hG4bK${Date.now()};rport`,
    "From: <sip:zo%C3%AB@example.com>;tag=1",
    "To: <sip:zo%C3%AB@example.com>",
    "Call-ID: register-zoe",
    "CSeq: 1 REGISTER",
    `Contact: ${contact};expires=600`,
    "User-Agent: phone",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
  phone.send(register, api.port, "127.0.0.1");
  const types = () => feed.read(before, 10).map(({ type }) => type);
  for (let i = 0; i < 1000 && types().length === 0; i++) await new Promise((r) => setTimeout(r, 5));
  expect(types()).toEqual(["registration.added"]);
  const row = { user: "zoë@example.com", transport: "udp", source: `127.0.0.1:${phone.port}`, agent: "phone" };
  expect((await api.ask("GET", "/v1/bindings")).body).toMatchObject([row]);
  expect((await api.ask("GET", `/v1/bindings?q=${encodeURIComponent("ZOË")}`)).body).toMatchObject([row]);
  expect((await api.ask("GET", "/v1/bindings?q=bob")).body).toHaveLength(0);
  expect((await api.ask("GET", "/v1/bindings?offset=1")).body).toHaveLength(0);
  const path = `/v1/bindings/${encodeURIComponent("zoë@example.com")}`;
  expect((await api.ask("DELETE", `${path}?contact=sip:other@127.0.0.1`)).status).toBe(404);
  expect((await api.ask("DELETE", path)).status).toBe(204);
  expect((await api.ask("DELETE", path)).status).toBe(404);
  expect(types()).toEqual(["registration.added", "registration.removed"]);
  phone.close();
});

test("a stream ends when its key does not count any more", async () => {
  const headers = { Authorization: "Bearer only-for-reading" };
  const response = await fetch(`${api.url}/v1/events`, { headers });
  await followers(1);
  api.use([adminKey, "only-for-reading-on"]);
  // It had one scope, and there is no such key now: the stream is over.
  await response.text();
  await followers(0);
  expect((await fetch(`${api.url}/v1/events`, { headers })).status).toBe(401);
});
