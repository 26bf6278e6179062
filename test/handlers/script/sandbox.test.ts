/** What a script can reach: what `allow` names, its own folder's modules, and nothing of the host. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { isHostAllowed } from "../../../src/handlers/script/net.ts";
import { Bench, Folder } from "./support.ts";

const secret = new Folder();
secret.write("key.txt", "SECRET");
secret.write("evil.ts", "export const evil = 1;");
let ownPort = 0;
const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("OTHER") });
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: async (request) => {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/echo":
        return Response.json({
          method: request.method,
          type: request.headers.get("content-type"),
          body: await request.text(),
        });
      case "/away":
        return Response.redirect(`http://127.0.0.1:${other.port}/`);
      case "/file":
        return new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } });
      case "/loop":
        return Response.redirect(`http://127.0.0.1:${ownPort}/loop`);
      case "/home":
        return Response.redirect("/echo");
      case "/huge":
        return new Response(new Uint8Array(5 * 1024 * 1024));
      default:
        return new Response("hello", { status: 404, headers: { "x-a": "b" } });
    }
  },
});
ownPort = server.port ?? 0;
const here = `http://127.0.0.1:${server.port}`;

const bench = new Bench((folder) => ({
  cpu: 2_000,
  allow: { read: [join(folder.path, "data")], write: [join(folder.path, "out")], net: [`127.0.0.1:${server.port}`] },
}));
bench.folder.write("data/menu.txt", "día");
symlinkSync(join(secret.path, "key.txt"), join(bench.folder.path, "data/link.txt"));
symlinkSync(secret.path, join(bench.folder.path, "linked"));
symlinkSync(join(secret.path, "evil.ts"), join(bench.folder.path, "evil.ts"));

afterAll(async () => {
  await bench.close();
  secret.remove();
  await Promise.all([server.stop(true), other.stop(true)]);
});

describe("modules", () => {
  test.each([
    "bun",
    "bun:ffi",
    "node:fs",
    "fs",
    "yaml",
    "file:///etc/passwd",
    "data:text/javascript,export default 1",
    "https://example.com/x.js",
    "/etc/passwd",
    "../x.ts",
    "./linked/evil.ts",
    "./evil.ts",
    "./data/../../x.ts",
    "",
  ])("import of “%s” is refused, statically and dynamically", async (specifier) => {
    const file = bench.folder.write(
      "static.ts",
      `import * as x from ${JSON.stringify(specifier)};\nexport default () => console.log(x);`,
    );
    expect((await bench.host.check(file)).length).toBe(1);
    const lines = await bench.console(
      `try { await import(${JSON.stringify(specifier)}); console.log("in"); } catch (e) { console.log(e.name, e.message); }`,
    );
    expect(lines).toEqual([`TypeError cannot import ${JSON.stringify(specifier)}`]);
  });

  test("a dynamic import of a file of the folder works", async () => {
    bench.folder.write("part.ts", "export const x: number = 5;");
    expect(await bench.console('const { x } = await import("./part.ts"); console.log(x)')).toEqual(["5"]);
  });

  test("macros do not run, in the program or in what it imports", async () => {
    const mark = join(bench.folder.path, "macro-ran");
    bench.folder.write(
      "macro.ts",
      `import { writeFileSync } from "node:fs"; export function run() { writeFileSync(${JSON.stringify(mark)}, ""); return 1; }`,
    );
    const file = bench.folder.write(
      "uses-macro.ts",
      'import { run } from "./macro.ts" with { type: "macro" };\nexport default () => { run(); };',
    );
    expect((await bench.host.check(file)).map(({ message }) => message)).toEqual(["Macros are disabled"]);
    bench.folder.write("indirect.ts", 'import "./uses-macro.ts"; export default () => {};');
    await bench.host.check(join(bench.folder.path, "indirect.ts"));
    expect(existsSync(mark)).toBe(false);
  });
});

describe("the host's objects", () => {
  test("none can be reached by walking from what the script is given", async () => {
    const lines = await bench.console(`
      const names = "typeof process + typeof Bun + typeof require + typeof module + typeof Deno + typeof WebAssembly + typeof Worker + typeof SharedArrayBuffer + typeof host + typeof commands";
      const constructors = [Function, (async () => {}).constructor, (function* () {}).constructor, (async function* () {}).constructor, call.answer.constructor, console.log.constructor, fetch.constructor, URL.constructor] as any[];
      const results = constructors.slice(0, 2).concat(constructors.slice(4)).map((make) => { const r = make("return " + names)(); return r; });
      for (const r of results) console.log(new Set(String(await r).split("undefined")).size);
      console.log(new Set((0, eval)(names).split("undefined")).size);
      const seen = new Set<any>(); const todo: any[] = [globalThis, call, call[Symbol.asyncIterator](), call.headers, new Response("x"), new URL("a:b")];
      for (let o = todo.pop(); o !== undefined; o = todo.pop()) {
        if ((typeof o !== "object" && typeof o !== "function") || o === null || seen.has(o)) continue;
        seen.add(o);
        const up = Object.getPrototypeOf(o); if (up !== null) todo.push(up);
        for (const key of Reflect.ownKeys(o)) { const d: any = Object.getOwnPropertyDescriptor(o, key); for (const v of [d.value, d.get, d.set]) if (v !== undefined) todo.push(v); }
      }
      console.log(seen.size > 300, [...seen].filter((o) => typeof o === "function" && o.name === "host").length);`);
    expect(new Set(lines.slice(0, -1))).toEqual(new Set(["1"]));
    expect(lines.at(-1)).toBe("true 0");
  });

  test("polluting prototypes changes nothing for the host or for the next call", async () => {
    await bench.run(`
      (Object.prototype as any).folder = "/etc"; (Object.prototype as any).then = () => {}; (Array.prototype as any).push = () => 0; (globalThis as any).JSON = null; (Promise as any).prototype.then = () => {};
      Map.prototype.get = () => { throw 1 }; await call.answer();`);
    await bench.until(() => true);
    expect(await bench.console("console.log(({} as any).folder, typeof JSON, [1].concat([2]).length)")).toEqual([
      "undefined object 2",
    ]);
  });

  test("an error from the host has no stack of the host", async () => {
    const [line] = await bench.console('try { new URL("x") } catch (e) { console.log(e.name + e.message + e.stack) }');
    expect(line).not.toContain(".ts:1:1\n");
    expect(line).not.toContain("builtins");
    expect(line).not.toContain("node_modules");
  });
});

describe("files", () => {
  test.each([
    ['await files.readText("menu.txt")', "día"],
    ['await files.readText("data/menu.txt")', "día"],
    ['(await files.readBytes("menu.txt")).length', "4"],
    ['await files.exists("menu.txt") && !(await files.exists("nope.txt"))', "true"],
    [
      '(await files.writeText("out/a.txt", "x"), await files.appendText("a.txt", "yz"), await files.writeBytes("b.bin", new Uint8Array([1])), "done")',
      "done",
    ],
  ])("%s", async (code, expected) => {
    expect(await bench.console(`console.log(${code})`)).toEqual([expected]);
  });

  test("what was written is there", async () => {
    expect(await Bun.file(join(bench.folder.path, "out/a.txt")).text()).toBe("xyz");
  });

  test.each([
    ['readText("ivr.ts")', "may not be read"],
    ['readText("link.txt")', "may not be read"],
    ['readText("/etc/passwd")', "may not be read"],
    ['readText("../x")', "climbs"],
    ["readText(5)", "must be a string"],
    ['writeText("data/menu.txt", "")', "may not be written"],
    ['writeText("ivr.ts", "")', ""],
    ['writeText("/tmp/x", "")', "may not be written"],
  ])("files.%s keeps to `allow`", async (code, reason) => {
    const [line] = await bench.console(
      `try { await (files as any).${code}; console.log("done"); } catch (e) { console.log(e.message); }`,
    );
    if (reason === "") expect(existsSync(join(bench.folder.path, "out/ivr.ts"))).toBe(true);
    else expect(line).toContain(reason);
  });
});

describe("fetch", () => {
  test.each([
    [
      `const r = await fetch("${here}/x"); console.log(r.status, r.ok, r.headers.get("X-A"), await r.text(), r.redirected)`,
      "404 false b hello false",
    ],
    [
      `console.log(JSON.stringify(await (await fetch("${here}/echo", { method: "POST", body: new URLSearchParams({ a: "é" }) })).json()))`,
      '{"method":"POST","type":"application/x-www-form-urlencoded;charset=UTF-8","body":"a=%C3%A9"}',
    ],
    [`console.log((await fetch("${here}/home")).redirected)`, "true"],
    [`console.log((await fetch("${here}/away", { redirect: "manual" })).status)`, "302"],
    [`console.log((await (await fetch("${here}/x")).bytes()).length)`, "5"],
  ])("%s", async (code, expected) => {
    expect(await bench.console(code)).toEqual([expected]);
  });

  test.each([
    [`"http://127.0.0.1:${other.port}/"`, "is not allowed"],
    ['"http://example.com/"', "is not allowed"],
    [`"http://localhost:${server.port}/"`, "is not allowed"],
    [`"${here}/away"`, "is not allowed"],
    [`"${here}/file"`, "is not allowed"],
    [`"${here}/loop"`, "more than 5 redirects"],
    [`"${here}/huge"`, "larger than"],
    ['"file:///etc/passwd"', "is not allowed"],
    ['"data:text/plain,x"', "is not allowed"],
    ['"unix:/var/run/docker.sock"', "is not allowed"],
    [`"http://u:p@127.0.0.1:${server.port}/"`, "password"],
    ['"nonsense"', "not a URL"],
    [`"${here}/", { method: "CONNECT" }`, "no method"],
    [`"${here}/", { headers: { "x\\r\\ny": "1" } }`, "not a header name"],
    [`"${here}/", { headers: { x: "1\\r\\nHost: evil" } }`, "cannot be sent"],
    [`"${here}/", { headers: { Host: "evil" } }`, "not a script's to set"],
  ])("of %s is refused", async (args, reason) => {
    const [line] = await bench.console(
      `try { await fetch(${args}); console.log("fetched"); } catch (e) { console.log(e instanceof TypeError, e.message); }`,
    );
    expect(line).toStartWith("true");
    expect(line).toContain(reason);
  });

  test.each([
    ["https://api.example.com/x", ["api.example.com"], true],
    ["https://API.example.com./x", ["api.example.com"], true],
    ["https://api.example.com:8443/", ["api.example.com"], false],
    ["https://api.example.com:8443/", ["api.example.com:8443"], true],
    ["https://api.example.com/", ["api.example.com:443"], true],
    ["http://api.example.com/", ["api.example.com:443"], false],
    ["https://a.b.example.com/", ["*.example.com"], true],
    ["https://example.com/", ["*.example.com"], false],
    ["https://notexample.com/", ["*.example.com"], false],
    ["https://api.example.com.evil.net/", ["api.example.com"], false],
    ["https://[2001:db8::1]/", ["[2001:db8::1]"], true],
    ["https://[2001:db8::1]/", ["2001:db8::1"], true],
    ["ftp://api.example.com/", ["api.example.com"], false],
    ["https://api.example.com/", [], false],
  ])("%s under %j: %p", (url, allow, allowed) => {
    expect(isHostAllowed(new URL(url), allow)).toBe(allowed);
  });
});
