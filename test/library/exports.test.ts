/** What the library exports: each has a documentation comment with an example, and is there because docs/library.md uses it. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { repository, textOf } from "../support/documents.ts";

interface Export {
  /** As programs write it. */
  readonly name: string;
  /** As its file does. */
  readonly own: string;
  readonly file: string;
}

/** The exports of a file that only passes on what others export. */
function exportsOf(file: string): Export[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^export (?:type )?(\*|\{[\s\S]*?\}) from "(.*)";/gm)].flatMap(
    ([, what = "", path = ""]) => {
      const from = resolve(dirname(file), path);
      if (what === "*") return exportsOf(from);
      return what
        .slice(1, -1)
        .split(",")
        .map((one) => one.trim().replace(/^type /, ""))
        .filter((one) => one !== "")
        .map((one) => {
          const [own = "", name = own] = one.split(" as ");
          return declared(from, own, name);
        });
    },
  );
}

/** Where it is declared: a folder's door passes on what its files export. */
function declared(file: string, own: string, name: string): Export {
  const text = readFileSync(file, "utf8");
  if (declaration(own).test(text)) return { name, own, file };
  const passed = [...text.matchAll(/^export (?:type )?(?:\*|\{([\s\S]*?)\}) from "(.*)";/gm)].find(
    ([, names]) => names === undefined || new RegExp(`\\b${own}\\b`).test(names),
  );
  const path = passed?.[2];
  if (path === undefined) throw new RangeError(`${own} is not declared in ${file}`);
  return declared(resolve(dirname(file), path), own, name);
}

const declaration = (name: string) =>
  new RegExp(`^export (?:const|class|function|async function|interface|type) ${name}\\b`, "m");

const exported = exportsOf(join(repository, "src/index.ts"));

describe("what the library exports", () => {
  test("is found", () => {
    expect(exported.map(({ name }) => name)).toContain("Agent");
    expect(exported.length).toBeGreaterThan(20);
  });

  test.each(exported.map((one) => [one.name, one] as const))("%s has an example", (_, { own, file }) => {
    const text = readFileSync(file, "utf8");
    const at = text.search(declaration(own));
    const comment = text.slice(text.lastIndexOf("/**", at), at);
    expect(comment).toContain("* @example");
    // The comment is right before it.
    expect(comment.trimEnd()).toEndWith("*/");
    expect(comment.indexOf("*/")).toBe(comment.trimEnd().length - 2);
  });

  test("is what docs/library.md names", () => {
    const text = textOf("docs/library.md");
    expect(exported.map(({ name }) => name).filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  });
});
