/** The recipe of the image names what there is: commands, options, files. (Nothing here builds images.) */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readArguments } from "../../src/cli/arguments.ts";
import { commandOf } from "../../src/cli/commands.ts";
import { repository } from "../support/documents.ts";

const recipe = readFileSync(join(repository, "tools/package/Containerfile"), "utf8");
const instructions = recipe.replace(/\\\n/g, " ").split("\n");

function wordsOf(instruction: RegExp): string[] {
  const line = instructions.find((one) => instruction.test(one)) ?? "";
  const words: unknown = JSON.parse(/\[.*\]$/.exec(line)?.[0] ?? "[]");
  return Array.isArray(words) ? words.map(String) : [];
}

const commands: [what: string, words: string[]][] = [
  ["RUN", wordsOf(/^RUN \[/)],
  ["HEALTHCHECK", wordsOf(/^HEALTHCHECK /)],
  ["ENTRYPOINT and CMD", [...wordsOf(/^ENTRYPOINT /), ...wordsOf(/^CMD /)]],
];

test.each(commands)("%s is a command of ours", (_, [program, name = "", ...rest]) => {
  expect(program).toBe("siproc");
  const command = commandOf(name);
  expect(command).toBeDefined();
  expect(readArguments(rest, command?.options ?? [], command?.operands ?? { shown: "", min: 0, max: 0 }).ok).toBe(true);
});

test("nothing runs as root, and what is copied is what is built", () => {
  const user = instructions.findIndex((line) => line.startsWith("USER siproc"));
  expect(user).toBeGreaterThan(instructions.findIndex((line) => line.startsWith("COPY")));
  expect(user).toBeLessThan(instructions.findIndex((line) => line.startsWith("CMD")));
  expect(instructions.find((line) => line.startsWith("COPY"))).toEndWith(" siproc /usr/bin/siproc");
  expect(existsSync(join(repository, "tools/build.ts"))).toBe(true);
});
