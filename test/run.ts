/**
 * What `npm test` does: types, lint, the binary, unit tests, then calls with other programs, and at the end one line
 * `N passed, N failed` (and `, N skipped`). Exits 1 if anything failed.
 *
 *     npm test                       everything
 *     npm test -- test/sip/uri       only the test files whose path holds one of these words
 *
 * Where a peer program or the shared test vectors are missing, the tests that need them are skipped and it is said; with the
 * environment variable CI set, that is a failure.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildHere, isStale } from "../tools/build.ts";
import { MissingPeer, missing } from "./support/peers/available.ts";
import { temporaryFolder } from "./support/peers/folder.ts";

const root = resolve(import.meta.dir, "..");
const testData = process.env.SIPROC_TEST_DATA ?? resolve(root, "../shared/data");
const hasTestData = existsSync(testData);
const inCi = Boolean(process.env.CI);
// Hundreds of servers that live for seconds: the rehearsal has a test of its own.
process.env.SIPROC_REHEARSE ??= "0";
const words = process.argv.slice(2);

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}
const total: Count = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

function count(name: string, outcome: Count): void {
  total.passed += outcome.passed;
  total.failed += outcome.failed;
  total.skipped += outcome.skipped;
  if (outcome.failed > 0) failures.push(`${name}: ${outcome.failed} failed`);
}

/** A step that passes or fails as a whole. */
function step(name: string, good: boolean): boolean {
  count(name, { passed: good ? 1 : 0, failed: good ? 0 : 1, skipped: 0 });
  return good;
}

function run(command: readonly string[]): boolean {
  return Bun.spawnSync([...command], { cwd: root, stdout: "inherit", stderr: "inherit", stdin: "ignore" }).success;
}

function title(text: string): void {
  console.log(`\n== ${text}`);
}

function checkSurroundings(): void {
  const absent = missing();
  const complaints = absent.length > 0 ? [new MissingPeer(absent).message] : [];
  if (!hasTestData)
    complaints.push(`no test vectors at ${testData}: set SIPROC_TEST_DATA to the folder that holds them`);
  for (const complaint of complaints)
    console.log(inCi ? complaint : `${complaint}. The tests that need it are skipped.`);
  if (inCi) step("what the tests need", complaints.length === 0);
}

async function build(): Promise<boolean> {
  if (!isStale()) return true;
  title("build");
  try {
    await buildHere();
  } catch (error) {
    console.error(error);
    return false;
  }
  return true;
}

interface Lanes {
  /** Bun processes at a time, and test files that each takes before the next one starts. */
  lanes: number;
  files: number;
  /** Of one test, in ms. */
  timeout: number;
}

/** Runs test files, each process taking the next few when one has ended, and counts by their reports. */
async function bunTest(name: string, files: readonly string[], { lanes, files: many, timeout }: Lanes): Promise<void> {
  if (files.length === 0) return;
  title(`${name}: ${files.length} files`);
  const began = performance.now();
  // Long files tend to take long: what comes last should be short.
  const size = (file: string) => statSync(join(root, file)).size;
  const waiting = [...files].sort((a, b) => size(b) - size(a));
  const seconds: [string, number][] = [];
  const lane = async () => {
    for (let next = waiting.splice(0, many); next.length > 0; next = waiting.splice(0, many))
      seconds.push(...(await bunProcess(name, next, timeout)));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  // So that whoever finds the whole too slow sees where to begin.
  const slowest = seconds.sort(([, a], [, b]) => b - a).slice(0, 8);
  console.log(
    `${name}: ${((performance.now() - began) / 1000).toFixed(0)} s; ${slowest.map(([file, time]) => `${file} ${time.toFixed(0)}`).join(", ")}`,
  );
}

/** One Bun process; how many seconds each of its files took. One that dies, or fails outside a test, counts too. */
async function bunProcess(name: string, files: readonly string[], timeout: number): Promise<[string, number][]> {
  const report = join(temporaryFolder("report"), "report.xml");
  const child = Bun.spawn(
    [
      ...[process.execPath, "test", "--only-failures", "--timeout", `${timeout}`],
      ...["--reporter=junit", `--reporter-outfile=${report}`],
      ...files.map((file) => `./${file}`),
    ],
    { cwd: root, stdout: "pipe", stderr: "pipe", stdin: "ignore" },
  );
  // Lanes would interleave their lines.
  const [code, ...output] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const xml = existsSync(report) ? readFileSync(report, "utf8") : "";
  const summary = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
  const number = (attribute: string) => Number(new RegExp(`\\b${attribute}="(\\d+)"`).exec(summary)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  const skipped = number("skipped");
  count(name, {
    passed: Math.max(0, number("tests") - failed - skipped),
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped,
  });
  if (code !== 0) console.log(output.join("").trim());
  return [...xml.matchAll(/^ {2}<testsuite name="([^"]+)"[^>]*\btime="([\d.]+)"/gm)].map(
    ([, file = "", time = ""]): [string, number] => [file, Number(time)],
  );
}

const tests = [...new Bun.Glob("{src,test}/**/*.test.ts").scanSync({ cwd: root })].sort();
const named = tests.filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
/** Files whose tests read the shared vectors; without these only CI tries to run them, and fails. */
const lacksData = (file: string) =>
  !hasTestData && !inCi && readFileSync(join(root, file), "utf8").includes("support/data.ts");
const isInterop = (file: string) => file.startsWith("test/interop/");
const chosen = named.filter((file) => !lacksData(file));

checkSurroundings();
for (const file of named.filter(lacksData)) {
  console.log(`skipped: ${file}`);
  total.skipped += 1;
}
if (words.length === 0) {
  title("typecheck");
  const tsc = [join(root, "node_modules/.bin/tsc"), "--noEmit"];
  const clients = ["src/page/client", "src/console/client"];
  step("typecheck", run(tsc) && clients.every((client) => run([...tsc, "-p", client])));
  title("lint");
  step("lint", run([join(root, "node_modules/.bin/biome"), "check", "."]));
}
const units = chosen.filter((file) => !isInterop(file));
/** What says how long others wait, or how much is taken: nothing else runs beside it. */
const isPunctual = (file: string) => /\/(promises|capacity|udp-flood)/.test(file);
await bunTest(
  "unit tests",
  units.filter((file) => !isPunctual(file)),
  { lanes: 2, files: 8, timeout: 30_000 },
);
await bunTest("unit tests of time", units.filter(isPunctual), { lanes: 1, files: 99, timeout: 30_000 });
const interop = chosen.filter(isInterop);
/** What floods, or is judged by how punctual it is: nothing else runs beside it. */
const needsAll = (file: string) => /\/(promises|filter|webrtc\.test|registrations-survive|relay)/.test(file);
/** Browsers take what they can get of the processors: phones beside them would send late. */
const withBrowser = (file: string) => /chromium|firefox/i.test(readFileSync(join(root, file), "utf8"));
if (interop.length > 0 && step("build", await build())) {
  const shared = interop.filter((file) => !needsAll(file));
  const timeout = 60_000;
  await bunTest("interop tests with browsers", shared.filter(withBrowser), { lanes: 2, files: 1, timeout });
  // Most of the time these wait for sound to be heard or for timers of other programs.
  const others = shared.filter((file) => !withBrowser(file));
  await bunTest("other interop tests", others, { lanes: 3, files: 1, timeout });
  const alone = interop.filter(needsAll);
  await bunTest("interop tests that need the whole machine", alone, { lanes: 1, files: 1, timeout });
}

for (const failure of failures) console.error(`\n${failure}`);
const { passed, failed, skipped } = total;
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
