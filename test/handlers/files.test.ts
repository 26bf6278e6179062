/** Which files handlers get to touch. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveReadable, resolveWritable } from "../../src/handlers/files.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "siproc-files-")));
afterAll(() => rmSync(root, { recursive: true }));
const at = (...parts: string[]) => join(root, ...parts);
for (const folder of ["scripts/own", "sounds/de", "recordings", "secret", "sounds-not"])
  mkdirSync(at(folder), { recursive: true });
for (const file of [
  "scripts/own/a.wav",
  "sounds/a.wav",
  "sounds/b.wav",
  "sounds/de/c.wav",
  "secret/key",
  "sounds-not/x.wav",
  "recordings/old.wav",
])
  writeFileSync(at(file), "x");
symlinkSync(at("secret"), at("sounds/link"));
symlinkSync(at("secret/key"), at("sounds/key.wav"));
symlinkSync(at("sounds/b.wav"), at("sounds/alias.wav"));
symlinkSync(at("secret/new"), at("recordings/dangling.wav"));
symlinkSync(at("secret"), at("recordings/link"));
Bun.spawnSync(["mkfifo", at("sounds/pipe"), at("recordings/pipe")]);

describe("reading", () => {
  const rules = { base: at("scripts"), allow: [at("scripts/own"), at("sounds")] };
  test.each([
    ["own/a.wav", "scripts/own/a.wav"],
    ["sounds/b.wav", "sounds/b.wav"],
    ["b.wav", "sounds/b.wav"],
    ["de/c.wav", "sounds/de/c.wav"],
    ["./b.wav", "sounds/b.wav"],
    ["alias.wav", "sounds/b.wav"],
    [at("sounds/de/c.wav"), "sounds/de/c.wav"],
  ])("%s is allowed", (name, path) => {
    expect(resolveReadable(name, rules)).toEqual({ ok: true, path: at(path) });
  });

  test.each([
    ["missing.wav", "is not there"],
    ["../secret/key", "climbs"],
    ["sounds/../../secret/key", "climbs"],
    [at("secret/key"), "may not be read"],
    [at("sounds-not/x.wav"), "may not be read"],
    ["link/key", "may not be read"],
    ["key.wav", "may not be read"],
    ["/dev/zero", "may not be read"],
    ["/proc/self/environ", "may not be read"],
    ["pipe", "not a regular file"],
    ["de", "not a regular file"],
    ["a\0.wav", "NUL"],
    ["", "1 to 4096"],
    ["x".repeat(5000), "1 to 4096"],
  ])("%s is refused", (name, reason) => {
    const resolved = resolveReadable(name, rules);
    expect(resolved.ok ? resolved.path : resolved.reason).toContain(reason);
    expect(resolved.ok).toBe(false);
  });
});

describe("writing", () => {
  const rules = { base: at("scripts"), allow: [at("recordings"), at("made/later")] };
  test.each([
    ["recordings/new.wav", "recordings/new.wav"],
    ["new.wav", "recordings/new.wav"],
    ["old.wav", "recordings/old.wav"],
    [at("recordings/new.wav"), "recordings/new.wav"],
    [at("made/later/x.wav"), "made/later/x.wav"],
  ])("%s is allowed", (name, path) => {
    expect(resolveWritable(name, rules)).toEqual({ ok: true, path: at(path) });
  });

  test.each([
    ["../secret/key", "climbs"],
    [at("secret/new"), "may not be written"],
    [at("scripts/new.ts"), "may not be written"],
    ["dangling.wav", "symbolic link"],
    ["link/new.wav", "may not be written"],
    ["pipe", "not a regular file"],
    ["no-such/new.wav", "folder that is not there"],
    ["new/", "is a folder"],
    ["/dev/null", "may not be written"],
  ])("%s is refused", (name, reason) => {
    const resolved = resolveWritable(name, rules);
    expect(resolved.ok ? resolved.path : resolved.reason).toContain(reason);
    expect(resolved.ok).toBe(false);
  });

  test("nothing at all is allowed by default", () => {
    expect(resolveWritable("x.wav", { base: root, allow: [] }).ok).toBe(false);
    expect(resolveReadable("sounds/a.wav", { base: root, allow: [] }).ok).toBe(false);
  });

  test("a folder that the configuration names is made", () => {
    expect(statSync(at("made/later")).isDirectory()).toBe(true);
  });
});
