/** `siproc run --events` with SIPp: calls driven by lines, and readers that are slow, asleep or gone. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort, mediaPorts } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { received, sipp, startSipp } from "../support/peers/sipp.ts";
import { binary } from "../support/peers/siproc.ts";
import { sine, wav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

// Programs of others take their time to start where the machine is busy.
setDefaultTimeout(40_000);

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

interface Told {
  event: string;
  call?: string;
  [more: string]: unknown;
}

const answer = `export default async function (call: Call) {
  await call.answer();
  for await (const _ of call);
}
`;

/** A reader with a pipe of 4 KB, which it does not read before it is woken by a file. */
const sleeper = `import fcntl, os, shutil, sys, time
fcntl.fcntl(0, 1031, 4096)
while not os.path.exists("wake"):
    time.sleep(0.05)
with open("out", "wb") as out:
    shutil.copyfileobj(sys.stdin.buffer, out)
`;

/** Starts it with its events going to `reader`, a shell's word for a program; by default to the test. */
async function events(reader?: string) {
  const port = await freePort();
  const media = await mediaPorts(400);
  const folder = temporaryFolder("events", {
    "answer.ts": answer,
    "sleeper.py": sleeper,
    "tone.wav": wav(8000, sine(600, 200, 0.5)),
    "siproc.yaml": `listen: ["udp://127.0.0.1:${port}"]
domains: [127.0.0.1]
media: { ports: ${media.join("-")} }
routes: [{ to: lines, events: true }, { to: "*", script: answer.ts }]
`,
  });
  const run = `'${binary}' run siproc.yaml --events --log-level warn`;
  const program = new Program({
    command: ["sh", "-c", reader === undefined ? `exec ${run}` : `exec ${run} | ${reader}`],
    cwd: folder,
    stdin: true,
  });
  open.push(program);
  // Whatever else stands on stdout is a fault, which JSON.parse tells.
  const told = (lines: readonly string[]): Told[] => lines.map((line) => JSON.parse(line));
  const all = () => told(program.stdout);
  const next = async (event: string, from = 0): Promise<Told> => {
    await until(event, () =>
      all()
        .slice(from)
        .some((one) => one.event === event),
    );
    return (
      all()
        .slice(from)
        .find((one) => one.event === event) ?? { event: "" }
    );
  };
  return { program, folder, port, address: `127.0.0.1:${port}`, all, told, next };
}

describe.skipIf(!has("sipp"))("siproc run --events", () => {
  test("places calls, tells them what to do and tells what happens in them, by lines", async () => {
    const { program, all, next } = await events();
    expect(await next("LISTENING")).toMatchObject({ urls: [expect.stringMatching(/^udp:/)] });
    const callee = await startSipp({ scenario: "uas-call" });
    const uri = `sip:bob@127.0.0.1:${callee.port}`;
    program.write(`${JSON.stringify({ command: "CALL", uri, ref: "the first" })}\n`);
    const { call } = await next("CONNECTED");
    program.write(`${JSON.stringify({ command: "PLAY", call, file: "tone.wav" })}\n`);
    expect(await next("STOPPED")).toMatchObject({ call, file: "tone.wav" });
    program.write(`${JSON.stringify({ command: "PLAY", call, file: "nothing.wav" })}\nDANCE\n`);
    await until("both errors", () => all().filter(({ event }) => event === "ERROR").length === 2);
    program.write(`${JSON.stringify({ command: "HANGUP", call })}\n`);
    await next("ENDED");
    expect(received(await callee.result)).toEqual(["INVITE", "ACK", "BYE"]);
    expect(all().slice(1)).toMatchObject([
      { event: "CALL", call, ref: "the first", direction: "outgoing", remote: uri },
      { event: "RINGING", call },
      { event: "CONNECTED", call },
      { event: "STOPPED", call },
      { event: "ERROR" },
      { event: "ERROR" },
      { event: "ENDED", call, by: "local", cause: "hangup", code: 200 },
    ]);
    program.write("QUIT\n");
    expect(await program.exited).toBe(0);
    expect(all().at(-1)).toMatchObject({ event: "END" });
  });

  test("handles the calls of a route that says so, by lines", async () => {
    const { program, address, next } = await events();
    await next("LISTENING");
    const caller = await startSipp({ scenario: "uac-call", remote: address, service: "lines" });
    const { call, direction } = await next("CALL");
    expect(direction).toBe("incoming");
    for (const command of ["RINGING", "ANSWER"]) program.write(`${JSON.stringify({ command, call })}\n`);
    expect(await next("CONNECTED")).toMatchObject({ call });
    expect(await next("ENDED")).toMatchObject({ call, by: "remote", cause: "hangup" });
    const seen = received(await caller.result).filter((head) => head !== "100 INVITE");
    expect(seen).toEqual(["180 INVITE", "200 INVITE", "200 BYE"]);
  });

  test("QUIT ends the calls that are up, placed by a plain line", async () => {
    const { program, next } = await events();
    await next("LISTENING");
    const callee = await startSipp({ scenario: "uas-call" });
    program.write(`CALL sip:bob@127.0.0.1:${callee.port}\n`);
    await next("CONNECTED");
    program.write("QUIT\n");
    expect(await next("ENDED")).toMatchObject({ by: "system", cause: "shutdown" });
    expect(await program.exited).toBe(0);
    expect((await callee.result).successful).toBe(1);
  });

  const quickly = { scenario: "uac-call", values: { pause: "100" }, calls: 60, rate: 10, limit: 30 } as const;

  test.skipIf(!has("python3"))("a reader that sleeps delays no call and misses no event", async () => {
    const { folder, address, port, told, program } = await events("python3 sleeper.py");
    await warm(port);
    const run = await sipp({ ...quickly, remote: address, service: "anybody" });
    // A busy machine refuses some; if calls waited for the reader, those after the first few would all fail.
    expect(run.successful).toBeGreaterThan(quickly.calls / 2);
    const out = join(folder, "out");
    expect(existsSync(out)).toBe(false);
    await Bun.write(join(folder, "wake"), "");
    program.write("QUIT\n");
    expect(await program.exited).toBe(0);
    const all = told(readFileSync(out, "utf8").trim().split("\n"));
    const count = (name: string) => new Set(all.flatMap(({ event, call }) => (event === name ? [call] : []))).size;
    // Many times what its pipe holds.
    expect(readFileSync(out).length).toBeGreaterThan(5 * 4096);
    expect(count("CONNECTED")).toBeGreaterThanOrEqual(run.successful);
    expect(count("ENDED")).toBe(count("CALL"));
    expect(all.at(-1)?.event).toBe("END");
  });

  test("a reader that goes away ends no call", async () => {
    const { address, port, program } = await events("head -n 2 > out");
    await warm(port);
    const run = await sipp({ ...quickly, calls: 30, remote: address, service: "anybody" });
    expect(run.successful).toBeGreaterThan(15);
    expect(program.stderr.join("\n")).toContain("nobody reads the events any more; calls go on");
    program.write("QUIT\n");
    expect(await program.exited).toBe(0);
  });
});

/** Waits until it answers a first call: the script is loaded then. */
async function warm(port: number): Promise<void> {
  await until("the server", () => isBound(port));
  await sipp({ scenario: "uac-call", remote: `127.0.0.1:${port}`, service: "anybody" });
}

function isBound(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync("/proc/net/udp", "utf8").includes(`:${hex} `);
}
