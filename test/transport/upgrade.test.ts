import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { HttpReader } from "../../src/transport/websocket/http.ts";
import { Authority } from "../support/certificates.ts";
import { below, seeded } from "../support/random.ts";
import { upgradeRequest } from "../support/websocket-client.ts";
import { bounded, closeAll, openLayer, tcpPeer } from "./support.ts";

const authority = new Authority();
const certificate = { ...authority.make({ san: "IP:127.0.0.1" }), clients: "none", names: [] } as const;

afterEach(closeAll);
afterAll(() => authority.close());

const listen = ["ws://127.0.0.1:0", "wss://127.0.0.1:0"];

/** The whole answer to what a raw client sends. */
async function answer(port: number, request: string): Promise<string> {
  const peer = await tcpPeer(port);
  let all = "";
  peer.socket.on("data", (chunk) => (all += chunk.toString("latin1")));
  peer.socket.write(request, "latin1");
  await bounded(peer.ended, "end of the connection");
  return all;
}

describe("the upgrade to WebSocket", () => {
  test.each<[string, Record<string, string | undefined>, string | undefined, status: number, says: string]>([
    ["no sub-protocol", { "Sec-WebSocket-Protocol": undefined }, undefined, 400, "ask for the sub-protocol sip"],
    [
      "another sub-protocol",
      { "Sec-WebSocket-Protocol": "chat, sipx" },
      undefined,
      400,
      "ask for the sub-protocol sip",
    ],
    ["an old version", { "Sec-WebSocket-Version": "8" }, undefined, 426, "Sec-WebSocket-Version: 13"],
    ["no version", { "Sec-WebSocket-Version": undefined }, undefined, 426, "version 13"],
    ["no key", { "Sec-WebSocket-Key": undefined }, undefined, 400, "Sec-WebSocket-Key"],
    ["a short key", { "Sec-WebSocket-Key": "abc=" }, undefined, 400, "Sec-WebSocket-Key"],
    ["no Connection", { Connection: "close" }, undefined, 400, "Connection: Upgrade"],
    ["no Host", { Host: undefined }, undefined, 400, "Host"],
    ["POST", {}, "POST / HTTP/1.1", 400, "GET"],
    ["no upgrade at all", { Upgrade: undefined }, undefined, 404, "connect with the sub-protocol sip"],
    ["a folded field", { "X-A": "b\r\n c" }, undefined, 400, "cannot be read"],
    ["a body without end", { "Transfer-Encoding": "chunked" }, undefined, 411, "Content-Length"],
    ["a large body", { "Content-Length": "9999999" }, undefined, 413, "too large"],
    ["a wrong length", { "Content-Length": "-1" }, undefined, 400, "Content-Length"],
    ["a large header", { "X-A": "b".repeat(20_000) }, undefined, 431, "too large"],
    ["no HTTP", {}, "OPTIONS sip:bob@example.com SIP/2.0", 400, "cannot be read"],
    ["an old HTTP", {}, "GET / HTTP/0.9", 400, "cannot be read"],
  ])("with %s is refused", async (_what, changes, start, status, says) => {
    const { layer, closed, port } = await openLayer({ listen, tls: certificate });
    const text = await answer(port("ws"), upgradeRequest(changes, start));
    expect(text).toStartWith(`HTTP/1.1 ${status} `);
    expect(text).toContain(says);
    expect(text).toContain("Connection: close");
    expect([layer.connections, closed.items]).toEqual([0, []]);
  });

  test.each(["\x16\x03\x01", "OPTIONS sip:bob", "hello\r\n"])(
    "of %j, which is no HTTP, is refused at once",
    async (start) => {
      const { layer, port } = await openLayer({ listen, tls: certificate });
      expect(await answer(port("ws"), start)).toContain("no request of HTTP");
      expect(layer.connections).toBe(0);
    },
  );

  test("the answer is the one of RFC 6455 §1.3", async () => {
    const { port } = await openLayer({ listen, tls: certificate });
    const peer = await tcpPeer(port("ws"));
    const offered = "chat, sip";
    peer.socket.write(upgradeRequest({ "Sec-WebSocket-Protocol": offered, upgrade: "WebSocket" }));
    expect(await peer.until("\r\n\r\n")).toBe(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
    );
  });

  test.each<[origin: string | undefined, status: number]>([
    ["https://phone.example.com", 101],
    ["https://PHONE.example.com", 101],
    ["https://evil.example.com", 403],
    ["null", 403],
    [undefined, 101],
  ])("from a page of %s: %d", async (origin, status) => {
    const { port } = await openLayer({ listen, tls: certificate, allowedOrigins: ["https://phone.example.com"] });
    const peer = await tcpPeer(port("ws"));
    peer.socket.write(upgradeRequest({ Origin: origin }));
    expect(await peer.until("\r\n\r\n")).toStartWith(`HTTP/1.1 ${status} `);
  });

  test("from any page where no origins are named", async () => {
    const { port } = await openLayer({ listen, tls: certificate });
    const peer = await tcpPeer(port("ws"));
    peer.socket.write(upgradeRequest({ Origin: "https://anybody.example" }));
    expect(await peer.until("\r\n\r\n")).toStartWith("HTTP/1.1 101 ");
  });
});

