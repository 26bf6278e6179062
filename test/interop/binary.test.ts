/** dist/siproc is one file that needs nothing around it: no Bun, no Node, no node_modules, no environment. */
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { sipp } from "../support/peers/sipp.ts";
import { binary, repository } from "../support/peers/siproc.ts";

const manifest: unknown = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
const version = typeof manifest === "object" && manifest !== null ? Reflect.get(manifest, "version") : undefined;

const folder = temporaryFolder("empty");
const alone = join(temporaryFolder("alone"), "siproc");
copyFileSync(binary, alone);

function run(...args: string[]): { code: number; stdout: string; stderr: string } {
  const done = Bun.spawnSync([alone, ...args], { cwd: folder, env: {}, timeout: 10_000 });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

describe("the binary in an empty folder with an empty environment", () => {
  test("--version says the version of package.json", () => {
    expect(run("--version")).toMatchObject({ code: 0, stdout: expect.stringContaining(String(version)), stderr: "" });
  });

  test("--help lists the commands", () => {
    const { code, stdout, stderr } = run("--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of ["run", "check", "types"]) expect(stdout).toContain(command);
  });

  test("types prints the script API's types", () => {
    const { code, stdout, stderr } = run("types");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const word of ["Call", "answer", "gather"]) expect(stdout).toContain(word);
  });

  test("an unknown command is an error on stderr, not a crash", () => {
    const { code, stdout, stderr } = run("dance");
    expect(code).toBeWithin(1, 128);
    expect(stdout).toBe("");
    expect(stderr).toContain("dance");
  });

  test("run with a file that is not there says which", () => {
    const { code, stderr } = run("run", "nowhere.yaml");
    expect(code).toBeWithin(1, 128);
    expect(stderr).toContain("nowhere.yaml");
  });

  describe.skipIf(!has("sipp"))("a call", () => {
    let server: Program | undefined;
    afterAll(async () => void (await server?.stop()));

    test("is answered by a script", async () => {
      const port = await freePort();
      await Bun.write(
        join(folder, "siproc.yaml"),
        `listen: ["udp://127.0.0.1:${port}"]\nroutes: [{ to: "*", script: answer.ts }]\n`,
      );
      await Bun.write(
        join(folder, "answer.ts"),
        "export default async function (call: Call): Promise<void> { await call.answer(); for await (const _ of call); }\n",
      );
      server = new Program({ command: ["env", "-i", alone, "run", "siproc.yaml"], cwd: folder });
      await server.line(/listening/i);
      const caller = await sipp({ scenario: "uac-call", remote: `127.0.0.1:${port}`, service: "anybody" });
      expect(caller.errors).toBe("");
      expect(caller.code).toBe(0);
    });

    test.skipIf(process.platform !== "linux")("has a server's compiler, and its handlers do not", async () => {
      const port = await freePort();
      await Bun.write(
        join(folder, "programs.yaml"),
        `listen: ["udp://127.0.0.1:${port}"]\nroutes: [{ to: "*", exec: [sh, -c, "env > handler.env; echo REJECT 486"] }]\n`,
      );
      const settings = /^BUN_JSC_/m;
      const serving = new Program({ command: [alone, "run", "programs.yaml"], cwd: folder });
      try {
        await serving.line(/listening/i);
        // The same process: who has started it knows it by its id.
        const environment = readFileSync(`/proc/${serving.pid}/environ`, "utf8").replaceAll("\0", "\n");
        expect(environment).toMatch(settings);
        const caller = await sipp({ scenario: "uac-call", remote: `127.0.0.1:${port}`, service: "anybody" });
        expect(caller.code).not.toBe(0);
        const handler = readFileSync(join(folder, "handler.env"), "utf8");
        expect(handler).toContain("SIPROC_CALL_ID");
        expect(handler).not.toMatch(settings);
      } finally {
        await serving.stop();
      }
    });
  });
});
