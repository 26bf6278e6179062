/** The manual pages and the completions of shells, as man, bash, zsh and fish take them. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";

async function printed(...argv: string[]): Promise<string> {
  const out: string[] = [];
  const complaints: string[] = [];
  await main(argv, {
    print: (text) => void out.push(text),
    complain: (line) => void complaints.push(line),
    mark: (_, word) => word,
  });
  expect(complaints).toEqual([]);
  return out.join("");
}

function run(command: string[], env: Record<string, string> = {}): { code: number; out: string; err: string } {
  const done = Bun.spawnSync(command, { env: { ...process.env, ...env }, timeout: 20_000 });
  return { code: done.exitCode, out: done.stdout.toString(), err: done.stderr.toString() };
}

describe.skipIf(!has("man"))("man", () => {
  const pages: [page: string, file: string, says: RegExp[]][] = [
    [
      "siproc",
      "siproc.1",
      [
        /siproc - a scriptable SIP runtime/,
        /^ {3}siproc reload \[FILE\]$/m,
        /^ {7}-j N, --jobs N$/m,
        /\.\/HANDLER/,
        /source <\(siproc completions bash\)/,
      ],
    ],
    [
      "siproc.yaml",
      "siproc.yaml.5",
      [/siproc\.yaml - the configuration/, /^ {7}media\.ports\b/m, /\$\{ALICE_PASSWORD\}/, /KEYS OF A ROUTE/],
    ],
  ];
  describe.each(["C.UTF-8", "C"])("with the locale %s", (locale) => {
    test.each(pages)("shows %s without a warning", async (page, file, says) => {
      const path = join(temporaryFolder("man", { [file]: await printed("man", page) }), file);
      const shown = run(["man", "--warnings", "-l", path], {
        LC_ALL: locale,
        MANWIDTH: "200",
        MAN_KEEP_FORMATTING: "",
      });
      expect({ code: shown.code, err: shown.err }).toEqual({ code: 0, err: "" });
      for (const pattern of says) expect(shown.out).toMatch(pattern);
    });
  });
});

/** What a shell offers for a line that ends where the cursor is. */
const lines: [line: string, offered: string[]][] = [
  ["siproc rel", ["reload"]],
  ["siproc completions ", ["bash", "fish", "zsh"]],
  ["siproc run --log-format ", ["json", "pretty"]],
  ["siproc call --jo", ["--jobs"]],
  ["siproc status --b", ["--ban", "--bans"]],
  ["siproc check first.y", ["first.yaml"]],
  ["siproc help hea", ["health"]],
];
const folder = () => temporaryFolder("completions", { "first.yaml": "" });

describe("bash", () => {
  test.each(lines)("completes “%s”", async (line, offered) => {
    const words = line.split(" ");
    // Bash itself completes files where compopt says so.
    const script = `${await printed("completions", "bash")}
compopt() { COMPREPLY+=($(compgen -f -- "$current")); }
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_siproc; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const done = Bun.spawnSync(["bash", "-c", script], { cwd: folder() });
    expect(done.stderr.toString()).toBe("");
    expect(done.stdout.toString().trim().split("\n").sort()).toEqual(offered);
  });
});

describe.skipIf(!has("fish"))("fish", () => {
  test("completes them all, too", async () => {
    const script = [await printed("completions", "fish"), ...lines.map(([line]) => `complete -C '${line}'; echo .`)];
    const done = Bun.spawnSync(["fish", "--no-config", "-c", script.join("\n")], { cwd: folder() });
    expect(done.stderr.toString()).toBe("");
    const answers = done.stdout
      .toString()
      .trimEnd()
      .split(/^\.$\n?/m)
      .slice(0, lines.length);
    const offered = answers.map((answer) =>
      answer
        .trim()
        .split("\n")
        .map((one) => one.replace(/\t.*/, ""))
        .sort(),
    );
    expect(offered).toEqual(lines.map(([, words]) => words));
  });
});

describe.skipIf(!has("zsh"))("zsh", () => {
  test("completes them all, too", async () => {
    // A shell within the shell, at whose keys we sit: Tab takes the first of what is offered, and ^T shows the line.
    const files = temporaryFolder("zsh", {
      _siproc: await printed("completions", "zsh"),
      "first.yaml": "",
      ".zshrc": `PS1=
setopt menucomplete
fpath=($ZDOTDIR $fpath)
cd $ZDOTDIR
autoload -U compinit; compinit -D -u
show() { print -r -- "<<$BUFFER>>" }
zle -N show; bindkey '^T' show
print ready
`,
    });
    const script = `zmodload zsh/zpty
zpty inner zsh -d -i
zpty -r inner out '*ready*'
for line in ${lines.map(([line]) => `'${line}'`).join(" ")}; do
  zpty -w -n inner $'\\x15'"$line"$'\\t\\x14'
  zpty -r inner out '*>>*'
  print -r -- "$out"
done`;
    const { out } = run(["zsh", "-f", "-c", script], { ZDOTDIR: files });
    const taken = [...out.matchAll(/<<(.*?)>>/g)].map(([, line = ""]) => line.trimEnd());
    expect(taken).toEqual(lines.map(([line, [first = ""]]) => line.replace(/\S*$/, first)));
  });
});
