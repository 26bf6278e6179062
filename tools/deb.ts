/**
 * Makes dist/siproc_VERSION_ARCH.deb: the binary, its service, configuration, manual pages, completions and scripts.
 *
 *     npm run deb                      for this machine, from dist/siproc
 *     npm run deb -- --arch arm64      from dist/siproc-linux-arm64
 *
 * It needs dpkg-deb. The same sources and SOURCE_DATE_EPOCH give the same octets.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { firstConfiguration, helloScript } from "../src/cli/first-configuration.ts";
import { main } from "../src/cli/main.ts";
import { manualPage } from "../src/cli/man.ts";
import { version } from "../src/version.ts";

const root = resolve(import.meta.dir, "..");
const parts = join(import.meta.dir, "package");

export class PackageError extends Error {
  override name = "PackageError";
}

export interface DebOptions {
  /** Debian's name of the processor. */
  readonly arch: "amd64" | "arm64";
  readonly binary: string;
  /** The folder that the package is put into. */
  readonly into: string;
  /** What dpkg-deb compresses with; none is quicker by far. */
  readonly compression?: "xz" | "none";
  /** Seconds since 1970: the time of all files. */
  readonly time: number;
}

/** What goes where: path -> content, with its mode where it is not 0644. */
type Files = Readonly<Record<string, { readonly content: string | Uint8Array; readonly mode?: number }>>;

const maintainer = "the siproc authors <siproc@example.org>";
const service = "/lib/systemd/system/siproc.service";
/** Files that an administrator changes, and an upgrade leaves alone. */
export const conffiles = ["/etc/logrotate.d/siproc", "/etc/siproc/siproc.yaml"] as const;

/** Builds the package; gives its path. @throws PackageError */
export async function buildDeb({ arch, binary, into, compression = "xz", time }: DebOptions): Promise<string> {
  if (!existsSync(binary)) throw new PackageError(`${relative(root, binary)} is not built: npm run build`);
  mkdirSync(into, { recursive: true });
  const folder = mkdtempSync(join(into, ".deb-"));
  try {
    chmodSync(folder, 0o755);
    for (const [path, { content, mode = 0o644 }] of Object.entries(await contents(time)))
      put(join(folder, path), content, mode);
    mkdirSync(join(folder, "usr/bin"), { recursive: true });
    cpSync(binary, join(folder, "usr/bin/siproc"));
    chmodSync(join(folder, "usr/bin/siproc"), 0o755);
    for (const name of ["postinst", "prerm", "postrm"]) put(join(folder, "DEBIAN", name), part(name), 0o755);
    put(join(folder, "DEBIAN/conffiles"), `${conffiles.join("\n")}\n`, 0o644);
    put(join(folder, "DEBIAN/md5sums"), md5sums(folder), 0o644);
    put(join(folder, "DEBIAN/control"), control(arch, folder), 0o644);
    for (const path of everything(folder)) utimesSync(path, time, time);
    const file = join(into, `siproc_${version}_${arch}.deb`);
    // The least of xz: more takes minutes for a twentieth less.
    const done = Bun.spawnSync(["dpkg-deb", "--root-owner-group", `-Z${compression}`, "-z1", "--build", folder, file], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(time) },
    });
    if (!done.success) throw new PackageError(`dpkg-deb: ${done.stderr.toString().trim()}`);
    return file;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function contents(time: number): Promise<Files> {
  const completions = async (shell: string) => {
    const printed: string[] = [];
    await main(["completions", shell], {
      print: (text) => void printed.push(text),
      complain: () => {},
      mark: () => "",
    });
    return printed.join("");
  };
  const doc = "/usr/share/doc/siproc";
  return {
    [service]: { content: part("siproc.service") },
    "/etc/logrotate.d/siproc": { content: part("logrotate") },
    // 0640: passwords may stand in it. The package's script gives it to the group of the service.
    "/etc/siproc/siproc.yaml": { content: configuration(), mode: 0o640 },
    "/usr/share/man/man1/siproc.1.gz": { content: gzip(manualPage("siproc")) },
    "/usr/share/man/man5/siproc.yaml.5.gz": { content: gzip(manualPage("siproc.yaml")) },
    "/usr/share/bash-completion/completions/siproc": { content: await completions("bash") },
    "/usr/share/zsh/vendor-completions/_siproc": { content: await completions("zsh") },
    "/usr/share/fish/vendor_completions.d/siproc.fish": { content: await completions("fish") },
    [`${doc}/copyright`]: { content: copyright() },
    [`${doc}/changelog.gz`]: { content: gzip(debianChangelog(time)) },
    [`${doc}/CHANGELOG.md.gz`]: { content: gzip(readFileSync(join(root, "CHANGELOG.md"), "utf8")) },
    [`${doc}/examples/siproc.yaml.example`]: { content: readFileSync(join(root, "siproc.yaml.example"), "utf8") },
    // Where siproc.yaml.example looks for them: who copies the folder has it all.
    ...scripts(`${doc}/examples/scripts`),
    "/usr/share/siproc/hello.ts": { content: helloScript },
  };
}

