/** The HTTP listener: keys, scopes, rates, origins, bounds, and what every answer carries. */
import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { readJson } from "../../src/control/http/body.ts";
import type { Mount } from "../../src/control/http/mount.ts";
import { Rate } from "../../src/control/http/rate.ts";
import { type HttpServer, openHttp } from "../../src/control/http/server.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import { createLog } from "../../src/log.ts";

const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((http) => http.close()));
});

const settings: ControlSettings = {
  listen: [{ host: "127.0.0.1", port: 0 }],
  keys: [
    { name: "all", key: "key-for-everything", scopes: ["admin"] },
    { name: "reader", key: "key-for-reading", scopes: ["read"] },
  ],
  tls: undefined,
  console: false,
  sipws: false,
  requestsPerSecond: 0,
  webhooks: [],
};

const say = (prefix: string, scope: Mount["scope"], text: string): Mount => ({
  prefix,
  scope,
  answer: () => new Response(text),
});

const mounts: Mount[] = [
  say("/", undefined, "root"),
  say("/v1/", "read", "api"),
  say("/v1/admin/", "admin", "admin"),
  say("/metrics", "read", "metrics"),
  { prefix: "/nothing/", scope: undefined, answer: () => undefined },
  {
    prefix: "/fault",
    scope: undefined,
    answer() {
      throw new TypeError("a secret path /etc/x");
    },
  },
  {
    prefix: "/echo",
    scope: undefined,
    async answer(request) {
      const read = await readJson(request, 1000);
      return read instanceof Response ? read : Response.json({ read: read.value });
    },
  },
];

function serve(changes: Partial<ControlSettings> = {}, now?: () => number) {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "pretty", write: (line) => lines.push(line) });
  const http = openHttp({ settings: { ...settings, ...changes }, mounts, log, ...(now && { now }) });
  open.push(http);
  const [url = ""] = http.urls;
  const get = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    await fetch(url + path, { headers, redirect: "manual", ...init });
  return { http, url, get, lines };
}

const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });
const codeOf = async (response: Response): Promise<unknown> => {
  const body: unknown = await response.json();
  return typeof body === "object" && body !== null ? Reflect.get(body, "code") : undefined;
};

describe("keys", () => {
  test.each([
    ["/v1/x", "none", {}, 401],
    ["/v1/x", "a wrong one", bearer("wrong-key-of-nobody"), 401],
    ["/v1/x", "one for reading", bearer("key-for-reading"), 200],
    ["/v1/x", "one in small letters", { Authorization: "bearer  key-for-reading" }, 200],
    ["/v1/x", "Basic", { Authorization: "Basic a2V5LWZvci1yZWFkaW5n" }, 401],
    ["/v1/x", "part of one", { Authorization: "Bearer key-for-readin" }, 401],
    ["/v1/x", "a long one", { Authorization: `Bearer ${"k".repeat(4000)}` }, 401],
    ["/v1/admin/x", "one for reading", bearer("key-for-reading"), 403],
    ["/v1/admin/x", "one for all", bearer("key-for-everything"), 200],
    ["/metrics", "none", {}, 401],
    ["/", "none", {}, 200],
    ["/", "a wrong one", bearer("wrong-key-of-nobody"), 401],
  ] as const)("%s with key: %s", async (path, _, headers, status) => {
    const { get } = serve();
    const response = await get(path, { ...headers });
    expect(response.status).toBe(status);
    if (status === 401) expect(response.headers.get("www-authenticate")).toStartWith("Bearer");
  });

  test("are not asked for where none are configured", async () => {
    const { get } = serve({ keys: [] });
    expect((await get("/v1/admin/x")).status).toBe(200);
  });

  test("never stand in the log, and who tries many is made to wait", async () => {
    let now = 0;
    const { get, lines } = serve({}, () => now);
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push((await get("/v1/x", bearer(`guess-number-${i}`))).status);
    expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
    // On this machine everybody behind a proxy has one address: who has a key is not locked out by others' guesses.
    expect((await get("/v1/x", bearer("key-for-reading"))).status).toBe(200);
    now += 60_000;
    expect((await get("/v1/x", bearer("guess-number-12"))).status).toBe(401);
    expect(lines.join("\n")).not.toContain("guess-number");
    expect(lines.filter((line) => line.includes("a wrong key was given"))).toHaveLength(11);
  });

  test("that are wrong again and again are one guess", async () => {
    const { get, lines } = serve();
    const statuses = await Promise.all(
      Array.from({ length: 30 }, async () => (await get("/v1/x", bearer("mistyped-key"))).status),
    );
    expect(statuses).toEqual(Array(30).fill(401));
    expect(lines).toHaveLength(1);
  });

  test("are taken over anew", async () => {
    const { get, http } = serve();
    http.use({ ...settings, keys: [{ name: "new", key: "the-new-key", scopes: ["read"] }] });
    expect((await get("/v1/x", bearer("key-for-reading"))).status).toBe(401);
    expect((await get("/v1/x", bearer("the-new-key"))).status).toBe(200);
  });
});

