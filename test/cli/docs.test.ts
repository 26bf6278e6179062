import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { readConfig } from "../../src/config/index.ts";
import { documentText, generatedDocuments } from "../../tools/docs.ts";

describe("the generated part of docs/", () => {
  test.each(generatedDocuments)("%s is what `npx bun tools/docs.ts` writes", (name) => {
    const { current, fresh } = documentText(name);
    expect(current).toBe(fresh);
    expect(fresh).not.toContain("(there is no part");
  });
});

test("the configuration examples of docs/ are right, but for the files they name", async () => {
  for (const name of ["configuration.md", "calls.md"]) {
    const text = readFileSync(resolve(import.meta.dir, "../../docs", name), "utf8");
    for (const [, example = ""] of text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)) {
      const loaded = await readConfig(new TextEncoder().encode(example), "/nowhere/siproc.yaml");
      const problems = loaded.ok ? [] : loaded.problems.map(({ message }) => message);
      expect(
        problems.filter(
          (message) => !message.startsWith("there is no script") && !message.startsWith("there is no program"),
        ),
      ).toEqual([]);
    }
  }
});
