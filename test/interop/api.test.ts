/** The HTTP API of the built binary: every example of docs/api.md by curl, keys that change, a certificate, and no key in the log. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { examples } from "../support/documents.ts";
import { has } from "../support/peers/available.ts";
import { freePort } from "../support/peers/ports.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const ofApi = examples.filter(({ place }) => place.startsWith("docs/api.md:"));
const [firstYaml] = ofApi.filter(({ notation }) => notation === "yaml");

const keys = { CONTROL_KEY: "k-0123456789abcdef", DASHBOARD_KEY: "k-only-for-dashboards" };

/** The words of a JSON value: of objects their names, of lists those of the first. */
function outlineOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [outlineOf(value[0])];
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, outlineOf(member)]));
}

describe.skipIf(!has("curl", "jq"))("the API of the binary", () => {
  let server: Server;
  let port = 0;
  const hooks: { body: string; signature: string }[] = [];
  const receiver = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      hooks.push({ body: await request.text(), signature: request.headers.get("siproc-signature") ?? "" });
      return new Response();
    },
  });

  const get = async (path: string, key: string, base = `http://127.0.0.1:${port}`) =>
    await fetch(base + path, { headers: { Authorization: `Bearer ${key}` }, tls: { rejectUnauthorized: false } });

  beforeAll(async () => {
    port = await freePort();
    const config = (firstYaml?.text ?? "")
      .replace(/^listen: .*\n/m, "")
      .replace("127.0.0.1:8082", `127.0.0.1:${port}`)
      .concat(
        `  webhooks: [{ url: "http://127.0.0.1:${receiver.port}/", secret: s3cret, events: [call.*, config.*] }]\n`,
      );
    const echo = "export default async (call) => { await call.answer(); for await (const event of call); };\n";
    server = await siproc({ config, env: keys, files: { "scripts/echo.js": echo, "sounds/x.txt": "" } });
  });
  afterAll(async () => {
    await server.stop();
    await receiver.stop(true);
  });

  test("the examples of docs/api.md do what they say", async () => {
    let script = "set -eu\n";
    const shell: { place: string; text: string; answer: string | undefined }[] = [];
    for (const [i, { place, notation, text }] of ofApi.entries()) {
      const next = ofApi[i + 1];
      if (notation === "sh") shell.push({ place, text, answer: next?.notation === "json" ? next.text : undefined });
    }
    expect(shell.length).toBeGreaterThan(8);
    // One shell for all, since later examples use what earlier ones have set.
    for (const { text } of shell)
      script += `${text.replaceAll("127.0.0.1:8082", `127.0.0.1:${port}`).replaceAll("sip:echo@127.0.0.1", `sip:echo@127.0.0.1:${server.port}`)}\nprintf '\\0'\n`;
    const run = Bun.spawn(["bash", "-c", script], { env: { ...process.env, ...keys }, stdout: "pipe", stderr: "pipe" });
    const [out, errors, code] = await Promise.all([
      new Response(run.stdout).text(),
      new Response(run.stderr).text(),
      run.exited,
    ]);
    expect([code, errors.replace(/curl: \(28\).*\n/, "")]).toEqual([0, ""]);
    for (const [i, printed] of out.split("\0").slice(0, -1).entries()) {
      const { place, answer } = shell[i] ?? { place: "", answer: undefined };
      expect([place, printed.includes("urn:siproc:") && !(answer ?? "").includes("urn:siproc:")]).toEqual([
        place,
        false,
      ]);
      if (answer === undefined) continue;
      // Of several answers the last is shown.
      const last =
        printed
          .replace(/\}(?=[{[])/g, "}\n")
          .trimEnd()
          .split("\n")
          .at(-1) ?? "";
      expect({ place, ...Object(outlineOf(JSON.parse(last))) }).toMatchObject({
        place,
        ...Object(outlineOf(JSON.parse(answer))),
      });
    }
  }, 60_000);

  test("webhooks are told of these calls, with a signature that proves it", async () => {
    await until("the end of a call", () => hooks.some(({ body }) => body.includes('"call.ended"')));
    const file = join(server.folder, "genuine.mjs");
    writeFileSync(file, ofApi.find(({ text }) => text.includes("isGenuine"))?.text ?? "");
    // The example of docs/api.md.
    const { isGenuine } = await import(file);
    for (const { body, signature } of hooks) {
      expect(isGenuine(signature, body, "s3cret")).toBe(true);
      expect(isGenuine(signature, `${body} `, "s3cret")).toBe(false);
      expect(isGenuine(signature, body, "secret")).toBe(false);
    }
    // The keys that were pressed are nobody's business.
    expect(hooks.map(({ body }) => body).join("")).not.toMatch(/"digit":"[0-9]/);
  }, 20_000);

  test("a reload takes over keys, and says so in the feed", async () => {
    const file = join(server.folder, "siproc.yaml");
    expect((await get("/v1/status", keys.DASHBOARD_KEY)).status).toBe(200);
    const before = readFileSync(file, "utf8");
    // biome-ignore lint/suspicious/noTemplateCurlyInString: so it stands in the file
    writeFileSync(file, before.replace("${DASHBOARD_KEY}", "another-dashboard"));
    const reloads = () => hooks.filter(({ body }) => body.includes('"config.reloaded"')).length;
    const soFar = reloads();
    process.kill(server.program.pid, "SIGHUP");
    await until("the reload", () => reloads() > soFar);
    expect((await get("/v1/status", "another-dashboard")).status).toBe(200);
    expect((await get("/v1/status", keys.DASHBOARD_KEY)).status).toBe(401);
    const reload = async () =>
      await fetch(`http://127.0.0.1:${port}/v1/config/reload`, {
        method: "POST",
        headers: { Authorization: `Bearer ${keys.CONTROL_KEY}` },
      });
    writeFileSync(file, before.replace("\ncontrol:", "\ncontrol:\n  console: false"));
    expect(await (await reload()).json()).toMatchObject({ taken: true, restart: ["control"] });
    writeFileSync(file, `${before}nonsense: true\n`);
    const refused = await reload();
    expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining("nonsense")]);
    writeFileSync(file, before);
  }, 30_000);

  test("no key and no secret is in the log", () => {
    const log = server.program.lines.join("\n");
    for (const secret of [...Object.values(keys), "another-dashboard", "s3cret", "wonderland", "builder"])
      expect(log).not.toContain(secret);
    expect(log).toContain("a wrong key was given");
  });

  test("with tls: self-signed it speaks HTTPS", async () => {
    const secure = await freePort();
    const other = await siproc({
      config: `domains: [example.com]\ncontrol: { listen: "127.0.0.1:${secure}", keys: [k-0123456789abcdef], tls: self-signed }`,
    });
    const answer = await get("/v1/status", keys.CONTROL_KEY, `https://127.0.0.1:${secure}`);
    expect(answer.status).toBe(200);
    await other.stop();
  }, 20_000);

  test("two servers do not share a port: the second says so and ends", async () => {
    const taken = siproc({ config: `domains: [example.com]\ncontrol: { listen: "127.0.0.1:${port}" }` });
    const failed = await taken.then(
      () => "it serves",
      (error: unknown) => String(error),
    );
    expect(failed).toContain(`127.0.0.1:${port} cannot be listened on`);
  }, 20_000);
});
