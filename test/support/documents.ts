/** The documents that users read, and the examples in them. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const repository = resolve(import.meta.dir, "../..");

export const documents: readonly string[] = [
  "README.md",
  ...[...new Bun.Glob("docs/*.md").scanSync({ cwd: repository })].sort(),
];

export interface Example {
  /** The document and the line that the example begins in: `docs/cli.md:12`. */
  readonly place: string;
  /** What stands behind the fence's ticks: `yaml`; "" for a plain one. */
  readonly notation: string;
  readonly text: string;
}

/** All fenced examples of the documents. */
export const examples: readonly Example[] = documents.flatMap((name) => {
  const text = textOf(name);
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: notation = "", 2: inside = "" }) => ({
    place: `${name}:${text.slice(0, index).split("\n").length + 1}`,
    notation,
    text: inside,
  }));
});

export const examplesIn = (notation: string): Example[] => examples.filter((one) => one.notation === notation);

export function textOf(name: string): string {
  return readFileSync(join(repository, name), "utf8");
}
