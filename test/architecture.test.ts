/** What keeps the source readable and its layers apart, checked: imports, sans-IO, file sizes, links in the docs. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const files = (pattern: string) =>
  [...new Bun.Glob(pattern).scanSync({ cwd: root })].filter((file) => !file.includes("node_modules")).sort();
const read = (file: string) => readFileSync(join(root, file), "utf8");

/** What each folder of src/ may import from, besides itself, npm packages and the files that stand in src/ itself. */
const below: Readonly<Record<string, readonly string[]>> = {
  sip: [],
  media: [],
  speech: [],
  accounts: ["sip"],
  store: ["sip"],
  control: [],
  page: [],
  console: ["control"],
  transport: ["sip"],
  routing: ["sip", "transport", "accounts", "store"],
  agent: ["sip", "transport"],
  call: ["sip", "transport", "routing", "agent", "media", "speech"],
  handlers: ["sip", "transport", "routing", "agent", "call"],
  config: ["control", "sip", "transport", "accounts", "routing", "agent", "call", "handlers", "media", "speech"],
  server: [
    ...["sip", "transport", "accounts", "store", "control", "routing", "agent", "call", "handlers", "media"],
    "config",
    "speech",
    "page",
  ],
  library: ["sip", "transport", "accounts", "routing", "agent", "handlers", "config", "server"],
  phone: ["sip", "transport", "routing", "agent", "call", "handlers", "media", "config", "server"],
  cli: [
    "sip",
    "transport",
    "accounts",
    "control",
    "routing",
    "agent",
    "call",
    "handlers",
    "media",
    "config",
    "server",
    "phone",
    "console",
  ],
};

const sources = files("src/**/*.{ts,tsx}");
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
const importsOf = (file: string): string[] =>
  [...withoutComments(read(file)).matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, path = ""]) => path);
/** The folder of src/ that a file is in; "" for src/ itself. */
const layerOf = (file: string) => /^src\/([^/]+)\//.exec(file)?.[1] ?? "";

describe("src/", () => {
  test("each folder has its place among the layers", () => {
    const layers = new Set(sources.map(layerOf).filter((layer) => layer !== ""));
    expect([...layers].filter((layer) => !Object.hasOwn(below, layer))).toEqual([]);
  });

  test("imports go down only", () => {
    const wrong = sources.flatMap((file) => {
      const layer = layerOf(file);
      if (layer === "") return [];
      return importsOf(file)
        .filter((path) => path.startsWith("."))
        .filter((path) => {
          const to = relative(root, resolve(root, dirname(file), path));
          if (!to.startsWith("src/")) return !to.endsWith("package.json");
          // src/log.ts and its like serve everybody, but sip/ knows nothing of ours.
          if (layerOf(to) === "") return layer === "sip" || /^src\/(main|index)\.ts$/.test(to);
          return layerOf(to) !== layer && !below[layer]?.includes(layerOf(to));
        })
        .map((path) => `${file} imports ${path}`);
    });
    expect(wrong).toEqual([]);
  });

  test("the media engine is spoken to through its one door", () => {
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .map((path) => relative(root, resolve(root, dirname(file), path)))
        .filter((to) => layerOf(file) !== "media" && to.startsWith("src/media/") && to !== "src/media/index.ts")
        .map((to) => `${file} imports ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test("sip/ does no input or output and reads no clock", () => {
    const forbidden =
      /\b(?:setTimeout|setInterval|setImmediate|Date\.now|new Date|performance\.|Math\.random|Bun\.|process\.|console\.|fetch\()|"(?:node|bun):/;
    const wrong = sources
      .filter((file) => layerOf(file) === "sip")
      .flatMap((file) =>
        withoutComments(read(file))
          .split("\n")
          .filter((line) => forbidden.test(line))
          .map((line) => `${file}: ${line.trim()}`),
      );
    expect(wrong).toEqual([]);
  });

  test("no value is trusted unseen: no `any`, no non-null `!`, no bare Error", () => {
    const wrong = sources.flatMap((file) =>
      withoutComments(read(file))
        .split("\n")
        .filter((line) => /\bas any\b|:\s*any\b|\bnew Error\(|@ts-(?:ignore|expect-error|nocheck)/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("files", () => {
  test("say in their first line why they exist", () => {
    const wrong = [...sources, ...files("tools/*.ts")].filter(
      (file) => !/^(?:#!.*\n)?(?:\/\/|\/\*\*)/.test(read(file)),
    );
    expect(wrong).toEqual([]);
  });

  test("stay under 400 lines", () => {
    const long = ["src", "test", "tools", "scripts"]
      .flatMap((folder) => files(`${folder}/**/*.{ts,tsx,css}`))
      .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
      .filter(({ lines }) => lines > 400);
    expect(long).toEqual([]);
  });

  test("scripts that are shipped fit a page", () => {
    const long = files("scripts/*.ts").filter((file) => read(file).split("\n").length > 50);
    expect(long).toEqual([]);
  });
});

describe("documents", () => {
  const documents = [...files("*.md"), ...files("docs/**/*.md")];

  test.each(documents)("%s links only to what is there", (document) => {
    const wrong = [...read(document).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? join(root, document) : resolve(root, dirname(document), path);
        if (!existsSync(target)) return true;
        return (
          anchor !== undefined && target.endsWith(".md") && !anchorsOf(readFileSync(target, "utf8")).includes(anchor)
        );
      });
    expect(wrong).toEqual([]);
  });

  test("the README's map of src/ names every folder", () => {
    const folders = [...new Set(sources.map(layerOf))].filter((layer) => layer !== "");
    const readme = read("README.md");
    expect(folders.filter((folder) => !readme.includes(`src/${folder}`))).toEqual([]);
  });
});

/** The anchors that GitHub gives a document's headings. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-"),
  );
}
