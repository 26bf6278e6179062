/** The library in somebody's project: found by its name, run by Bun, and understood by the compiler, with all its examples. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../support/documents.ts";
import { isProgram, libraryExamples, project, runProgram } from "../support/library.ts";

/** As `bun init` writes it, and what is stricter. */
const tsconfig = JSON.stringify({
  compilerOptions: {
    lib: ["ESNext"],
    target: "ESNext",
    module: "Preserve",
    moduleDetection: "force",
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    noFallthroughCasesInSwitch: true,
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
    types: ["bun"],
    typeRoots: [join(repository, "node_modules/@types")],
  },
  include: ["*.ts"],
});

const exported = ["src/index.ts", "src/library/index.ts"].flatMap((file) =>
  [...readFileSync(join(repository, file), "utf8").matchAll(/^export (type )?\{([\s\S]*?)\} from/gm)].flatMap(
    ([, type = "", names = ""]) =>
      names
        .split(",")
        .map((one) => one.trim().replace(/\w+ as /, ""))
        .filter((one) => one !== "")
        .map((one) => (type !== "" && !one.startsWith("type ") ? `type ${one}` : one)),
  ),
);

/** A piece of a program stands in one that has all of the library, an agent, a call, and what else pieces take for granted. */
function whole(piece: string): string {
  return [
    `import { ${exported.join(", ")} } from "siproc";`,
    "export async function example(ua: Agent, call: Call, auth: Receiver, list: DropList) {",
    "  {",
    piece,
    "  }",
    "}",
  ].join("\n");
}

/** The examples in the comments of everything that is exported, and of what that has. */
function commented(): [string, string][] {
  const files = [
    ...new Bun.Glob("src/library/*.ts").scanSync({ cwd: repository }),
    ...["src/handlers/callback.ts", "src/routing/block.ts", "src/routing/chain.ts", "src/routing/target.ts"],
    ...["src/routing/authorize.ts", "src/accounts/account.ts", "src/agent/register.ts", "src/log.ts"],
    "src/sip/request-response.ts",
  ];
  return files.flatMap((file) => {
    const text = readFileSync(join(repository, file), "utf8");
    return [...text.matchAll(/@example\n([\s\S]*?)\*\//g)].map(({ index, 1: lines = "" }): [string, string] => [
      `${file.replace(/\W/g, "-")}-${text.slice(0, index).split("\n").length}.ts`,
      lines.replace(/^\s*\* ?/gm, ""),
    ]);
  });
}

describe("a project that has the library", () => {
  test("imports it by its name", async () => {
    const { program } = runProgram('import { Agent } from "siproc";\nconsole.log(typeof Agent.open);\n');
    expect(await program.finish(10_000)).toBe(0);
    expect(program.stdout).toEqual(["function"]);
  });

  test("compiles with every example of docs/library.md and of the comments", () => {
    const printed = libraryExamples.map(({ place, text }): [string, string] => [
      `${place.replace(/\W/g, "-")}.ts`,
      isProgram(text) ? text : whole(text),
    ]);
    const inComments = commented().map(([name, piece]): [string, string] => [name, whole(piece)]);
    expect(printed.length).toBeGreaterThan(8);
    expect(inComments.length).toBeGreaterThan(25);
    const folder = project({ ...Object.fromEntries([...printed, ...inComments]), "tsconfig.json": tsconfig });
    const checked = Bun.spawnSync([join(repository, "node_modules/.bin/tsc"), "-p", folder], { cwd: folder });
    expect(checked.stdout.toString()).toBe("");
    expect(checked.exitCode).toBe(0);
  }, 60_000);
});
