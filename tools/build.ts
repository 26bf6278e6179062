/**
 * Makes dist/siproc, one file that needs no Bun, no Node and no node_modules where it runs.
 *
 *     npm run build              for this machine: dist/siproc
 *     npm run build -- --all     also dist/siproc-linux-arm64 and dist/siproc-darwin-arm64
 *
 * Bun copies itself into the binary. For another platform it needs that platform's Bun: it comes from the same npm package that
 * `npm install` would take there, checked against package-lock.json.
 */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { BunPlugin } from "bun";
import { consoleScript, consoleStyle } from "../src/console/bundle.ts";
import { pageScript } from "../src/page/bundle.ts";

const root = resolve(import.meta.dir, "..");
const source = join(root, "src");
const dist = join(root, "dist");
const cache = join(root, "node_modules", ".cache", "siproc");

/** What `dist/siproc` is called here. */
export const binary = join(dist, "siproc");

export class BuildError extends Error {
  override name = "BuildError";
}

interface Target {
  /** As Bun names it. */
  bun: "bun-linux-arm64" | "bun-darwin-arm64";
  file: string;
  /** The npm package that holds Bun for it. */
  runtime: string;
  /** How its executables begin: format and processor. */
  starts: (head: Buffer) => boolean;
}

const others: readonly Target[] = [
  {
    bun: "bun-linux-arm64",
    file: join(dist, "siproc-linux-arm64"),
    runtime: "@oven/bun-linux-aarch64",
    // ELF, 64 bit; e_machine 183 is AArch64.
    starts: (head) => head.readUInt32BE(0) === 0x7f454c46 && head.readUInt16LE(18) === 183,
  },
  {
    bun: "bun-darwin-arm64",
    file: join(dist, "siproc-darwin-arm64"),
    runtime: "@oven/bun-darwin-aarch64",
    // Mach-O, 64 bit; cputype 0x0100000c is ARM64.
    starts: (head) => head.readUInt32LE(0) === 0xfeedfacf && head.readUInt32LE(4) === 0x0100000c,
  },
];

/** Whether dist/siproc is missing or older than what it is made from. */
export function isStale(): boolean {
  if (!existsSync(binary)) return true;
  const built = statSync(binary).mtimeMs;
  const sources = [...new Bun.Glob("**/*").scanSync({ cwd: source, absolute: true })];
  return [...sources, join(root, "package.json"), join(root, "package-lock.json"), import.meta.path].some(
    (file) => statSync(file).mtimeMs > built,
  );
}

/** Builds dist/siproc for the machine at hand. */
export async function buildHere(): Promise<void> {
  await compile(binary, {});
}

async function buildFor(target: Target): Promise<void> {
  await compile(target.file, { target: target.bun, executablePath: await runtimeFor(target) });
  const head = Buffer.from(await Bun.file(target.file).slice(0, 64).arrayBuffer());
  if (!target.starts(head)) throw new BuildError(`${target.file} is not an executable for ${target.bun}`);
}

/** A worker is a program of its own inside the binary: each file of this name becomes one. */
function workers(): string[] {
  return [...new Bun.Glob("**/worker.ts").scanSync({ cwd: source, absolute: true })].sort();
}

async function compile(file: string, extra: { target?: Target["bun"]; executablePath?: string }): Promise<void> {
  mkdirSync(dist, { recursive: true });
  // Built aside and renamed: a binary that is running, or a build that fails, leaves the old one whole.
  const aside = mkdtempSync(join(dist, ".build-"));
  try {
    const made = join(aside, "siproc");
    // Before the build, not within it: one that a plugin starts waits for the one that waits for it.
    const page = { pageScript: await pageScript() };
    const operators = { consoleScript: await consoleScript(), consoleStyle: await consoleStyle() };
    await Bun.build({
      entrypoints: [join(source, "main.ts"), ...workers()],
      root: source,
      // A command loads what it needs, and the door nothing else.
      splitting: true,
      // Names stay, so that a stack trace in a log can be read.
      minify: { syntax: true, whitespace: true, identifiers: false },
      sourcemap: "inline",
      // Compiled to the engine's bytecode beforehand, it starts in half the time. Another platform's engine may not understand that.
      format: "esm",
      bytecode: extra.target === undefined,
      plugins: [embedded("page", page), embedded("console", operators), embeddedUrls, decodersWithoutWorkers],
      // Whatever .env or bunfig.toml lies in the folder where siproc is started is none of its business.
      compile: { outfile: made, autoloadDotenv: false, autoloadBunfig: false, ...extra },
    });
    chmodSync(made, 0o755);
    renameSync(made, file);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  console.log(`${relative(root, file)}  ${(statSync(file).size / 1e6).toFixed(1)} MB`);
}

/**
 * `new URL("./worker.ts", import.meta.url)` counts from its own file when run from source. In the binary every module is in a
 * file at the top of the embedded tree, so there the same path has to count from src/.
 */
const embeddedUrls: BunPlugin = {
  name: "embedded-urls",
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const text = await Bun.file(path).text();
      const contents = text.replace(/new URL\(\s*"(\.[^"]+)"\s*,\s*import\.meta\.url\s*\)/g, (_, to: string) => {
        const aim = resolve(dirname(path), to);
        if (!workers().includes(aim)) throw new BuildError(`${path} refers to ${to}, which is not embedded`);
        return `new URL("./${relative(source, aim)}", import.meta.url)`;
      });
      return { contents, loader: "ts" };
    });
  },
};

