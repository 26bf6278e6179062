/** Sound becomes texts: by programs that write lines, by endpoints; and when somebody speaks and has finished. */
import { describe, expect, test } from "bun:test";
import { createSpeech, defaultSpeech, Endpointer, type EngineSettings } from "../../src/speech/index.ts";
import { readAnswer } from "../../src/speech/listener.ts";
import { seeded } from "../support/random.ts";

const none = { command: undefined, url: undefined, token: undefined, voice: "", language: "" };
const shell = (script: string, ...args: string[]): EngineSettings => ({
  ...none,
  name: "test",
  command: ["sh", "-c", script, "sh", ...args],
});

/** What an engine makes of `sound`. */
function heard(engine: EngineSettings, sound = new Uint8Array(640), language?: string) {
  const speech = createSpeech({ ...defaultSpeech, recognize: [engine] });
  const { promise, resolve } = Promise.withResolvers<string[]>();
  const told: string[] = [];
  const recognizer = speech.recognize(
    { language },
    {
      partial: (text) => void told.push(text),
      done: (text, confidence) =>
        resolve([...told, `done: ${text}${confidence === undefined ? "" : ` ${confidence}`}`]),
      failed: (reason) => resolve([...told, `failed: ${reason}`]),
    },
  );
  recognizer.write(sound);
  recognizer.end();
  return promise.finally(() => speech.close());
}

describe("a program", () => {
  test("reads the sound to its end and writes what it understands", async () => {
    expect(await heard(shell("echo $(wc -c) octets"), new Uint8Array(1280))).toEqual([
      "1280 octets",
      "done: 1280 octets",
    ]);
  });

  test("may tell at once what is not final yet", async () => {
    const lines = [
      '{"text":"call","final":false}',
      '{"partial":"call the"}',
      '{"text":"call the office","final":true,"confidence":0.9}',
      "",
      '{"result":[]}',
      "please",
    ];
    expect(await heard(shell(`printf '%s\\n' '${lines.join("' '")}'; cat > /dev/null`))).toEqual([
      "call",
      "call the",
      "call the office",
      "call the office please",
      "done: call the office please 0.9",
    ]);
  });

  test("gets the language", async () => {
    expect(await heard(shell('cat > /dev/null; echo "in $1"', "{language}"), undefined, "de")).toContain("done: in de");
  });

  test.each([
    ["fails", "echo out of memory >&2; exit 2", "failed: sh ended with status 2: out of memory"],
    ["understands nothing", "cat > /dev/null", "done: "],
    ["does not read", "exec <&-; echo done", "done: done"],
  ])("that %s", async (_, script, outcome) => {
    expect((await heard(shell(script), new Uint8Array(500_000))).at(-1)).toBe(outcome);
  });

  test("that is cancelled tells nothing, and makes room for another", () => {
    const speech = createSpeech({ ...defaultSpeech, recognize: [shell("cat; sleep 5")], atOnce: 1 });
    const events = { partial: () => {}, done: () => {}, failed: () => {} };
    const first = speech.recognize({}, events);
    expect(() => speech.recognize({}, events)).toThrow("1 recognitions are running already");
    first.cancel();
    speech.recognize({}, events).cancel();
    speech.close();
  });
});

describe("an endpoint", () => {
  test.each([
    ['{"text":"hello","confidence":0.5}', "done: hello 0.5"],
    ["hello there\n", "done: hello there"],
    ['{"other":1}', "done: "],
  ])("gets a WAV and answers %s", async (answer, outcome) => {
    let asked = "";
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        const sound = Buffer.from(await request.arrayBuffer());
        asked = `${new URL(request.url).search} ${sound.toString("latin1", 0, 4)} ${sound.readUInt32LE(40)} ${sound.length}`;
        return new Response(answer);
      },
    });
    const url = `http://127.0.0.1:${server.port}/`;
    expect(await heard({ ...none, name: "cloud", url }, new Uint8Array(3200), "de")).toEqual([outcome]);
    expect(asked).toBe("?language=de RIFF 3200 3244");
    await server.stop(true);
  });

  test("that refuses is told of", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("no", { status: 403 }) });
    const url = `http://127.0.0.1:${server.port}/`;
    expect(await heard({ ...none, name: "cloud", url })).toEqual(["failed: cloud answers 403"]);
    await server.stop(true);
  });
});

test("no line of an engine does harm", () => {
  const random = seeded(8);
  const pieces = [
    "{",
    "}",
    '"text":',
    '"final":',
    "false",
    "null",
    '"a"',
    "[",
    "\x1b[2J",
    "__proto__",
    "\u2028",
    "1e999",
    ",",
  ];
  const end = performance.now() + 300;
  for (let i = 0; i < 5000 && performance.now() < end; i++) {
    const line = Array.from({ length: random() * 9 }, () => pieces[Math.floor(random() * pieces.length)]).join("");
    const answer = readAnswer(line);
    if (answer !== undefined) expect(answer.text).not.toMatch(/[\x00-\x1f\x7f]/);
  }
});

describe("an utterance", () => {
  const rules = { silence: 600, timeout: 3000, max: 5000 };
  const random = seeded(3);
  const noise = (level: number) =>
    new Uint8Array(Int16Array.from({ length: 320 }, () => level * (2 * random() - 1)).buffer);
  /** ms until each change of state, for parts of a level and a length in ms. */
  const states = (...parts: [level: number, ms: number][]) => {
    const endpointer = new Endpointer(rules);
    const seen: [state: string, ms: number][] = [];
    let now = 0;
    for (const [level, ms] of parts)
      for (let i = 0; i < ms; i += 20) {
        const before = endpointer.state;
        const after = endpointer.push(noise(level));
        if (after !== before) seen.push([after, now]);
        now += 20;
      }
    return seen;
  };

  test("begins with some loud frames, bridges short pauses, and ends in quiet", () => {
    const seen = states([50, 1000], [5000, 800], [50, 400], [5000, 500], [50, 1000]);
    expect(seen.map(([state]) => state)).toEqual(["speaking", "finished"]);
    expect(seen[0]?.[1]).toBeWithin(1040, 1101);
    expect(seen[1]?.[1]).toBeWithin(3200, 3361);
  });

  test.each<[string, [number, number][], string[]]>([
    ["silence", [[0, 4000]], ["timeout"]],
    ["steady noise", [[400, 4000]], ["timeout"]],
    [
      "a click",
      [
        [50, 500],
        [20_000, 40],
        [50, 3000],
      ],
      ["timeout"],
    ],
    [
      "speech without end",
      [
        [50, 500],
        [5000, 6000],
      ],
      ["speaking", "too-long"],
    ],
    [
      "speech over noise",
      [
        [300, 1500],
        [6000, 1000],
        [300, 1000],
      ],
      ["speaking", "finished"],
    ],
  ])("%s", (_, parts, expected) => {
    expect(states(...parts).map(([state]) => state)).toEqual(expected);
  });
});
