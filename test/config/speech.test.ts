/** Speech engines in the configuration: what is read, and what is wrong, with its place. */
import { describe, expect, test } from "bun:test";
import { readConfig } from "../../src/config/index.ts";

const read = (speech: string) =>
  readConfig(new TextEncoder().encode(`speech: ${speech}`), "/etc/siproc/siproc.yaml", { environment: { KEY: "k" } });

describe("speech engines", () => {
  test("are none by default: what the system has is used", async () => {
    const loaded = await read("{}");
    expect(loaded.ok && loaded.config.speech).toEqual({ say: [], recognize: [], cache: 64 << 20, atOnce: 8 });
  });

  test("are programs or endpoints", async () => {
    const loaded = await read(
      `{ say: [{ name: a, command: [x, "{in}"], voice: v }], recognize: [{ name: b, url: "https://h/", token: "\${KEY}" }], at_once: 2 }`,
    );
    const { say, recognize, atOnce } = (loaded.ok && loaded.config.speech) || {};
    expect(say).toEqual([
      { name: "a", command: ["x", "{in}"], url: undefined, token: undefined, voice: "v", language: "" },
    ]);
    expect(recognize?.[0]).toMatchObject({ url: "https://h/", token: "k" });
    expect(atOnce).toBe(2);
  });

  test.each([
    ["{ say: [{ command: [x] }] }", "an engine needs a name"],
    ["{ say: [{ name: a }] }", "an engine has a command or a url, and not both"],
    ['{ say: [{ name: a, command: [x], url: "https://h/" }] }', "an engine has a command or a url, and not both"],
    ["{ say: [{ name: a, url: ftp://h/ }] }", "expected an https: or http: URL"],
    ['{ say: [{ name: a, url: "https://u:p@h/" }] }', "use `token`"],
    ["{ say: [{ name: a, command: [] }] }", "expected at least 1"],
    ["{ say: [{ name: --x, command: [x] }] }", "expected a name"],
    ["{ recognize: [{ name: a, command: [x], language: -x }] }", "expected a word"],
  ])("%s is wrong", async (speech, reason) => {
    const loaded = await read(speech);
    expect(loaded.ok ? [] : loaded.problems.map(({ message }) => message).join("\n")).toContain(reason);
  });
});
