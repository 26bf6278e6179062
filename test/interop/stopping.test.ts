/** How calls and the server end when something stops: a signal, a phone that vanishes, a disk that is full. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { received, type SippOptions, sipp, startSipp } from "../support/peers/sipp.ts";
import { type Server, type ServerOptions, siproc } from "../support/peers/siproc.ts";
import { part, readWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";
import { handlers } from "./handlers/scripts.ts";

const script = (body: string) => `export default async function (call: Call) {\n${body}\n}\n`;

const config = 'routes: [{ to: "*", script: handler.ts }]';

const servers: Server[] = [];
const start = async (options: Partial<ServerOptions> & { script?: string }) => {
  const server = await siproc({
    config,
    ...options,
    files: { "handler.ts": options.script ?? handlers.answer, ...options.files },
  });
  servers.push(server);
  return server;
};
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
const at = (server: Server, options: SippOptions) => ({ service: "any", remote: server.address, ...options });
const said = (server: Server) => server.program.stderr.join("\n");
/** Loud lines: what somebody who watches the log has to look into. */
const alarms = (server: Server) =>
  server.program.stderr.filter((line) => / (warn|error) /.test(line) && !/domains is empty/.test(line));

describe.skipIf(!has("sipp"))("siproc run", () => {
  test("at SIGTERM takes no new call, lets the one that is up go on to its end, and exits with 0", async () => {
    const server = await start({});
    const up = await startSipp(at(server, { scenario: "uac-call", values: { pause: "2500" } }));
    await server.program.line(/a call comes in/);
    server.program.signal("SIGTERM");
    await server.program.line(/1 call may go on/);
    const refused = await sipp(at(server, { scenario: "uac-rejected", values: { status: "503" } }));
    expect({ code: refused.code, errors: refused.errors }).toEqual({ code: 0, errors: "" });
    expect(refused.messages.some(({ text }) => /^Retry-After: \d+/im.test(text))).toBe(true);
    const ended = await up.result;
    expect({ code: ended.code, errors: ended.errors }).toEqual({ code: 0, errors: "" });
    expect(await server.program.finish(5000)).toBe(0);
  });

  test("at a second SIGTERM says BYE at once, and exits with 0", async () => {
    const server = await start({
      script: script('await call.answer(); console.log("up"); for await (const _ of call);'),
    });
    const up = await startSipp(at(server, { scenario: "uac-hungup", values: { pause: "20000" } }));
    await server.program.line(/ up /);
    server.program.signal("SIGTERM");
    await server.program.line(/1 call may go on/);
    server.program.signal("SIGTERM");
    const ended = await up.result;
    expect({ code: ended.code, errors: ended.errors }).toEqual({ code: 0, errors: "" });
    expect(received(ended).at(-1)).toBe("BYE");
    expect(await server.program.finish(5000)).toBe(0);
  });

  test.each(["udp", "tcp"] as const)(
    "gets over a phone that vanishes in the middle of a call, over %s",
    async (transport) => {
      const server = await start({
        script: script(
          'await call.answer(); console.log("up"); await call.play("scripts/sounds/beep.wav"); await call.hangup();',
        ),
        config: `${config}\nscripts: { allow: { read: [scripts/sounds] } }`,
        scripts: true,
      });
      const up = await startSipp(at(server, { scenario: "uac-hungup", transport }));
      await server.program.line(/ up /);
      up.program.signal("SIGKILL");
      await server.program.line(/the call has ended/);
      const next = await sipp(at(server, { scenario: "uac-call", transport, values: { pause: "0" } }));
      expect(next.errors).toBe("");
    },
  );

  test.each(["uac-cancel", "uac-early-hangup"])("is quiet about a phone that gives up early: %s", async (scenario) => {
    const server = await start({ script: scenario === "uac-cancel" ? handlers.patient : handlers.answer });
    const run = await sipp(at(server, { scenario }));
    expect({ code: run.code, errors: run.errors }).toEqual({ code: 0, errors: "" });
    await server.program.line(/the call has ended/);
    expect(alarms(server)).toEqual([]);
  });
});

/** A disk of `size` octets at `folder`; only root may mount one. */
function mountSmallDisk(folder: string, size: number): { unmount(): void } {
  mkdirSync(folder, { recursive: true });
  const done = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${size}`, "none", folder]);
  if (!done.success) throw new RangeError(`mount: ${done.stderr.toString()}`);
  return { unmount: () => void Bun.spawnSync(["umount", "-l", folder]) };
}

describe.skipIf(!has("sipp", "sox") || process.getuid?.() !== 0)("a full disk", () => {
  test("is told to the script that records, whose call goes on, and whose file is whole", async () => {
    const server = await start({
      script: script(`await call.answer();
await call.record("recordings/full.wav");
for await (const event of call) {
  if (event.type !== "error") continue;
  console.log("told:", event.command, event.reason);
  await call.play("scripts/sounds/beep.wav");
  await call.hangup();
}`),
      config: `${config}\nscripts: { allow: { read: [scripts/sounds], write: [recordings] } }`,
      scripts: true,
    });
    const disk = mountSmallDisk(join(server.folder, "recordings"), 16_384);
    try {
      const run = await sipp(at(server, { scenario: "uac-hungup", values: { pause: "15000" } }));
      expect({ code: run.code, errors: run.errors }).toEqual({ code: 0, errors: "" });
      await until("script's line", () => /told: RECORD .*(no space|ENOSPC)/i.test(said(server)));
      expect(said(server)).toMatch(/the call has ended .*by=local cause=hangup/);
      const recorded = part(readWav(join(server.folder, "recordings/full.wav")));
      expect(recorded.length).toBeGreaterThan(4000);
    } finally {
      disk.unmount();
    }
  });
});

describe.skipIf(!has("sipp", "sox"))("kill -9", () => {
  test("leaves a recording that can be played, and loses about a second of it at most", async () => {
    const server = await start({
      script: script(`await call.answer();
await call.record("recordings/cut.wav");
const begin = performance.now();
setInterval(() => console.log("recorded for", Math.round(performance.now() - begin)), 500);
await call.ended;`),
      config: `${config}\nscripts: { allow: { write: [recordings] } }`,
    });
    await startSipp(at(server, { scenario: "uac-call", values: { pause: "20000" } }));
    await server.program.line(/recorded for [34]\d{3}/);
    server.program.signal("SIGKILL");
    await server.program.finish(5000);
    const file = join(server.folder, "recordings/cut.wav");
    expect(Bun.spawnSync(["sox", file, "-n", "stat"]).success).toBe(true);
    const seconds = part(readWav(file)).length / 8000;
    expect(seconds).toBeGreaterThanOrEqual(1.5);
    expect(seconds).toBeLessThan(6);
  });
});