describe("requests of HTTP", () => {
  async function curl(url: string, ...options: string[]): Promise<string> {
    const client = Bun.spawn(["curl", "-s", "-i", "--cacert", authority.ca, ...options, url], { stderr: "ignore" });
    return await bounded(client.stdout.text(), "end of curl");
  }

  test.each(["http", "https"] as const)(
    "curl gets the owner's page over %s, or is told what is here",
    async (scheme) => {
      const http = async (request: Request) =>
        new URL(request.url).pathname === "/"
          ? new Response(`<p>${request.method} ${request.url} ${await request.text()}</p>`, {
              headers: { "X-Page": "1" },
            })
          : new Response("lost", { status: 404 });
      const port = async (options: { http?: typeof http }) =>
        (await openLayer({ listen, tls: certificate, ...options })).port(scheme === "http" ? "ws" : "wss");
      const [served, bare] = [await port({ http }), await port({})];
      const page = await curl(`${scheme}://127.0.0.1:${served}/?a=b`);
      expect(page).toStartWith("HTTP/1.1 200 OK\r\n");
      expect(page).toContain("x-page: 1\r\n");
      expect(page).toEndWith(`\r\n\r\n<p>GET ${scheme}://127.0.0.1:${served}/?a=b </p>`);
      expect(await curl(`${scheme}://127.0.0.1:${served}/`, "-d", "x=y")).toEndWith(`:${served}/ x=y</p>`);
      expect(await curl(`${scheme}://127.0.0.1:${served}/other`)).toStartWith("HTTP/1.1 404 ");
      expect(await curl(`${scheme}://127.0.0.1:${bare}/`)).toMatch(/^HTTP\/1.1 404 .*sub-protocol sip/s);
      const refused = await curl(
        `${scheme}://127.0.0.1:${bare}/`,
        "-H",
        "Upgrade: websocket",
        "-H",
        "Connection: Upgrade",
      );
      expect(refused).toStartWith("HTTP/1.1 426 ");
    },
  );

  test("a page of many octets leaves whole", async () => {
    const large = "0123456789".repeat(400_000);
    const { layer, port } = await openLayer({ listen: ["ws://127.0.0.1:0"], http: () => new Response(large) });
    expect((await curl(`http://127.0.0.1:${port("ws")}/`)).endsWith(`\r\n\r\n${large}`)).toBe(true);
    expect(await curl(`http://127.0.0.1:${port("ws")}/`, "--head")).toEndWith("\r\n\r\n");
    expect(layer.connections).toBe(0);
  });

  test.each<[string, () => Response | Promise<Response>]>([
    [
      "throws",
      () => {
        throw new RangeError("no page");
      },
    ],
    ["rejects", () => Promise.reject(new RangeError("no page"))],
  ])("an owner who %s is logged, and answered for", async (_how, http) => {
    const { log, port } = await openLayer({ listen: ["ws://127.0.0.1:0"], http });
    expect(await curl(`http://127.0.0.1:${port("ws")}/`)).toStartWith("HTTP/1.1 500 ");
    expect(log.join("")).toContain("no page");
  });

  test.each([
    ["Host: a b", "GET / HTTP/1.1"],
    ["Host: [::1", "GET //evil.example/ HTTP/1.1"],
    ["Host: @:1", "TRACE / HTTP/1.1"],
    ["X: \xff", "GET /%zz HTTP/1.1"],
  ])("with %s in %s is answered", async (field, start) => {
    const { log, port } = await openLayer({ listen: ["ws://127.0.0.1:0"], http: () => new Response("page") });
    expect(await answer(port("ws"), `${start}\r\n${field}\r\n\r\n`)).toMatch(/^HTTP\/1.1 (200|405) /);
    expect(log).toEqual([]);
  });

  test("octets of any kind are read in bounded time, and never throw", () => {
    const random = seeded(5);
    const valid = Buffer.from(upgradeRequest({ "Content-Length": "3" }));
    const until = performance.now() + 400;
    for (let round = 0; round < 5000 && performance.now() < until; round++) {
      const reader = new HttpReader({ maxHead: 1000, maxBody: 100 });
      const octets = Buffer.concat([valid, Buffer.from("abc")]);
      for (let changes = below(random, 6); changes > 0; changes--)
        octets[below(random, octets.length)] = below(random, 256);
      const cut = below(random, octets.length);
      const first = reader.push(octets.subarray(0, cut));
      if (first === undefined) reader.push(octets.subarray(cut));
      expect(reader.pending).toBeLessThan(1200);
    }
  });
});
