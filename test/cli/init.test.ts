import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { loadConfig, readConfig } from "../../src/config/index.ts";
import { temporaryFolder } from "../support/peers/folder.ts";

async function siproc(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(argv, {
    print: (text) => void out.push(text),
    complain: (line) => void err.push(line),
    mark: (_, word) => word,
  });
  return { code, out: out.join(""), err: err.join("\n") };
}

const read = (folder: string) => readFileSync(join(folder, "siproc.yaml"), "utf8");

describe("siproc init", () => {
  test("writes a configuration that is right, and a script that compiles", async () => {
    const folder = join(temporaryFolder("init"), "phones");
    const { code, out } = await siproc("init", folder);
    expect(code).toBe(0);
    expect(out).toContain("siproc run ");
    expect(readdirSync(folder).sort()).toEqual(["hello.ts", "siproc.d.ts", "siproc.yaml"]);
    const checked = await siproc("check", join(folder, "siproc.yaml"), join(folder, "hello.ts"));
    expect({ code: checked.code, out: checked.out.match(/: ok$/gm)?.length }).toEqual({ code: 0, out: 2 });
  });

  test("gives each user a password of its own, in a file that nobody else reads", async () => {
    const folder = temporaryFolder("init");
    expect((await siproc("init", "--domain", "example.com", "--user=alice", "--user=bob", folder)).code).toBe(0);
    expect(statSync(join(folder, "siproc.yaml")).mode & 0o777).toBe(0o600);
    const loaded = await loadConfig(join(folder, "siproc.yaml"));
    if (!loaded.ok) throw new TypeError(loaded.problems[0]?.message);
    expect(loaded.warnings).toEqual([]);
    expect(loaded.config.domains).toEqual(["example.com"]);
    const passwords = [...read(folder).matchAll(/user: "(\w+)", password: "([\w-]{16})"/g)];
    expect(passwords.map(([, user]) => user)).toEqual(["alice", "bob"]);
    expect(new Set(passwords.map(([, , password]) => password)).size).toBe(2);
    expect(loaded.config.routes.map(({ action }) => action.type)).toEqual(["script", "reply", "location"]);
  });

  const variants: string[][] = [
    [],
    ["--user=alice"],
    ["--domain=example.com"],
    ["--domain=example.com", "--user=alice"],
  ];
  test.each(variants.map((one) => [one] as const))("what it has as comments is right as well: %p", async (options) => {
    const folder = temporaryFolder("init");
    await siproc("init", ...options, folder);
    const text = read(folder).replace(/^( *)# ?((?: {2})*(?:- |[a-z_]+:(?: |$)))/gm, "$1$2");
    expect(text).toMatch(/^trunks:\n {2}- /m);
    const loaded = await readConfig(new TextEncoder().encode(text), join(folder, "siproc.yaml"), {
      environment: { PROVIDER_PASSWORD: "x" },
    });
    const problems = loaded.ok ? [] : loaded.problems.map(({ message }) => message);
    expect(problems.filter((message) => !/^there is no program/.test(message))).toEqual([]);
  });

  test("leaves what is there as it is", async () => {
    const folder = temporaryFolder("init", { "siproc.yaml": "routes: []\n", "hello.ts": "mine" });
    expect(await siproc("init", folder)).toMatchObject({ code: 1, out: "" });
    expect(read(folder)).toBe("routes: []\n");
    const other = temporaryFolder("init", { "hello.ts": "mine" });
    expect((await siproc("init", other)).code).toBe(0);
    expect(readFileSync(join(other, "hello.ts"), "utf8")).toBe("mine");
  });

  const wrong: [option: string, says: RegExp][] = [
    ["--domain=not a domain", /found “not a domain”/],
    ["--user=al ice", /expected a user name/],
    ["--user=", /user/],
  ];
  test.each(wrong)("%s is a mistake of the command line, and writes nothing", async (option, says) => {
    const folder = temporaryFolder("init");
    const { code, err } = await siproc("init", option, folder);
    expect(code).toBe(2);
    expect(err).toMatch(says);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("says where it may not write", async () => {
    const { code, err } = await siproc("init", "/proc/nowhere");
    expect(code).toBe(1);
    expect(err).toContain("/proc/nowhere");
  });
});
