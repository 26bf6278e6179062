/**
 * The API's document is a right OpenAPI document, and it is true: requests made from it, right and wrong ones, get answers that it
 * names, of the shapes that it says, and never a fault.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { apiOperations } from "../../src/control/api/index.ts";
import type { Operation } from "../../src/control/api/operation.ts";
import { Problem } from "../../src/control/api/schemas.ts";
import { feedTypes } from "../../src/control/feed-events.ts";
import { createLog } from "../../src/log.ts";
import { LogTail } from "../../src/log-tail.ts";
import { below, pick, seeded } from "../support/random.ts";
import { type ApiServer, control, openApiServer } from "./api-server.ts";

let api: ApiServer;
let document: Readonly<Record<string, unknown>>;
let operations: readonly Operation[];

beforeAll(async () => {
  api = await openApiServer(
    `accounts: store\nroutes: [{ to: "echo@*", script: echo.js }, { to: "*", reply: 486 }]\nscripts: { allow: { write: [recordings] } }\ndns: { servers: ["127.0.0.1:1"], timeout: 100ms }\n${control}`,
    {
      "echo.js": "export default async (call) => { await call.answer(); for await (const event of call); };",
      "recordings/a.wav": "RIFF",
    },
  );
  document = (await api.ask("GET", "/v1/openapi.json")).body;
  const history = { view: () => ({}) };
  operations = apiOperations({
    server: api.server,
    lifecycle: { stage: "serving", reload: async () => api.reloads.answer, stop() {} },
    log: createLog({ level: "error", format: "json", write: () => {} }),
    logs: new LogTail(),
    // Nothing is run here: what an operation takes and gives is looked at.
    history: history as never,
  });
});
afterAll(async () => await api.close());

describe("the document", () => {
  test("is OpenAPI 3.1 by its schema", async () => {
    const result = await new Validator().validate(structuredClone(document) as Record<string, unknown>);
    expect([result.valid, result.errors]).toEqual([true, undefined]);
  });

  test("is given to whoever asks", async () => {
    expect((await fetch(`${api.url}/v1/openapi.json`)).status).toBe(200);
  });

  test("refers only to what it has", () => {
    const text = JSON.stringify(document);
    const known = Object.keys(Object(Reflect.get(Object(document.components), "schemas")));
    const named = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? "");
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
    expect(text).not.toContain("errorMessage");
  });

  test("names every event, and every command", () => {
    const text = JSON.stringify(document);
    const missing = [...feedTypes, ...api.server.operator.calls.vocabulary.map(({ name }) => name)].filter(
      (name) => !text.includes(`"const":"${name}"`),
    );
    expect(missing).toEqual([]);
  });

  test("names operations, tags and summaries once each", () => {
    const ids = operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = new Set(Object(document).tags.map(({ name }: { name: string }) => name));
    expect(operations.filter(({ tag }) => !tags.has(tag)).map(({ id }) => id)).toEqual([]);
  });
});

/** The type of a feed's event as its schema: what the feed tells is what the document says. */
test("what the feed tells has the shapes of the document", async () => {
  const heard: unknown[] = [];
  const stop = api.server.feed.subscribe({ heard: ({ json }) => heard.push(JSON.parse(json)) });
  await api.ask("POST", "/v1/bans", { source: "203.0.113.77", seconds: 60 });
  await api.ask("DELETE", "/v1/bans/203.0.113.77");
  await api.ask("POST", "/v1/accounts", { user: "dora", password: "x" });
  await api.ask("DELETE", "/v1/accounts/dora");
  const { body } = await api.ask("POST", "/v1/calls", { to: `sip:echo@127.0.0.1:${api.port}`, ref: "r" });
  await api.ask("DELETE", `/v1/calls/${body.id}`);
  for (let i = 0; i < 500 && api.server.calls.size > 0; i++) await new Promise((r) => setTimeout(r, 5));
  stop();
  const stream = operations.find(({ id }) => id === "streamEvents")?.answers[200]?.schema;
  expect(heard.length).toBeGreaterThan(6);
  for (const event of heard) expect(faultOf(stream, event)).toBeUndefined();
});

describe("requests made from the document get an answer that it names", () => {
  const rounds = 25;
  const tried = () => operations.filter(({ id }) => id !== "stopServer");

  test.each([1, 2])(
    "with seed %d",
    async (seed) => {
      const random = seeded(seed);
      const wrong: string[] = [];
      const { body } = await api.ask("POST", "/v1/calls", { to: `sip:echo@127.0.0.1:${api.port}` });
      likely.id = String(body.id);
      likely.to = `sip:echo@127.0.0.1:${api.port}`;
      // What ends calls comes last: the others are to find one.
      const inOrder = [...tried()].sort((a, b) => Number(a.id === "hangUp") - Number(b.id === "hangUp"));
      for (const operation of inOrder)
        await Promise.all(
          Array.from({ length: rounds }, async () => {
            const { path, body } = requestFor(operation, random);
            const fault = await faultOfAnswer(operation, path, body);
            if (fault !== undefined) wrong.push(`${operation.id} ${path} ${JSON.stringify(body)}: ${fault}`);
          }),
        );
      expect(wrong).toEqual([]);
      api.server.calls.endAll();
    },
    60_000,
  );
});

