/** The HTTP API over a whole server: accounts, calls, routes, recordings, bans and the server itself. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Answered, type ApiServer, control, openApiServer } from "./api-server.ts";

const yaml = `
accounts: store
routes:
  - { to: "echo@*", script: scripts/echo.js }
  - { to: "/^00(\\\\d+)@/", method: INVITE, auth: true, script: scripts/echo.js }
  - { to: "ivr@*", exec: [./ivr.sh, --fast] }
  - { to: "desk@*", events: true }
  - { to: "*@elsewhere.example", proxy: "sip:192.0.2.1" }
  - { to: "*", method: OPTIONS, reply: 200 }
  - { to: "*@example.com", from: "alice@*", location: true }
scripts: { allow: { write: [recordings], read: [sounds] } }
${control}`;

const files = {
  "scripts/echo.js": "export default async (call) => { await call.answer(); for await (const event of call); };",
  // It tells what it was given by what it makes of the call.
  "scripts/told.js":
    "export default async (call) => { for await (const event of call) if (event.type === 'connected') { await call.dtmf(call.variables.keys); await call.hangup(); } };",
  "ivr.sh": "#!/bin/sh\n",
  "recordings/one.wav": "RIFF and so on, 26 octets.",
  "recordings/day/two.wav": "RIFF",
  "recordings/notes.txt": "not for listening",
  "private/three.wav": "RIFF",
  "sounds/hello.wav": "RIFF",
};

let api: ApiServer;
beforeAll(async () => {
  api = await openApiServer(yaml, files);
});
afterAll(async () => await api.close());

const as = (key: string) => ({ Authorization: `Bearer ${key}` });

/** Asks until the answer is as it should be. */
async function eventually(ask: () => Promise<Answered>, so: (answered: Answered) => boolean): Promise<Answered> {
  for (let i = 0; ; i++) {
    const answered = await ask();
    if (so(answered) || i === 500) return answered;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("accounts", () => {
  test("are added, shown without secrets, edited and removed", async () => {
    const added = await api.ask("POST", "/v1/accounts", { user: "alice", password: "wonderland", name: "Alice" });
    expect([added.status, added.body]).toMatchObject([
      201,
      { user: "alice", name: "Alice", disabled: false, kept: "store" },
    ]);
    expect((await api.ask("POST", "/v1/accounts", { user: "alice", password: "other" })).status).toBe(200);
    expect((await api.ask("PATCH", "/v1/accounts/alice", { name: "Alice L.", disabled: true })).body).toMatchObject({
      name: "Alice L.",
      disabled: true,
    });
    const listed = await api.ask("GET", "/v1/accounts?q=ALI");
    expect(listed.body).toMatchObject([{ user: "alice" }]);
    expect(JSON.stringify(listed.body)).not.toMatch(/wonderland|other|ha1/);
    expect((await api.ask("DELETE", "/v1/accounts/alice")).status).toBe(204);
    expect((await api.ask("GET", "/v1/accounts/alice")).status).toBe(404);
  });

  test("change together or not at all", async () => {
    const put = (user: string, password: string) => ({ change: "put", account: { user, password } });
    const refused = await api.ask("POST", "/v1/accounts/changes", [
      put("bob", "b"),
      { change: "remove", user: "nobody" },
    ]);
    expect(refused).toMatchObject({ status: 404, body: { wrong: [{ at: "/1" }] } });
    expect((await api.ask("GET", "/v1/accounts")).body).toHaveLength(0);
    const done = await api.ask("POST", "/v1/accounts/changes", [put("bob", "b"), put("carol", "c")]);
    expect(done.body).toMatchObject({ added: 2, changed: 0, removed: 0 });
    const edited = await api.ask("POST", "/v1/accounts/changes", [
      { change: "edit", user: "bob", account: { name: "Bob", disabled: true } },
      { change: "remove", user: "carol" },
    ]);
    expect(edited.body).toEqual({ added: 0, changed: 1, removed: 1 } as never);
    expect((await api.ask("GET", "/v1/accounts/bob")).body).toMatchObject({ name: "Bob", disabled: true });
  });

  test.each([
    ["a key for reading", "only-for-reading", 403],
    ["a key for calls", "only-for-calls", 403],
    ["a key for accounts", "only-for-accounts", 201],
  ] as const)("are added with %s: %d", async (_, key, status) => {
    expect((await api.ask("POST", "/v1/accounts", { user: `by-${status}`, password: "x" }, as(key))).status).toBe(
      status,
    );
  });

  test.each([
    ["no user", { password: "x" }, "/user", "missing"],
    ["an unknown field", { user: "a", pasword: "x" }, "/pasword", "nexpected"],
    ["a hash of the wrong length", { user: "a", ha1: "00" }, "/ha1", "32 hexadecimal"],
    ["a list", [], "/", "bject"],
  ] as const)("with %s are refused, with what is wrong", async (_, body, at, message) => {
    const answered = await api.ask("POST", "/v1/accounts", body);
    expect(answered).toMatchObject({ status: 422, body: { code: "invalid", wrong: [{ at }] } });
    expect(JSON.stringify(answered.body)).toContain(message);
  });
});

describe("calls", () => {
  const order = () => ({ to: `sip:echo@127.0.0.1:${api.port}`, ref: "mine" });

  test("are placed, listed, told what to do, and ended", async () => {
    const placed = await api.ask("POST", "/v1/calls", order());
    expect(placed).toMatchObject({ status: 201, body: { direction: "outgoing", state: "ringing", handler: "api" } });
    const { id, callId } = placed.body;
    const up = await eventually(
      () => api.ask("GET", `/v1/calls/${id}`),
      ({ body }) => body.state === "answered",
    );
    expect(up.body).toMatchObject({ id, callId, state: "answered", codec: "PCMU", security: "none" });
    const both = await api.ask("GET", "/v1/calls");
    expect(both.body).toHaveLength(2);
    expect(both.body.find(({ direction }) => direction === "incoming")).toMatchObject({ handler: "scripts/echo.js" });
    const told = await api.ask("POST", `/v1/calls/${id}/commands?wait=10000`, { command: "DTMF", digits: "42" });
    expect(told).toMatchObject({ status: 200, body: { done: true, ok: true } });
    const later = await api.ask("POST", `/v1/calls/${id}/commands?wait=0`, { command: "GATHER", timeout: 60_000 });
    expect(later).toMatchObject({ status: 202, body: { done: false } });
    expect((await api.ask("DELETE", `/v1/calls/${id}`)).status).toBe(200);
    const over = await eventually(
      () => api.ask("GET", "/v1/calls"),
      ({ body }) => body.length === 0,
    );
    expect(over.body).toHaveLength(0);
    expect((await api.ask("GET", `/v1/calls/${id}`)).status).toBe(404);
  });

  test("are handled by a script that is given variables", async () => {
    const before = api.server.feed.last;
    const placed = await api.ask("POST", "/v1/calls", {
      ...order(),
      script: "scripts/told.js",
      variables: { keys: "123" },
    });
    expect(placed.status).toBe(201);
    await eventually(
      () => api.ask("GET", "/v1/calls"),
      ({ body }) => body.length === 0,
    );
    const events = api.server.feed.read(before, 100).map(({ json }) => JSON.parse(json));
    expect(events[0]).toMatchObject({ type: "call.began", data: { ref: "mine", handler: "scripts/told.js" } });
    const pressed = events.filter(({ data }) => data.event === "DTMF");
    // Three keys, none of which is told.
    expect(pressed.map(({ data }) => data.args.digit)).toEqual(["*", "*", "*"]);
  });

  test.each([
    ["a script outside of the folder", { script: "/etc/x.js" }, 403],
    ["a script above the folder", { script: "../x.js" }, 403],
    ["a file that is no script", { script: "ivr.sh" }, 403],
    ["a program that no route names", { exec: ["/bin/sh", "-c", "id"] }, 403],
    ["a program with other arguments", { exec: ["./ivr.sh", "--slow"] }, 403],
    ["two handlers", { exec: ["./ivr.sh", "--fast"], script: "scripts/echo.js" }, 422],
    ["a trunk that is not there", { trunk: "nowhere" }, 422],
    ["a header with a line break", { headers: { "X-A": "b\r\nC: d" } }, 422],
    ["a header that is SIP's own", { headers: { Via: "x" } }, 422],
    ["a variable with a wrong name", { variables: { "a b": "c" } }, 422],
    ["a member that is unknown", { srcipt: "scripts/echo.js" }, 422],
  ] as const)("with %s are not placed", async (_, more, status) => {
    const answered = await api.ask("POST", "/v1/calls", { ...order(), ...more });
    expect([answered.status, answered.body.detail]).toEqual([status, expect.any(String)]);
    expect(api.server.calls.size).toBe(0);
  });

  test.each([
    ["an unknown command", { command: "EXPLODE" }, 422, "one of RINGING"],
    ["no command", {}, 422, "one of RINGING"],
    ["a missing argument", { command: "PLAY" }, 422, "missing"],
    ["an unknown argument", { command: "HANGUP", now: true }, 422, "now"],
    ["a wrong argument", { command: "DTMF", digits: "xyz" }, 422, "digits"],
    ["a file that scripts may not read", { command: "PLAY", file: "/etc/passwd" }, 403, "may not be read"],
    ["a file that scripts may not write", { command: "RECORD", file: "scripts/echo.js" }, 403, "may not be written"],
    ["a file that climbs", { command: "RECORD", file: "recordings/../x.wav" }, 403, "climbs"],
  ] as const)("are not given %s", async (_, body, status, words) => {
    const placed = await api.ask("POST", "/v1/calls", order());
    const answered = await api.ask("POST", `/v1/calls/${placed.body.id}/commands`, body);
    expect(answered.status).toBe(status);
    expect(String(answered.body.detail)).toContain(words);
    await api.ask("DELETE", `/v1/calls/${placed.body.id}`);
    await eventually(
      () => api.ask("GET", "/v1/calls"),
      ({ body: calls }) => calls.length === 0,
    );
  });

  test("that come in by a route for events are told what to do by who follows these", async () => {
    const desk = { ...order(), to: `sip:desk@127.0.0.1:${api.port}` };
    const before = api.server.feed.last;
    await api.ask("POST", "/v1/calls", desk);
    const ends = () => api.server.feed.read(before, 100).filter(({ type }) => type === "call.ended");
    await eventually(
      () => api.ask("GET", "/v1/status"),
      () => ends().length === 1,
    );
    // Nobody follows.
    expect(JSON.parse(ends()[0]?.json ?? "").data.code).toBe(480);
    const stop = api.server.feed.subscribe({ heard() {} });
    const placed = await api.ask("POST", "/v1/calls", desk);
    const incoming = (body: Answered["body"]) => body.find(({ handler }) => handler === "events");
    const both = await eventually(
      () => api.ask("GET", "/v1/calls"),
      ({ body }) => incoming(body) !== undefined,
    );
    const told = await api.ask("POST", `/v1/calls/${incoming(both.body)?.id}/commands`, { command: "ANSWER" });
    expect(told.body).toMatchObject({ done: true, ok: true });
    await eventually(
      () => api.ask("GET", `/v1/calls/${placed.body.id}`),
      ({ body }) => body.state === "answered",
    );
    expect((await api.ask("DELETE", `/v1/calls/${placed.body.id}`)).body).toMatchObject({ ok: true });
    stop();
    await eventually(
      () => api.ask("GET", "/v1/calls"),
      ({ body }) => body.length === 0,
    );
  });

  test("are nobody's to place who may only read", async () => {
    expect((await api.ask("POST", "/v1/calls", order(), as("only-for-reading"))).status).toBe(403);
    expect((await api.ask("GET", "/v1/calls", undefined, as("only-for-accounts"))).status).toBe(403);
  });
});

describe("a dry run of the routes", () => {
  test.each([
    ["a user", { to: "echo" }, "route", 0],
    ["a number, with groups", { to: "0049123" }, "route", 1],
    ["a number, by another method", { to: "0049123", method: "MESSAGE" }, "refuse", undefined],
    ["a user at another domain", { to: "echo@other.example" }, "refuse", undefined],
    ["a domain that is proxied", { to: "sip:x@elsewhere.example" }, "route", 4],
    ["a method", { to: "x", method: "OPTIONS" }, "route", 5],
    ["a caller", { to: "bob", from: "alice" }, "route", 6],
    ["another caller", { to: "bob", from: "eve" }, "refuse", undefined],
    ["a registration", { to: "sip:example.com", method: "REGISTER" }, "register", undefined],
  ] as const)("of %s", async (_, question, outcome, index) => {
    const { status, body } = await api.ask("POST", "/v1/routes/test", question);
    expect(status).toBe(200);
    expect([body.outcome, Reflect.get(Object(body.route), "index")]).toEqual([outcome, index]);
  });

  test("tells groups, passwords, and why the routes before do not take it", async () => {
    const { body } = await api.ask("POST", "/v1/routes/test", { to: "0049123" });
    expect(body).toMatchObject({
      groups: ["0049123@", "49123"],
      says: "once the caller has proved who it is, the script scripts/echo.js handles it",
      passed: [{ index: 0, why: "to does not match" }],
    });
    expect((await api.ask("POST", "/v1/routes/test", { to: "sip:a b" })).status).toBe(422);
    expect((await api.ask("POST", "/v1/routes/test", { to: "a", trunk: "none" })).status).toBe(404);
  });

  test("names what the configuration has", async () => {
    const { body } = await api.ask("GET", "/v1/routes");
    expect(body.map(({ action, target }) => [action, target])).toEqual([
      ["script", "scripts/echo.js"],
      ["script", "scripts/echo.js"],
      ["exec", "ivr.sh …"],
      ["events", ""],
      ["proxy", "sip:192.0.2.1"],
      ["reply", "200"],
      ["location", ""],
    ]);
  });
});

describe("recordings", () => {
  test("are listed where scripts may write, and nowhere else", async () => {
    symlinkSync(join(api.folder, "private"), join(api.folder, "recordings", "link"));
    symlinkSync(join(api.folder, "private", "three.wav"), join(api.folder, "recordings", "link.wav"));
    const { body } = await api.ask("GET", "/v1/recordings");
    expect(body.map(({ name }) => name).sort()).toEqual(["recordings/day/two.wav", "recordings/one.wav"]);
  });

  test.each([
    ["private/three.wav"],
    ["recordings/link.wav"],
    ["recordings/link/three.wav"],
    ["recordings/../private/three.wav"],
    ["recordings/notes.txt"],
    ["recordings"],
    ["/etc/passwd"],
    ["recordings/one.wav\0.wav"],
    ["sounds/hello.wav"],
  ])("%p is none", async (name) => {
    expect((await api.ask("GET", `/v1/recordings/${encodeURIComponent(name)}`)).status).toBeOneOf([404, 422]);
    expect((await api.ask("DELETE", `/v1/recordings/${encodeURIComponent(name)}`)).status).toBeOneOf([404, 422]);
  });

  test("are fetched whole and in part", async () => {
    const path = "/v1/recordings/recordings/one.wav";
    const whole = await api.ask("GET", path);
    expect([whole.status, whole.headers.get("content-type")]).toEqual([200, "audio/wav"]);
    for (const [range, status, text] of [
      ["bytes=0-3", 206, "RIFF"],
      ["bytes=22-", 206, "ets."],
      ["bytes=-4", 206, "ets."],
      ["bytes=5-900", 206, "and so on, 26 octets."],
    ] as const) {
      const part = await api.ask("GET", path, undefined, { Range: range });
      expect([part.status, String(part.body)]).toEqual([status, text]);
    }
    expect((await api.ask("GET", path, undefined, { Range: "bytes=99-" })).status).toBe(416);
    expect((await api.ask("GET", "/v1/recordings/recordings%2Fone.wav")).status).toBe(200);
  });

  test("are deleted", async () => {
    const file = join(api.folder, "recordings", "gone.wav");
    writeFileSync(file, "RIFF");
    expect(
      (await api.ask("DELETE", "/v1/recordings/recordings/gone.wav", undefined, as("only-for-reading"))).status,
    ).toBe(403);
    expect((await api.ask("DELETE", "/v1/recordings/recordings/gone.wav")).status).toBe(204);
    expect(existsSync(file)).toBe(false);
  });
});

describe("the server", () => {
  test("bans and unbans", async () => {
    expect((await api.ask("POST", "/v1/bans", { source: "203.0.113.9", seconds: 60 })).status).toBe(204);
    expect((await api.ask("GET", "/v1/bans")).body).toMatchObject([{ source: "203.0.113.9", why: "an operator" }]);
    expect((await api.ask("DELETE", "/v1/bans/203.0.113.9")).status).toBe(204);
    expect((await api.ask("DELETE", "/v1/bans/203.0.113.9")).status).toBe(404);
    expect((await api.ask("POST", "/v1/bans", { source: "127.0.0.1" })).status).toBe(403);
    expect((await api.ask("POST", "/v1/bans", { source: "somebody" })).status).toBe(422);
    await api.ask("POST", "/v1/bans", { source: "2001:db8::1" });
    const [{ source } = { source: "" }] = (await api.ask("GET", "/v1/bans")).body;
    expect((await api.ask("DELETE", `/v1/bans/${source}`)).status).toBe(204);
  });

  test("notes in its log who changed what, and not what was sent", async () => {
    await api.ask("POST", "/v1/accounts", { user: "noted", password: "unheard-of" }, as("only-for-accounts"));
    await api.ask("GET", "/v1/accounts", undefined, as("only-for-accounts"));
    const lines = api.log.filter((line) => line.includes("key=clerk"));
    expect(lines).toHaveLength(lines.filter((line) => line.includes('what="POST /v1/accounts"')).length);
    expect(lines.at(-1)).toContain("status=201");
    expect(api.log.join("\n")).not.toMatch(/unheard-of|only-for-accounts/);
  });

  test("reads its configuration again, or says what is wrong with it", async () => {
    expect(await api.ask("POST", "/v1/config/reload")).toMatchObject({ status: 200, body: { taken: true } });
    api.reloads.answer = {
      ...api.reloads.answer,
      taken: false,
      problems: [{ message: "there is no key “a” here", file: "/x/siproc.yaml", line: 3, column: 1 }],
    };
    const refused = await api.ask("POST", "/v1/config/reload");
    expect(refused).toMatchObject({ status: 422, body: { wrong: [{ at: "/x/siproc.yaml:3:1" }] } });
    expect((await api.ask("GET", "/v1/config/reload")).status).toBe(405);
    expect(api.reloads.count).toBe(2);
  });

  test("sends texts, and says how that went", async () => {
    const { status, body } = await api.ask("POST", "/v1/messages", {
      to: `sip:nobody@127.0.0.1:${api.port}`,
      text: "hi",
    });
    expect([status, body]).toMatchObject([200, { status: "failed", code: 404 }]);
    expect((await api.ask("POST", "/v1/messages", { to: "nobody at all", text: "hi" })).status).toBe(422);
  });

  test("says how it is to whoever asks, and why only to who may know", async () => {
    expect((await fetch(`${api.url}/v1/health`)).status).toBe(200);
    expect((await fetch(`${api.url}/v1/ready`)).status).toBe(204);
    expect((await fetch(`${api.url}/v1/status`)).status).toBe(401);
    expect((await api.ask("POST", "/v1/server/stop", undefined, as("only-for-calls"))).status).toBe(403);
    expect((await api.ask("POST", "/v1/server/stop")).status).toBe(202);
    const draining = await eventually(
      () => api.ask("GET", "/v1/health"),
      ({ status }) => status === 503,
    );
    expect(draining.body).toMatchObject({ health: "draining", reasons: ["the server is stopping"] });
    expect((await fetch(`${api.url}/v1/health`)).status).toBe(503);
    expect((await fetch(`${api.url}/v1/ready`)).status).toBe(503);
  });
});
