/** `siproc man`: the manual pages siproc(1) and siproc.yaml(5), from the table of commands and the configuration's schema. */
import { configSections } from "../config/describe.ts";
import { version } from "../version.ts";
import type { Arguments, Option } from "./arguments.ts";
import { helpOption } from "./arguments.ts";
import { type CliCommand, commandNames, commandOf, exitCodeMeanings } from "./commands.ts";
import { exitCodes } from "./exit-codes.ts";
import { bold, example, italic, item, paragraphs, prose, quoted, section, subsection } from "./roff.ts";
import type { Terminal } from "./terminal.ts";

export const manualPages = ["siproc", "siproc.yaml"] as const;

/** Prints a page for man(1): `siproc man | man -l -`. */
export function man({ operands }: Arguments, terminal: Terminal): number {
  const [name = "siproc"] = operands;
  const page = manualPages.find((one) => one === name);
  if (page === undefined) {
    terminal.complain(`siproc: there is no page ${name}; there are ${manualPages.join(" and ")}`);
    return exitCodes.usage;
  }
  terminal.print(manualPage(page));
  return exitCodes.ok;
}

/** A page as roff with the macros of man(7). */
export function manualPage(name: (typeof manualPages)[number]): string {
  const sections = name === "siproc" ? programSections() : configurationSections();
  const number = name === "siproc" ? 1 : 5;
  // No date: the same version has the same page, whenever it is built.
  return `.TH ${quoted(name.toUpperCase())} ${number} "" ${quoted(`siproc ${version}`)} ${quoted("siproc manual")}
.nh
.ad l
${sections.join("\n")}
`;
}

function programSections(): string[] {
  return [
    section("NAME", prose("siproc - a scriptable SIP runtime").replace("\\-", "\\-")),
    section(
      "SYNOPSIS",
      [
        `${bold("siproc")} ${italic("COMMAND")} [${italic("ARGUMENTS")}]`,
        `${bold("siproc")} ${bold("./")}${italic("HANDLER")} [${italic("ARGUMENTS")}]`,
      ].join("\n.br\n"),
    ),
    section(
      "DESCRIPTION",
      paragraphs(
        `siproc answers phone calls and hands each one to a small program: a script in a sandbox, or any executable that reads and writes lines. It registers phones and browsers, brings their calls together, and is a phone in the terminal itself.

The second form is the original one: it registers and is called as the SIPROC_ variables say, with one process of HANDLER for each call.`,
      ),
    ),
    section("COMMANDS", commandNames.map(commandSection).join("\n")),
    section(
      "EXIT STATUS",
      exitCodeMeanings.map(([code, meaning]) => item(bold(String(code)), prose(meaning))).join("\n"),
    ),
    section(
      "SIGNALS",
      `.PP\nOf \\fBsiproc run\\fR:\n${[
        [
          "SIGTERM, SIGINT",
          "Take no new calls, and end when those that are up have ended, or after `limits.drain`; a second one ends them at once.",
        ],
        ["SIGHUP", "Read the configuration again; `siproc reload` does the same and says how that went."],
        ["SIGUSR1", "Open files of the log anew, after they were rotated away."],
      ]
        .map(([name = "", meaning = ""]) => item(bold(name), prose(meaning)))
        .join("\n")}`,
    ),
    section(
      "ENVIRONMENT",
      [
        ["NO_COLOR", "When it is set, output has no colours."],
        [
          "XDG_RUNTIME_DIR, RUNTIME_DIRECTORY",
          "The folder of the socket by which `siproc status` and its like reach a server: siproc/ in the first, or the second itself.",
        ],
        [
          "STATE_DIRECTORY",
          "Where the certificate of `tls: self-signed` is made; beside the configuration by default.",
        ],
        [
          "NOTIFY_SOCKET, WATCHDOG_USEC",
          "Set by systemd, which is told when the server is ready, reads its files, stops, and lives.",
        ],
        [
          "SIPROC_REGISTRAR_URI, SIPROC_ID_URI, SIPROC_USERNAME, SIPROC_PASSWORD, SIPROC_TRANSPORT_PORT, SIPROC_LOG_LEVEL",
          "Settings of the second form.",
        ],
      ]
        .map(([name = "", meaning = ""]) => item(bold(name), prose(meaning)))
        .join("\n"),
    ),
    section(
      "FILES",
      [
        ["siproc.yaml", "The configuration, in the folder where siproc is started."],
        ["/etc/siproc/siproc.yaml", "That of the system's service."],
        ["~/.config/siproc/", "Profiles of the terminal's phone."],
      ]
        .map(([name = "", meaning = ""]) => item(italic(name), prose(meaning)))
        .join("\n"),
    ),
    section("SEE ALSO", `${bold("siproc.yaml")}(5)`),
  ];
}

function commandSection(name: string): string {
  const command = commandOf(name);
  if (command === undefined) return "";
  return subsection(
    usageOf(name, command),
    [
      `.PP\n${prose(command.summary)}`,
      ...[...command.options, helpOption].map(optionItem),
      ...(command.details === undefined ? [] : [paragraphs(command.details)]),
    ].join("\n"),
  );
}

function usageOf(name: string, { options, operands }: CliCommand): string {
  return ["siproc", name, options.length > 0 ? "[OPTIONS]" : "", operands.shown]
    .filter((part) => part !== "")
    .join(" ");
}

function optionItem({ name, short, value, help }: Option): string {
  const argument = value === undefined ? "" : ` ${italic(value)}`;
  const letter = short === undefined ? "" : `${bold(`-${short}`)}${argument}, `;
  return item(`${letter}${bold(`--${name}`)}${argument}`, prose(help));
}

function configurationSections(): string[] {
  return [
    section("NAME", "siproc.yaml \\- the configuration of siproc"),
    section(
      "DESCRIPTION",
      `${paragraphs(`YAML that \`siproc run\` serves and \`siproc check\` checks. Paths count from the folder of the file. \`\${NAME}\` in a text is the value of an environment variable. Keys that there are not, and values of another kind, are errors with line and column; nothing starts half-configured.

A key with a dot is a key within a map: \`media.ports\` is written as`)}\n${example("media: { ports: 10000-20000 }")}`,
    ),
    ...configSections().map(({ title, keys }) =>
      section(
        title.toUpperCase(),
        keys
          .map(({ path, expected, shownDefault, doc }) =>
            item(
              bold(path),
              [
                prose(doc),
                ".br",
                prose(`Value: ${expected}.${shownDefault === "" ? "" : ` Default: ${shownDefault}.`}`),
              ].join("\n"),
            ),
          )
          .join("\n"),
      ),
    ),
    section(
      "EXAMPLE",
      example(`domains: [example.com]
store: sqlite:siproc.db
accounts:
  - { user: alice, password: "\${ALICE_PASSWORD}" }
routes:
  - { to: "echo@*", script: echo.ts }
  - { to: "*@example.com", location: true, auth: true, nat: relay }`),
    ),
    section("SEE ALSO", `${bold("siproc")}(1)`),
  ];
}
