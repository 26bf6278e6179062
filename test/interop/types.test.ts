/** What `siproc types` prints fits the scripts that are shipped and every example in the documents. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/peers/folder.ts";
import { binary, repository } from "../support/peers/siproc.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");
const find = (pattern: string) => [...new Bun.Glob(pattern).scanSync({ cwd: repository })].sort();

/** A document's TypeScript examples. One that is not a script by itself is taken for the inside of one. */
function examples(document: string): [name: string, text: string][] {
  return [...read(document).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""], n) => [
    `${document.replace(/\W/g, "-")}-${n + 1}.ts`,
    code.includes("export default") ? code : `export default async function (call: Call) {\n${code}}\n`,
  ]);
}

const config = {
  compilerOptions: {
    target: "ESNext",
    lib: ["ESNext"],
    module: "ESNext",
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    types: [],
  },
  include: ["*.ts"],
};

describe("the printed types", () => {
  test("fit the shipped scripts and the documents' examples", () => {
    const scripts = find("scripts/*.ts").map((file) => [file.replace("scripts/", ""), read(file)] as const);
    const documented = ["README.md", ...find("docs/*.md")].flatMap(examples);
    expect(scripts.length).toBeGreaterThanOrEqual(3);
    expect(documented.length).toBeGreaterThanOrEqual(3);
    const folder = temporaryFolder("types", {
      ...Object.fromEntries([...scripts, ...documented]),
      "siproc.d.ts": Bun.spawnSync([binary, "types"]).stdout.toString(),
      "tsconfig.json": JSON.stringify(config),
    });
    const checked = Bun.spawnSync([join(repository, "node_modules/.bin/tsc"), "-p", folder], { cwd: folder });
    expect(checked.stdout.toString()).toBe("");
    expect(checked.exitCode).toBe(0);
  });
});
