// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the configuration writes
import { describe, expect, test } from "bun:test";
import { readConfig } from "../../src/config/index.ts";
import { below, pick, seeded } from "../support/random.ts";

/** `ms` of the main thread's own work, whatever else the machine does. */
async function timed(text: string | Uint8Array): Promise<{ ok: boolean; message: string; ms: number }> {
  const octets = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const before = process.threadCpuUsage();
  const loaded = await readConfig(octets, "/nowhere/siproc.yaml", { environment: {} });
  const message = loaded.ok ? "" : (loaded.problems[0]?.message ?? "(none)");
  const { user, system } = process.threadCpuUsage(before);
  return { ok: loaded.ok, message, ms: (user + system) / 1000 };
}

const laughs = Array.from({ length: 12 }, (_, i) => {
  const alias = i === 0 ? '"lol"' : `*l${i - 1}`;
  return `l${i}: &l${i} [${Array.from({ length: 10 }, () => alias).join(", ")}]`;
}).join("\n");

describe("hostile YAML ends as a problem, soon", () => {
  const table: [name: string, text: string | Uint8Array, says: string][] = [
    ["a billion laughs", laughs, "by aliases"],
    ["a cycle", "a: &a [*a]", "stands inside what it refers to"],
    ["ten megabytes", `# ${"x".repeat(10_000_000)}`, "larger than 256 KiB"],
    ["deep flow", "[".repeat(200_000), "deep"],
    ["deep flow over lines", "[\n".repeat(100_000), ""],
    ["deep flow of maps", "{a: ".repeat(60_000), ""],
    ["deep blocks", Array.from({ length: 600 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"), "deep"],
    ["deep dashes", "- ".repeat(100_000), ""],
    ["many keys", Array.from({ length: 25_000 }, (_, i) => `k${i}: 1`).join("\n"), "there is no key"],
    ["many anchors", Array.from({ length: 12_000 }, (_, i) => `- &a${i} *a${i}`).join("\n"), ""],
    ["many aliases", `a: &a 1\nb: [${"*a,".repeat(80_000)}]`, ""],
    ["many faults", "}{".repeat(20_000), ""],
    ["many documents", "---\n".repeat(50_000), ""],
    ["many tags", `log: [${"!x a,".repeat(30_000)}]`, "tags"],
    ["question marks", "? ".repeat(50_000), ""],
    ["quotes", '"'.repeat(100_001), ""],
    ["one long key", `${"k".repeat(200_000)}: 1`, ""],
    ["a long pattern", `routes: [{ to: "${"*a".repeat(100_000)}", reply: 404 }]`, "longer than"],
    ["a long expression", `routes: [{ to: "/${"(a|b)*".repeat(10_000)}/", reply: 404 }]`, "longer than"],
    ["NUL and friends", Uint8Array.from({ length: 2000 }, (_, i) => i % 128), ""],
    ["UTF-16", Uint8Array.from([0xff, 0xfe, 0x61, 0, 0x3a, 0]), "not UTF-8"],
  ];
  for (const [name, text, says] of table)
    test(name, async () => {
      const { ok, message, ms } = await timed(text);
      expect({ ok, message: message.slice(0, 400) }).toEqual({ ok: false, message: expect.stringContaining(says) });
      expect(message.length).toBeLessThan(1000);
      expect(ms).toBeLessThan(4000);
    }, 20_000);
});

test("whatever stands in the file, reading it neither throws nor hangs", async () => {
  const random = seeded(7);
  const seedText =
    'listen: [udp://0.0.0.0:5060]\nroutes:\n  - { to: "/^(a+)@/i", redirect: "sip:$1@${X}" }\n  - { from: "*", reply: { code: 404, reason: no } }\nscripts: { cpu: 5ms, allow: { dial: ["*"], net: [a.b] } }\n';
  const parts = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "&a ",
    "*a",
    "!!str ",
    "|",
    ">",
    "\n",
    "\n  ",
    "\t",
    '"',
    "'",
    "$",
    "${X}",
    "#",
    "%",
    "@",
    "\0",
    "é",
    "\ud83d",
    "to",
    "routes",
    "0x1f",
    "1e999",
    "~",
    "<<",
    "\ue000",
  ];
  const started = performance.now();
  for (let round = 0; round < 1500; round++) {
    let text = seedText;
    for (let edit = 1 + below(random, 6); edit > 0; edit--) {
      const at = below(random, text.length);
      text = text.slice(0, at) + (random() < 0.7 ? pick(random, parts) : "") + text.slice(at + below(random, 5));
    }
    const { message } = await timed(text);
    expect(message).not.toBe("(none)");
  }
  expect(performance.now() - started).toBeLessThan(20_000);
}, 30_000);
