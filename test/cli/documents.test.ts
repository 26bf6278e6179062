/** Every example in the documents is what the program takes. (test/interop/types.test.ts has the TypeScript ones.) */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { readArguments } from "../../src/cli/arguments.ts";
import { commandNames, commandOf } from "../../src/cli/commands.ts";
import { readConfig } from "../../src/config/index.ts";
import { documents, examples, examplesIn, repository, textOf } from "../support/documents.ts";

const byPlace = (notation: string) => examplesIn(notation).map(({ place, text }) => [place, text] as const);

test("each example has a notation that is tested; plain ones are listings and other programs' files", () => {
  expect([...new Set(examples.map(({ notation }) => notation))].sort()).toEqual(["", "json", "sh", "ts", "yaml"]);
});

/** An environment that has every variable; the values may be keys. */
const everySet = new Proxy<Record<string, string>>(
  {},
  {
    get: (_, name) => `xxxxxxxx-${String(name)}`,
    getOwnPropertyDescriptor: (_, name) => ({
      value: `xxxxxxxx-${String(name)}`,
      configurable: true,
      enumerable: true,
    }),
  },
);

describe("a YAML example", () => {
  /** What it names need not be there. */
  const missing = /^there is no (?:script|program|file|such file)\b/;

  test.each(byPlace("yaml"))("%s is a configuration", async (_, text) => {
    const loaded = await readConfig(new TextEncoder().encode(text), "/nowhere/siproc.yaml", {
      environment: everySet,
    });
    const problems = loaded.ok ? [] : loaded.problems.map(({ message }) => message);
    expect(problems.filter((message) => !missing.test(message))).toEqual([]);
  });
});

test("what siproc.yaml.example has as comments is right as well", async () => {
  const text = textOf("siproc.yaml.example").replace(/^( *)# ?((?: {2})?(?:- |[a-z_]+:(?: |$)))/gm, "$1$2");
  expect(text).toMatch(/^accounts:\n {2}- /m);
  const loaded = await readConfig(new TextEncoder().encode(text), join(repository, "siproc.yaml.example"), {
    environment: everySet,
  });
  const problems = loaded.ok ? loaded.warnings : loaded.problems;
  expect(
    problems.map(({ message }) => message).filter((message) => !/^there is no (?:program|file)\b/.test(message)),
  ).toEqual([]);
});

describe("a shell example", () => {
  test.each(byPlace("sh"))("%s runs commands that there are", (_, text) => {
    for (const words of commandsOf(text)) expect(mistakeOf(words)).toBeUndefined();
  });
});

test.each(documents)("the commands that %s mentions are there", (name) => {
  const mentioned = [...textOf(name).matchAll(/`(?:\.\/)?(siproc [^`]+)`/g)].map(([, command = ""]) => command);
  // A command alone is its name, not a way to call it.
  const called = mentioned
    .flatMap(commandsOf)
    .filter((words) => words.length > 2 || commandOf(words[1] ?? "") === undefined);
  for (const words of called) expect(mistakeOf(words)).toBeUndefined();
});

test.each(byPlace("json"))("%s is JSON", (_, text) => {
  expect(JSON.parse(text)).toBeObject();
});

test("a listing of commands names those that there are, and all of them", () => {
  const listings = examplesIn("").filter(({ text }) => text.startsWith("siproc run "));
  expect(listings.length).toBe(1);
  const named = [...(listings[0]?.text ?? "").matchAll(/^siproc (\w+)/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual([...commandNames].sort());
});

/** The simple commands of a text for the shell, as words. Good enough for what stands in documents. */
function commandsOf(text: string): string[][] {
  return text
    .split("\n")
    .map((line) => line.replace(/(?:^|\s)#.*$/, ""))
    .flatMap((line) => line.split(/&&|\|\||[|;]/))
    .map((command) => command.replace(/\s*(?:2?>+|<)\s*\S+/g, "").trim())
    .map((command) =>
      [...command.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(
        ([, double, single, plain]) => double ?? single ?? plain ?? "",
      ),
    )
    .filter((words) => words.length > 0);
}

/** What is wrong with a command of ours; undefined for one that is right, or another program's. */
function mistakeOf([program = "", ...words]: readonly string[]): string | undefined {
  if (program === "npm") return npmMistake(words);
  if (program === "npx") return existsSync(join(repository, words[1] ?? "")) ? undefined : `no ${words[1]}`;
  if (!/(?:^|\/)siproc$/.test(program)) return undefined;
  const [name = "", ...rest] = words;
  // A program that is to handle calls.
  if (name === "help" || name.startsWith("--") || name.startsWith("./")) return undefined;
  const command = commandOf(name);
  if (command === undefined) return `there is no command ${name}`;
  const read = readArguments(rest, command.options, command.operands);
  return read.ok ? undefined : read.reason;
}

function npmMistake([verb = "", name = ""]: readonly string[]): string | undefined {
  const script = verb === "run" ? name : verb;
  if (verb === "install" || verb === "ci" || Object.hasOwn(manifest.scripts, script)) return undefined;
  return `package.json has no script ${script}`;
}
