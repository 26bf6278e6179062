/** Programs that use the library: those of docs/library.md, as printed, in a project of their own that has siproc installed. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { examplesIn, repository, textOf } from "./documents.ts";
import { temporaryFolder } from "./peers/folder.ts";
import { Program } from "./peers/program.ts";

const document = "docs/library.md";

export const isProgram = (text: string): boolean => text.includes('from "siproc"');
/** The TypeScript examples of the document, whole programs and pieces of such; and programs in other documents. */
export const libraryExamples = examplesIn("ts").filter(
  ({ place, text }) => place.startsWith(`${document}:`) || isProgram(text),
);

/** The only program, or number `at`, below a heading. */
export function programBelow(heading: string, at = 0): string {
  const part =
    textOf(document)
      .split(/^## /m)
      .find((one) => one.startsWith(`${heading}\n`)) ?? "";
  const found = libraryExamples.filter(({ text }) => isProgram(text) && part.includes(text))[at];
  if (found === undefined) throw new RangeError(`${document} has no program below “${heading}”`);
  return found.text;
}

/** Makes a project whose node_modules/siproc is a link, as `npm install <path>` makes it. */
export function project(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = temporaryFolder("library", { "package.json": '{ "type": "module", "private": true }', ...files });
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(repository, join(folder, "node_modules/siproc"));
  return folder;
}

export interface Running {
  program: Program;
  folder: string;
}

/** Runs a program with some of its texts replaced, such as addresses. */
export function runProgram(
  text: string,
  replaced: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Running {
  const source = Object.entries(replaced).reduce((all, [from, to]) => {
    if (!all.includes(from)) throw new RangeError(`the program does not say ${from}`);
    return all.replaceAll(from, to);
  }, text);
  const folder = project({ ...files, "program.ts": source });
  return { folder, program: new Program({ command: [process.execPath, "program.ts"], cwd: folder }) };
}