function scripts(to: string): Files {
  const from = join(root, "scripts");
  const names = [...new Bun.Glob("**/*").scanSync({ cwd: from })].sort();
  return Object.fromEntries(names.map((name) => [`${to}/${name}`, { content: readFileSync(join(from, name)) }]));
}

/** Nothing that strangers reach until somebody has decided so. */
export function configuration(): string {
  return firstConfiguration({
    host: "127.0.0.1",
    domain: undefined,
    accounts: [],
    store: "sqlite:/var/lib/siproc/siproc.db",
    script: "/usr/share/siproc/hello.ts",
    recordings: "/var/lib/siproc/recordings",
  });
}

function control(arch: string, folder: string): string {
  const octets = everything(folder).reduce((sum, path) => sum + (statSync(path).isFile() ? statSync(path).size : 0), 0);
  return `Package: siproc
Version: ${version}
Architecture: ${arch}
Maintainer: ${maintainer}
Section: comm
Priority: optional
Installed-Size: ${Math.ceil(octets / 1024)}
Depends: libc6 (>= 2.17), passwd
Suggests: logrotate, espeak-ng, pocketsphinx
Description: scriptable SIP runtime
 siproc answers phone calls and hands each one to a small program: a
 TypeScript or JavaScript file in a sandbox, or any executable that reads and
 writes lines. Phones and browsers register with it over UDP, TCP, TLS and
 WebSocket, and it brings their calls together. It is a phone in the terminal,
 too.
`;
}

/** In the form that Debian's tools read; what is new stands in the project's own. */
function debianChangelog(time: number): string {
  const date = new Date(time * 1000).toUTCString().replace("GMT", "+0000");
  return `siproc (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- ${maintainer}  ${date}\n`;
}

function copyright(): string {
  const licence = readFileSync(join(root, "LICENSE"), "utf8").trim().split("\n");
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: siproc

Files: *
Copyright: ${licence.find((line) => line.startsWith("Copyright"))?.replace(/^Copyright \(c\) /, "") ?? "the siproc authors"}
License: Expat
${licence
  .slice(4)
  .map((line) => (line === "" ? " ." : ` ${line}`))
  .join("\n")}
`;
}

function md5sums(folder: string): string {
  return everything(folder)
    .filter((path) => statSync(path).isFile())
    .map((path) => relative(folder, path))
    .filter((path) => !path.startsWith("DEBIAN/") && !conffiles.some((conffile) => conffile === `/${path}`))
    .sort()
    .map(
      (path) =>
        `${createHash("md5")
          .update(readFileSync(join(folder, path)))
          .digest("hex")}  ${path}\n`,
    )
    .join("");
}

function everything(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map((path) => join(folder, String(path)));
}

function put(path: string, content: string | Uint8Array, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

const part = (name: string): string => readFileSync(join(parts, name), "utf8");
/** Without a time in it, as gzip -n. */
const gzip = (text: string): Uint8Array => gzipSync(text, { level: 9 });

if (import.meta.main) {
  const arch = process.argv.includes("--arch") ? process.argv[process.argv.indexOf("--arch") + 1] : undefined;
  const here = process.arch === "arm64" ? "arm64" : "amd64";
  try {
    if (arch !== undefined && arch !== "amd64" && arch !== "arm64")
      throw new PackageError(`--arch is amd64 or arm64; found “${arch}”`);
    const into = join(root, "dist");
    const file = await buildDeb({
      arch: arch ?? here,
      binary: join(into, arch === undefined || arch === here ? "siproc" : `siproc-linux-${arch}`),
      into,
      time: Number(process.env.SOURCE_DATE_EPOCH ?? Math.floor(Date.now() / 1000)),
    });
    console.log(`${relative(root, file)}  ${(statSync(file).size / 1e6).toFixed(1)} MB`);
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    console.error(`deb: ${error.message}`);
    process.exit(1);
  }
}