describe("parts", () => {
  test.each([
    ["/metrics", "metrics"],
    ["/v1/a/b", "api"],
    ["/v1/admin/b", "admin"],
    ["/console.js", "root"],
    ["/nothing/x", "root"],
    ["/metricsx", "root"],
  ] as const)("%s is answered by the one with the longest prefix: %s", async (path, text) => {
    const { get } = serve();
    expect(await (await get(path, bearer("key-for-everything"))).text()).toBe(text);
  });

  test("what none has is told as such", async () => {
    const { get } = serve({}, undefined);
    expect((await get("/fault")).status).toBe(500);
    const lone = openHttp({
      settings,
      mounts: [],
      log: createLog({ level: "error", format: "json", write: () => {} }),
    });
    open.push(lone);
    const response = await fetch(`${lone.urls[0]}/x`);
    expect(response.status).toBe(404);
    expect(await codeOf(response)).toBe("not-found");
  });
});

describe("every answer", () => {
  test.each(["/", "/v1/x", "/fault", "/missing"])(
    "of %s has the headers that keep browsers from mischief",
    async (path) => {
      const { get } = serve();
      const { headers } = await get(path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("access-control-allow-origin")).toBeNull();
    },
  );

  test("to a fault of ours tells nothing of it but in the log", async () => {
    const { get, lines } = serve();
    const response = await get("/fault");
    expect(await response.text()).not.toContain("secret path");
    expect(lines.join("\n")).toContain("secret path");
  });
});

describe("pages of other sites", () => {
  test.each([
    ["another origin", { Origin: "https://evil.example" }, 403],
    ["the origin null", { Origin: "null" }, 403],
    ["a name of theirs for us", { Host: "rebound.example" }, 403],
    ["no origin", {}, 200],
  ] as const)("with %s", async (_, headers, status) => {
    const { get } = serve({ keys: [] });
    expect((await get("/v1/x", { ...headers })).status).toBe(status);
  });

  test("our own page may ask", async () => {
    const { get, url } = serve({ keys: [] });
    expect((await get("/v1/x", { Origin: url })).status).toBe(200);
  });

  test("with keys the server may have a name", async () => {
    const { get } = serve();
    expect((await get("/v1/x", { Host: "pbx.example.com", ...bearer("key-for-reading") })).status).toBe(200);
  });
});

describe("rates", () => {
  test("are kept for each address", async () => {
    let now = 0;
    const { get } = serve({ requestsPerSecond: 5 }, () => now);
    const statuses = await Promise.all(Array.from({ length: 13 }, async () => (await get("/")).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    const limited = await get("/");
    expect(limited.status).toBe(429);
    expect(limited.headers.get("retry-after")).toBe("1");
    now += 1000;
    expect((await get("/")).status).toBe(200);
  });

  test("forget addresses when there are too many of them", () => {
    const rate = new Rate({ perSecond: 1, burst: 1, now: () => 0, most: 3 });
    const taken = ["a", "b", "c", "d", "a", "d"].map((source) => rate.take(source));
    expect(taken).toEqual([true, true, true, true, true, false]);
  });
});

describe("bodies", () => {
  const post = (body: string, type = "application/json") => ({
    init: { method: "POST", body, headers: { "Content-Type": type } },
  });
  test.each([
    ["is JSON", post('{"a":1}'), 200, undefined],
    ["is empty", post(""), 200, undefined],
    ["is no JSON", post("{"), 400, "bad-request"],
    ["is of another type", post("{}", "text/plain"), 415, "wrong-type"],
    ["is nested deep", post(`${"[".repeat(40)}${"]".repeat(40)}`), 400, "bad-request"],
    ["has brackets in its texts", post(JSON.stringify(["[{".repeat(100), '\\"[['.repeat(40)])), 200, undefined],
    ["is too large", post(JSON.stringify("x".repeat(2000))), 413, "too-large"],
  ] as const)("one that %s", async (_, { init }, status, code) => {
    const { url } = serve();
    const response = await fetch(`${url}/echo`, init);
    expect(response.status).toBe(status);
    if (code !== undefined) expect(await codeOf(response)).toBe(code);
  });

  test("one without a length is bounded, too", async () => {
    const { url } = serve();
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode("x".repeat(500)));
        if (++sent === 10) controller.close();
      },
    });
    let sent = 0;
    const response = await fetch(`${url}/echo`, {
      method: "POST",
      body,
      headers: { "Content-Type": "application/json" },
    });
    expect(response.status).toBe(413);
  });
});

test("an address that is taken is told by name", () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = taken;
  expect(() => serve({ listen: [{ host: "127.0.0.1", port }] })).toThrow(`127.0.0.1:${port} cannot be listened on`);
  taken.stop();
});

test("a client that goes away in the middle of its body is no fault of the server", async () => {
  const log: string[] = [];
  const reached = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<unknown>();
  const http = openHttp({
    settings,
    log: createLog({ level: "debug", format: "pretty", write: (line) => log.push(line) }),
    mounts: [
      {
        prefix: "/body",
        scope: undefined,
        async answer(request) {
          reached.resolve();
          const read = await readJson(request);
          answered.resolve(read);
          return read instanceof Response ? read : new Response("whole");
        },
      },
    ],
  });
  open.push(http);
  const { port } = new URL(http.urls[0] ?? "");
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(
    "POST /body HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
  );
  await reached.promise;
  socket.destroy();
  expect(await answered.promise).toBeInstanceOf(Response);
  expect(log).toEqual([]);
});