/** The scripts of the pages are made beforehand: the binary has neither their sources nor what they are built on. */
const embedded = (folder: "page" | "console", texts: Readonly<Record<string, string>>): BunPlugin => ({
  name: `embedded-${folder}`,
  setup(build) {
    build.onLoad({ filter: new RegExp(`[\\\\/]src[\\\\/]${folder}[\\\\/]bundle\\.ts$`) }, () => ({
      contents: Object.entries(texts)
        .map(([name, text]) => `export const ${name} = async () => ${JSON.stringify(text)};`)
        .join("\n"),
      loader: "ts",
    }));
  },
});

/**
 * The decoders of @wasm-audio-decoders have a variant each that runs in a worker of its own. We have ours; and Bun's bundler leaves
 * that variant out but not the line that names it.
 */
const decodersWithoutWorkers: BunPlugin = {
  name: "decoders-without-workers",
  setup(build) {
    build.onLoad({ filter: /@wasm-audio-decoders[\\/](flac|ogg-vorbis)[\\/]index\.js$/ }, async ({ path }) => {
      const text = await Bun.file(path).text();
      const contents = text
        .replace(/^(import|assignNames).*WebWorker.*$/gm, "")
        .replace(/,\s*\w+WebWorker(?=\s*[,}])/g, "");
      if (contents.includes("WebWorker")) throw new BuildError(`${path} is not as it was: it still names a worker`);
      return { contents, loader: "js" };
    });
  },
};

/** The Bun executable of another platform, fetched once by npm and checked against package-lock.json. */
async function runtimeFor(target: Target): Promise<string> {
  const locked = lockedPackage(target.runtime);
  const folder = join(cache, `${target.runtime.replace("/", "-").slice(1)}-${locked.version}`);
  const executable = join(folder, "package", "bin", "bun");
  if (existsSync(executable)) return executable;
  mkdirSync(cache, { recursive: true });
  const aside = mkdtempSync(join(cache, ".fetch-"));
  try {
    console.log(`fetching ${target.runtime}@${locked.version}`);
    run(["npm", "pack", "--silent", "--pack-destination", aside, `${target.runtime}@${locked.version}`]);
    const [tarball] = new Bun.Glob("*.tgz").scanSync({ cwd: aside, absolute: true });
    if (tarball === undefined) throw new BuildError(`npm pack ${target.runtime} made no file`);
    const found = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    if (found !== locked.integrity)
      throw new BuildError(
        `${target.runtime}@${locked.version} is ${found}; package-lock.json says ${locked.integrity}`,
      );
    run(["tar", "-xzf", tarball, "-C", aside]);
    rmSync(tarball);
    rmSync(folder, { recursive: true, force: true });
    renameSync(aside, folder);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return executable;
}

function lockedPackage(name: string): { version: string; integrity: string } {
  const lock: unknown = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const entry = property(property(lock, "packages"), `node_modules/${name}`);
  const version = property(entry, "version");
  const integrity = property(entry, "integrity");
  if (typeof version !== "string" || typeof integrity !== "string")
    throw new BuildError(`package-lock.json has no version and integrity for ${name}`);
  if (version !== Bun.version)
    throw new BuildError(`this is Bun ${Bun.version}; package-lock.json says ${name}@${version}`);
  return { version, integrity };
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function run(command: string[]): void {
  const done = Bun.spawnSync(command, { cwd: cache, stdout: "ignore", stderr: "pipe" });
  if (!done.success) throw new BuildError(`${command.join(" ")}: ${done.stderr.toString().trim()}`);
}

if (import.meta.main) {
  try {
    await buildHere();
    if (process.argv.includes("--all")) for (const target of others) await buildFor(target);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`build: ${error.message}`);
    process.exit(1);
  }
}