async function faultOfAnswer(operation: Operation, path: string, body: unknown): Promise<string | undefined> {
  const abort = new AbortController();
  const response = await fetch(api.url + path, {
    method: operation.method,
    headers: {
      Authorization: "Bearer the-key-of-the-tests",
      ...(body !== undefined && { "Content-Type": "application/json" }),
    },
    ...(body !== undefined && {
      body: typeof body === "string" ? body : JSON.stringify(body),
    }),
    signal: abort.signal,
  });
  const { status, headers } = response;
  const type = headers.get("content-type") ?? "";
  if (type === "text/event-stream") {
    abort.abort();
    return undefined;
  }
  const text = await response.text();
  if (status >= 500) return `${status} ${text}`;
  if (type === "application/problem+json") return faultOf(Problem, JSON.parse(text));
  const answer = operation.answers[status];
  if (answer === undefined) return `${status} is not documented`;
  return answer.schema !== undefined && /json/.test(type) ? faultOf(answer.schema, JSON.parse(text)) : undefined;
}

function faultOf(schema: TSchema | undefined, value: unknown): string | undefined {
  if (schema === undefined) return "there is no schema";
  if (Value.Check(schema, value)) return undefined;
  const first = Value.Errors(schema, value).First();
  return `${first?.path} ${first?.message} ${JSON.stringify(value)}`;
}

/** A request that is right but for what chance does to it. */
function requestFor(operation: Operation, random: () => number): { path: string; body: unknown } {
  const params = operation.path.replace(/\{(\w+)\+?\}/g, (_, name: string) =>
    encodeURIComponent(String(memberFor(name, operation.params?.properties[name], random))),
  );
  const query = Object.entries(operation.query?.properties ?? {}).flatMap(([name, schema]) =>
    name === "wait"
      ? [[name, String(shortest)] as [string, string]]
      : random() < 0.5
        ? []
        : [[name, String(valueFor(schema, random))] as [string, string]],
  );
  const path = `${params}${query.length > 0 ? `?${new URLSearchParams(query)}` : ""}`;
  if (operation.body === undefined) return { path, body: undefined };
  if (random() < 0.05) return { path, body: pick(random, ["{", "null", '"', "[[[[", "{}", "[]", "7"]) };
  if (random() < 0.2 && operation.example !== undefined) return { path, body: operation.example };
  return { path, body: valueFor(operation.body, random) };
}

/** ms: nobody waits here for a command to end. */
const shortest = 20;

const words = [
  ...[
    "echo",
    "alice",
    "sip:echo@127.0.0.1",
    "example.com",
    "203.0.113.5",
    "recordings/a.wav",
    "1",
    "",
    " ",
    "..",
    "%00",
  ],
  ...[
    "a\r\nb: c",
    "\u{1f600}",
    "é",
    "constructor",
    "__proto__",
    "../../etc/passwd",
    "x".repeat(3000),
    "-1",
    "1e9",
    "null",
  ],
];
const values: readonly unknown[] = [null, true, -1, 0.5, 1e300, "", [], {}, [[]], { a: { b: [] } }, ...words];

/** What members of these names are to be, more often than chance would have it. */
const likely: Record<string, string> = {};

function memberFor(name: string, schema: TSchema | undefined, random: () => number, depth = 0): unknown {
  const good = Object.hasOwn(likely, name) ? likely[name] : undefined;
  return good !== undefined && random() < 0.7 ? good : valueFor(schema, random, depth);
}

function valueFor(schema: TSchema | undefined, random: () => number, depth = 0): unknown {
  if (schema === undefined || random() < 0.1 || depth > 6) return pick(random, values);
  if (Array.isArray(schema.enum)) return pick(random, schema.enum);
  if (Array.isArray(schema.anyOf)) return valueFor(pick(random, schema.anyOf), random, depth + 1);
  if ("const" in schema) return schema.const;
  switch (schema.type) {
    case "integer":
    case "number": {
      const { minimum = 0, maximum = 1000 } = schema;
      return pick(random, [minimum, maximum, minimum + below(random, 100), maximum + 1, minimum - 1]);
    }
    case "boolean":
      return random() < 0.5;
    case "array":
      return Array.from({ length: below(random, 4) }, () => valueFor(schema.items, random, depth + 1));
    case "object": {
      const required = new Set<string>(schema.required ?? []);
      const members = Object.entries<TSchema>(schema.properties ?? {}).flatMap(([name, member]) => {
        if (random() > (required.has(name) ? 0.95 : 0.4)) return [];
        return [[name, memberFor(name, member, random, depth + 1)]];
      });
      return Object.fromEntries(random() < 0.1 ? [...members, [pick(random, words), 1]] : members);
    }
    default:
      return pick(random, words);
  }
}
