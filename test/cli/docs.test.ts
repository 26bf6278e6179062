import { describe, expect, test } from "bun:test";
import { documentText, generatedDocuments } from "../../tools/docs.ts";

describe("the generated part of docs/", () => {
  test.each(generatedDocuments)("%s is what `npx bun tools/docs.ts` writes", (name) => {
    const { current, fresh } = documentText(name);
    expect(current).toBe(fresh);
    expect(fresh).not.toContain("(there is no part");
  });
});
