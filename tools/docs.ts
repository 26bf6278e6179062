/**
 * Writes the generated parts of docs/ anew, from the tables that the program itself uses: calls.md from the vocabulary,
 * configuration.md from the schema, cli.md from the commands.
 *
 *     npx bun tools/docs.ts
 *
 * Generated text stands between `<!-- generated: NAME -->` and `<!-- end of generated: NAME -->`; a test checks that it is current.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type Argument,
  argumentsOf,
  type CommandEntry,
  commands,
  type EventEntry,
  events,
  kindOf,
  parametersOf,
} from "../src/call/vocabulary.ts";
import { commandNames, commandOf, exitCodeMeanings } from "../src/cli/commands.ts";
import { commandHelp } from "../src/cli/help.ts";
import { configReference } from "../src/config/describe.ts";
import { feedRows, operationRows } from "./docs-api.ts";

const docs = resolve(import.meta.dir, "../docs");

/** The generated parts by name. */
const parts: Readonly<Record<string, () => string>> = {
  commands: () =>
    Object.entries(commands)
      .map(([name, entry]) => commandPart(name, entry))
      .join("\n\n"),
  events: () =>
    Object.entries(events)
      .map(([name, entry]) => eventPart(name, entry))
      .join("\n\n"),
  keys: configReference,
  cli: () => commandNames.map(cliPart).join("\n\n"),
  operations: () => table(["Request", "What for", "Who may"], operationRows()),
  "feed events": () => table(["Event", "When", "`data`"], feedRows()),
  "exit codes": () =>
    table(
      ["Code", "Meaning"],
      exitCodeMeanings.map(([code, meaning]) => [String(code), meaning]),
    ),
};

/** The documents that have generated parts. */
export const generatedDocuments = ["calls.md", "configuration.md", "cli.md", "api.md"] as const;

/** A document of docs/ as it stands and as it should. */
export function documentText(name: (typeof generatedDocuments)[number]): { current: string; fresh: string } {
  const current = readFileSync(join(docs, name), "utf8");
  const fresh = current.replace(
    /(<!-- generated: ([\w ]+) -->\n)[\s\S]*?(<!-- end of generated: \2 -->)/g,
    (_, begin: string, part: string, end: string) =>
      `${begin}\n${aligned(parts[part]?.() ?? `(there is no part “${part}”)`)}\n${end}`,
  );
  return { current, fresh };
}

function commandPart(name: string, entry: CommandEntry): string {
  const args = argumentsOf(entry);
  const { positional, options } = parametersOf(entry);
  const words = args.map(([arg, { optional }]) => {
    const word = options.includes(arg) ? `${arg}=…` : arg;
    return optional ? `[${word}]` : word;
  });
  const listed = (wanted: readonly string[]) =>
    args.filter(([arg]) => wanted.includes(arg)).map(([arg, { optional }]) => arg + (optional ? "?" : ""));
  const list = [...listed(positional), ...(options.length === 0 ? [] : [`{ ${listed(options).join(", ")} }`])].join(
    ", ",
  );
  const result = entry.result === "void" ? "" : ` It gives a \`${entry.result}\`.`;
  return [
    `### ${name}`,
    "",
    entry.summary,
    "",
    `- On a line: \`${[name, ...words].join(" ")}\``,
    `- In a script: \`await call.${name.toLowerCase()}(${list})\`, done ${entry.settles}.${result}`,
    ...argumentTable(args),
  ].join("\n");
}

function eventPart(name: string, entry: EventEntry): string {
  const args = argumentsOf(entry);
  return [
    `### ${name} event`,
    "",
    entry.summary,
    "",
    `- On a line: \`${[name, ...args.map(([arg]) => arg)].join(" ")}\``,
    `- In a script: \`{ ${[`type: "${name.toLowerCase()}"`, ...args.map(([arg]) => arg)].join(", ")} }\``,
    ...argumentTable(args),
  ].join("\n");
}

function argumentTable(args: readonly [string, Argument][]): string[] {
  if (args.length === 0) return [];
  const optional = args.some(([, argument]) => argument.optional);
  const rows = args.map(([name, argument]) => {
    const cells = [`\`${name}\``, argument.summary, kindOf(argument).expected];
    return optional ? [...cells, argument.default ?? "(must be given)"] : cells;
  });
  return ["", table(["Argument", "Meaning", "Value", ...(optional ? ["Default"] : [])], rows)];
}

function cliPart(name: string): string {
  const command = commandOf(name);
  return command === undefined ? "" : `## siproc ${name}\n\n\`\`\`\n${commandHelp(name, command).trimEnd()}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [row(head), `|${head.map(() => "---|").join("")}`, ...rows.map(row)].join("\n");
}

/** The same text with the cells of each table under one another, as `npm run format` wants them. */
function aligned(markdown: string): string {
  return markdown.replace(/(?:^\|.*(?:\n|$))+/gm, (text) => {
    const rows = text
      .trimEnd()
      .split("\n")
      .map((line) =>
        line
          .slice(1, -1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim()),
      );
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(3, ...rows.map((row, i) => (i === 1 ? 0 : [...(row[column] ?? "")].length))),
    );
    const lines = rows.map((row, i) =>
      row.map((cell, column) =>
        i === 1 ? "-".repeat(widths[column] ?? 3) : cell + " ".repeat((widths[column] ?? 0) - [...cell].length),
      ),
    );
    return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n") + (text.endsWith("\n") ? "\n" : "");
  });
}

if (import.meta.main) for (const name of generatedDocuments) writeFileSync(join(docs, name), documentText(name).fresh);
