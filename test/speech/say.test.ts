/** Texts become WAV files: by programs, by endpoints, from what was spoken before; and engines that fail. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chooseEngine, commandLine, enginesFor } from "../../src/speech/engines.ts";
import { createSpeech, defaultSpeech, type EngineSettings, type Speech, SpeechError } from "../../src/speech/index.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { until } from "../support/peers/until.ts";

const folder = temporaryFolder("speech");
const none = { command: undefined, url: undefined, token: undefined, voice: "", language: "" };
const program = (...command: string[]): EngineSettings => ({ ...none, name: "test", command });
const shell = (script: string, ...args: string[]) => program("sh", "-c", script, "sh", ...args);

const all: Speech[] = [];
const speechOf = (engine: EngineSettings, settings: Partial<typeof defaultSpeech> = {}) => {
  const speech = createSpeech({ ...defaultSpeech, say: [engine], ...settings });
  all.push(speech);
  return speech;
};
afterAll(() => {
  for (const speech of all) speech.close();
});
const never = new AbortController().signal;
const said = async (speech: Speech, text: string, options = {}) =>
  readFileSync((await speech.say(text, options, never)).file, "latin1");

describe("a program", () => {
  test("gets the text on stdin and gives the sound on stdout", async () => {
    expect(await said(speechOf(shell("tr a-z A-Z")), "grüße you")).toBe(Buffer.from("GRüßE YOU").toString("latin1"));
  });

  test("gets the text in a file and writes another", async () => {
    expect(await said(speechOf(program("cp", "{in}", "{out}")), "one\ntwo")).toBe("one\ntwo");
  });

  test("gets the voice and the language", async () => {
    const speech = speechOf(shell('printf "%s %s" "$1" "$2" > "$3"', "{voice}", "{language}", "{out}"));
    expect(await said(speech, "x", { voice: "anna", language: "de" })).toBe("anna de");
  });

  test.each(["-v", "--help", "$(id)", "; id", '"', "`id`", "{voice}", "{out}"])("takes %p for a text", async (text) => {
    expect((await said(speechOf(shell('printf %s "$1" > "$2"', "{text}", "{out}")), text)).trim()).toBe(text);
  });

  test("finds little of our environment", async () => {
    process.env.SIPROC_TEST_SECRET = "hidden";
    expect(await said(speechOf(shell("env")), "x")).not.toContain("hidden");
  });

  test.each([
    ["fails", shell("echo first >&2; echo no such voice >&2; exit 3"), "sh ended with status 3: no such voice"],
    ["is not there", program("/no/such/program"), "/no/such/program cannot be started"],
    ["writes nothing", program("true", "{out}"), "test: "],
  ])("that %s says why", async (_, engine, reason) => {
    const error = await speechOf(engine)
      .say("x", {}, never)
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(error).toBeInstanceOf(SpeechError);
    expect(String(error)).toContain(reason);
  });

  test("that gives without end is ended", async () => {
    const speech = speechOf(shell("cat /dev/zero"));
    await expect(speech.say("x", {}, never)).rejects.toThrow("more than");
  });
});

describe("what was spoken", () => {
  const counting = (name: string) => shell(`echo >> ${join(folder, name)}; cat`);
  const times = (name: string) => readFileSync(join(folder, name), "latin1").length;

  test("is spoken once, for those who want it at the same time and later", async () => {
    const speech = speechOf(counting("once"));
    await Promise.all([said(speech, "hello"), said(speech, "hello"), said(speech, "hello")]);
    await said(speech, "hello");
    await said(speech, "hello", { voice: "other" });
    expect(times("once")).toBe(2);
  });

  test("is kept up to a size, and in any case while it is used", async () => {
    const speech = speechOf(program("cp", "{in}", "{out}"), { cache: 10 });
    const used = await speech.say("12345678", {}, never);
    const next = await speech.say("abcdefgh", {}, never);
    expect([existsSync(used.file), existsSync(next.file)]).toEqual([true, true]);
    used.release();
    used.release();
    await until("eviction", () => !existsSync(used.file));
    expect(existsSync(next.file)).toBe(true);
  });

  test("is tried again after a failure", async () => {
    const mark = join(folder, "fails-once");
    const speech = speechOf(shell(`test -e ${mark} || { touch ${mark}; exit 1; }; cat`));
    await expect(speech.say("x", {}, never)).rejects.toThrow();
    expect(await said(speech, "x")).toBe("x");
  });

  test("goes with the server", async () => {
    const speech = createSpeech({ ...defaultSpeech, say: [program("cp", "{in}", "{out}")] });
    const { file } = await speech.say("x", {}, never);
    speech.close();
    expect(existsSync(file)).toBe(false);
  });
});

test("engines work so many at a time", async () => {
  const log = join(folder, "turns");
  const speech = speechOf(shell(`echo + >> ${log}; cat > /dev/null; sleep 0.05; echo - >> ${log}; echo`), {
    atOnce: 2,
  });
  await Promise.all(["a", "b", "c", "d", "e"].map((text) => said(speech, text)));
  let now = 0;
  let most = 0;
  for (const line of readFileSync(log, "latin1").trim().split("\n")) {
    now += line === "+" ? 1 : -1;
    most = Math.max(most, now);
  }
  expect(most).toBe(2);
});

test("a text that nobody waits for any more is given up", async () => {
  const stop = new AbortController();
  const saying = speechOf(shell("sleep 5")).say("x", {}, stop.signal);
  stop.abort();
  await expect(saying).rejects.toMatchObject({ code: "aborted" });
});

describe("an endpoint", () => {
  test("gets the text as JSON and gives a WAV", async () => {
    const asked: unknown[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        asked.push([request.headers.get("authorization"), await request.json()]);
        return new Response("RIFF");
      },
    });
    const speech = speechOf({ ...none, name: "cloud", url: `http://127.0.0.1:${server.port}/say`, token: "key" });
    expect(await said(speech, "hello", { voice: "v" })).toBe("RIFF");
    expect(asked).toEqual([["Bearer key", { text: "hello", voice: "v", language: "" }]]);
    await server.stop(true);
  });

  test("that fails or sends elsewhere is told of", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        request.url.endsWith("/500") ? new Response("no", { status: 500 }) : Response.redirect("http://127.0.0.1:1/"),
    });
    const at = (path: string) => speechOf({ ...none, name: "cloud", url: `http://127.0.0.1:${server.port}${path}` });
    await expect(at("/500").say("x", {}, never)).rejects.toThrow("cloud answers 500");
    await expect(at("/away").say("x", {}, never)).rejects.toBeInstanceOf(SpeechError);
    await server.stop(true);
  });
});

describe("engines", () => {
  test("are those that the system has, in order, unless some are named", () => {
    const has =
      (...programs: string[]) =>
      (program: string) =>
        programs.includes(program) ? program : null;
    expect(enginesFor("say", [], has("flite", "espeak-ng")).map(({ name }) => name)).toEqual(["espeak-ng", "flite"]);
    expect(enginesFor("say", [program("x")], has()).map(({ name }) => name)).toEqual(["test"]);
    expect(() => chooseEngine("say", [], undefined)).toThrow("install espeak-ng or flite or pico2wave");
    expect(() => chooseEngine("say", [program("x")], "other")).toThrow("there are test");
  });

  test.each([
    [["a", "-v", "{voice}", "{text}"], { voice: "", text: "t" }, ["a", "t"]],
    [["a", "-v", "{voice|language}"], { voice: "", language: "de" }, ["a", "-v", "de"]],
    [["a", "--voice={voice}"], { voice: "x" }, ["a", "--voice=x"]],
    [["a", "{text}"], { text: "-rf" }, ["a", " -rf"]],
    [["a", "{unknown}", "{text}"], { text: "{voice}", voice: "x" }, ["a", "{unknown}", "{voice}"]],
  ])("%j is filled in", (command, values, line) => {
    expect(commandLine(command, values)).toEqual(line);
  });
});
