/** SIPWS's requests beside a configuration: where they are taken, with which keys, and what strangers get. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type ApiServer, openApiServer } from "./api-server.ts";

const keys = ["admin", "accounts", "read", "calls"].map((scope) => `{ key: key-of-${scope}, scopes: [${scope}] }`);
let server: ApiServer;
const others: ApiServer[] = [];
beforeAll(async () => {
  server = await openApiServer(
    `accounts: store\ncontrol: { listen: 127.0.0.1:0, sipws: true, requests_per_second: 0, keys: [${keys.join(", ")}] }`,
  );
});
afterEach(async () => {
  for (const other of others.splice(0)) await other.close();
});
afterAll(() => server.close());

interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(path: string, body?: object | string, headers: Record<string, string> = {}): Promise<Answered> {
  const response = await fetch(`${server.url}${path}`, {
    ...(body === undefined ? {} : { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }),
    headers,
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : {} };
}

const put = (user: string, key?: string) => ({ q: "put", key, data: [{ o: "+", u: user, k: "secret" }] });

describe("control.sipws", () => {
  test.each(["/", "/sipws"])("takes requests at %s, and the accounts are those of the server", async (path) => {
    const user = `user${path.length}`;
    expect((await ask(path, put(user, "key-of-accounts"))).body).toMatchObject({ q: "put", errorcode: "0" });
    const account = await server.ask("GET", `/v1/accounts/${user}`, undefined, { Authorization: "Bearer key-of-read" });
    expect(account.body).toMatchObject({ user, kept: "store" });
    const list = await ask(path, { q: "list", key: "key-of-accounts" });
    expect(list.body.registry).toContainEqual(expect.objectContaining({ id: user, origin: "registry" }));
  });

  test.each([
    ["put", "key-of-admin", "0"],
    ["put", "key-of-calls", "1"],
    ["put", "key-of-read", "1"],
    ["stop", "key-of-accounts", "1"],
    ["stop", "key-of-admin", "0"],
    ["start", "key-of-admin", "0"],
  ])("%s with %s is errorcode %s", async (q, key, errorcode) => {
    expect((await ask("/sipws", { q, key, data: [] })).body).toMatchObject({ q, errorcode });
  });

  test("a key in the header is as good as one in the body", async () => {
    const header = { authorization: "Bearer key-of-accounts" };
    expect((await ask("/sipws", { q: "list" }, header)).body).toMatchObject({ q: "list", errorcode: "0" });
    expect((await ask("/sipws", put("x"), { authorization: "Bearer key-of-read" })).body).toMatchObject({
      errorcode: "1",
    });
  });

  test("GET takes a key, and only /sipws has it; a page of another site gets nothing", async () => {
    expect(await ask("/sipws")).toMatchObject({ status: 401, body: { code: "no-key" } });
    expect(await ask("/sipws", undefined, { authorization: "Bearer key-of-calls" })).toMatchObject({ status: 403 });
    expect(await ask("/sipws", undefined, { authorization: "Bearer key-of-read" })).toMatchObject({
      ...{ status: 200, body: { data: expect.any(Array), domain: "" } },
    });
    expect((await ask("/", undefined, { authorization: "Bearer key-of-read" })).body).not.toHaveProperty("data");
    const origin = { origin: "http://example.com" };
    expect(await ask("/sipws", { q: "list", key: "key-of-admin" }, origin)).toMatchObject({ status: 403 });
  });

  test("a body that is too large is refused, and other methods", async () => {
    expect(await ask("/sipws", " ".repeat(5_000_000))).toMatchObject({ status: 413, body: { code: "too-large" } });
    expect((await fetch(`${server.url}/sipws`, { method: "PUT" })).status).toBe(405);
  });

  test("who tries keys is slowed down, who has a right one is not, and one wrong key is one guess", async () => {
    const one = await openApiServer(
      "accounts: store\ncontrol: { listen: 127.0.0.1:0, sipws: true, requests_per_second: 0, keys: [the-key-of-the-tests] }",
    );
    others.push(one);
    const guess = async (key: string) =>
      (await fetch(`${one.url}/`, { method: "POST", body: JSON.stringify({ q: "list", key }) })).status;
    const statuses: number[] = [];
    for (let n = 0; n < 12; n++) statuses.push(await guess(`guess-${n}`));
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429, 429]);
    // On this machine everybody may be behind one proxy.
    expect(await guess("the-key-of-the-tests")).toBe(200);
    const lines = one.log.filter((line) => line.includes("a wrong key was given"));
    expect([lines.length, lines.join().includes("guess-")]).toEqual([10, false]);
    expect((await one.ask("GET", "/v1/status")).status).toBe(200);
  });

  test("a program that has a wrong key is told so each time, and logged once", async () => {
    const before = server.log.length;
    for (let n = 0; n < 15; n++) expect((await ask("/", put("x", "mistyped"))).body).toMatchObject({ errorcode: "1" });
    expect(server.log.slice(before).filter((line) => line.includes("wrong key"))).toHaveLength(1);
  });

  test("without keys whoever is on this machine may", async () => {
    const open = await openApiServer("accounts: store\ncontrol: { listen: 127.0.0.1:0, sipws: true }");
    others.push(open);
    const response = await fetch(`${open.url}/`, { method: "POST", body: JSON.stringify(put("x", "any")) });
    expect(await response.json()).toMatchObject({ errorcode: "0" });
  });
});
