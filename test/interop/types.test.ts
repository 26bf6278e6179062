/**
 * What `siproc types` prints fits the scripts that are shipped and every example in the documents. (Those of the library are
 * no scripts: test/library/project.test.ts has them.)
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { examplesIn } from "../support/documents.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { binary, repository } from "../support/peers/siproc.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");
const find = (pattern: string) => [...new Bun.Glob(pattern).scanSync({ cwd: repository })].sort();

/** The documents' TypeScript examples as files. One that is not a script by itself is taken for the inside of one. */
const examples = () =>
  examplesIn("ts")
    .filter(({ place, text }) => !place.startsWith("docs/library.md:") && !text.includes('from "siproc"'))
    .map(({ place, text }): [name: string, text: string] => [
      `${place.replace(/\W/g, "-")}.ts`,
      text.includes("export default") ? text : `export default async function (call: Call) {\n${text}}\n`,
    ]);

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
    const documented = examples();
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
