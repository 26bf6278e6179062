import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firstConfig, firstScript } from "../../src/cli/beginning.ts";
import { commandNames, exitCodeMeanings } from "../../src/cli/commands.ts";
import { main } from "../../src/cli/main.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "siproc-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const put = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

async function siproc(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    print: (text) => {
      out += text;
    },
    complain: (line) => {
      err += `${line}\n`;
    },
    mark: (_, word) => word,
  };
  const code = await main(argv, terminal);
  return { code, out, err };
}

describe("the command line", () => {
  test("alone shows the help as a mistake", async () =>
    expect(await siproc()).toMatchObject({ code: 2, out: "", err: expect.stringContaining("Usage: siproc") }));

  test("--help and help list every command and exit code", async () => {
    const asked = await siproc("--help");
    expect(asked).toMatchObject({ code: 0, err: "" });
    expect(await siproc("help")).toEqual(asked);
    for (const word of [...commandNames, ...exitCodeMeanings.map(([, meaning]) => meaning)])
      expect(asked.out).toContain(word);
  });

  test("--version says it", async () => expect((await siproc("--version")).out).toMatch(/^siproc \d+\.\d+\.\d+\n$/));

  test("each command has its help", async () => {
    for (const name of commandNames) {
      const { code, out } = await siproc(name, "--help");
      expect(code).toBe(0);
      expect(out).toContain(`Usage: siproc ${name}`);
      expect(await siproc("help", name)).toEqual({ code, out, err: "" });
    }
  });

  const mistakes: [argv: string[], says: string][] = [
    [["rnu"], "there is no command rnu; did you mean run?"],
    [["dance"], "there is no command dance"],
    [["--verbose"], "there is no option --verbose"],
    [["siproc.yaml"], "siproc run siproc.yaml"],
    [["help", "dance"], "there is no command dance"],
    [["run", "--log-levle", "info"], "there is no option --log-levle; did you mean --log-level?"],
    [["run", "--log-level"], "--log-level needs a value: --log-level LEVEL"],
    [["run", "--log-level", "inof"], "did you mean info?"],
    [["run", "--log-level=info", "--log-level=warn"], "--log-level is given twice"],
    [["run", "-x"], "there is no option -x"],
    [["run", "a.yaml", "b.yaml"], "“b.yaml” is one argument too many"],
    [["run", "--listen", "nowhere"], "--listen nowhere: expected an address"],
    [["run", "--listen", "udp://127.0.0.1:7", "--listen", "udp://127.0.0.1:7"], "udp://127.0.0.1:7 is given twice"],
    [["./ivr.sh"], "there is no program ./ivr.sh"],
    [["ivr.sh"], "siproc ./ivr.sh"],
    [["check"], "FILE... is missing"],
    [["types", "now"], "one argument too many"],
  ];
  for (const [argv, says] of mistakes)
    test(`${argv.join(" ")} is a mistake`, async () => {
      const { code, out, err } = await siproc(...argv);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(says);
    });
});

describe("check", () => {
  test("says ok for what is right, with its warnings", async () => {
    const script = put("good.ts", "export default async function (call: Call) { await call.answer(); }\n");
    const config = put("good.yaml", "routes: [{ to: x, script: good.ts }]\n");
    const { code, out, err } = await siproc("check", config, script);
    expect(code).toBe(0);
    expect(out).toBe(`${config}: ok\n${script}: ok\n`);
    expect(err).toMatch(/good\.yaml:1:1: warning: domains is empty/);
  });

  test("prints each mistake as file:line:column: message", async () => {
    put("bad.ts", "export default async function (call) {\n  await call.(;\n}\n");
    const config = put("bad.yaml", "routes:\n  - { to: x, script: bad.ts }\n  - { to: y, script: missing.ts }\n");
    const first = await siproc("check", config);
    expect(first).toMatchObject({ code: 1, out: "" });
    expect(first.err).toMatch(/bad\.yaml:3:22: there is no script .*missing\.ts/);
    put("bad.yaml", "routes: [{ to: x, script: bad.ts }]\n");
    const second = await siproc("check", config);
    expect(second.code).toBe(1);
    expect(second.err).toMatch(/bad\.ts:2:\d+: /);
  });

  test("misses the handler in a script that exports none", async () =>
    expect((await siproc("check", put("empty.js", "const a = 1;\n"))).err).toContain(
      "empty.js:1:1: a script exports the function",
    ));

  test("goes on after a bad file", async () => {
    const { code, out, err } = await siproc(
      "check",
      join(folder, "nowhere.yaml"),
      put("fine.js", "export default () => {};"),
    );
    expect(code).toBe(1);
    expect(err).toContain("nowhere.yaml: there is no such file");
    expect(out).toContain("fine.js: ok");
  });
});

test("run without a file where there is none shows how to make one, which is right as it is shown", async () => {
  const before = process.cwd();
  process.chdir(folder);
  try {
    const { code, out, err } = await siproc("run");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    for (const text of [firstConfig, firstScript]) expect(err.replace(/^ {2}/gm, "")).toContain(text.trimEnd());
    put("first.yaml", firstConfig);
    put("hello.ts", firstScript);
    expect(await siproc("check", "first.yaml")).toMatchObject({ code: 0, out: "first.yaml: ok\n" });
  } finally {
    process.chdir(before);
  }
});

test("schema prints JSON", async () =>
  expect(JSON.parse((await siproc("schema")).out)).toMatchObject({ type: "object" }));
