/** Handlers in sh, Python and Perl against a call that is only played: real processes, virtual time. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallFacts } from "../../../src/call/control.ts";
import { createProcessHandler, type ProcessHandlerOptions } from "../../../src/handlers/process/index.ts";
import { createLog } from "../../../src/log.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";
import { FakeCall } from "../../support/fake-call.ts";

const folder = mkdtempSync(join(tmpdir(), "siproc-process-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  call: FakeCall;
  clock: VirtualClock;
  log: string[];
  /** Resolves when a log line with this text was written. */
  logged(text: string): Promise<void>;
}

function start(argv: string[], options: Partial<ProcessHandlerOptions> & { facts?: Partial<CallFacts> } = {}): Run {
  const call = new FakeCall(options.facts);
  const clock = new VirtualClock();
  const lines: string[] = [];
  let waiting: { text: string; resolve: () => void }[] = [];
  const log = createLog({
    level: "debug",
    format: "pretty",
    write: (line) => {
      lines.push(line);
      waiting = waiting.filter(({ text, resolve }) => {
        if (!line.includes(text)) return true;
        resolve();
        return false;
      });
    },
  });
  createProcessHandler({ argv, cwd: folder, log, clock, ...options }).start(call);
  const logged = (text: string) =>
    lines.some((line) => line.includes(text))
      ? Promise.resolve()
      : new Promise<void>((resolve) => void waiting.push({ text, resolve }));
  return { call, clock, log: lines, logged };
}

const sh = (script: string, options?: Parameters<typeof start>[1]) => start(["sh", "-c", script], options);
const ended = (run: Run) => run.call.until(() => run.call.ended);

const echoes: Readonly<Record<string, string[]>> = {
  sh: [
    "sh",
    "-c",
    'echo ANSWER; while read -r event rest; do case $event in DTMF) echo "DTMF $rest";; STOPPED) echo HANGUP;; esac; done',
  ],
  "Python 3": [
    "python3",
    "-c",
    `import sys
print("ANSWER", flush=True)
for line in sys.stdin:
    event, _, rest = line.rstrip("\\n").partition(" ")
    if event == "DTMF": print("DTMF", rest, flush=True)
    if event == "STOPPED": print("HANGUP", flush=True)`,
  ],
  Perl: [
    "perl",
    "-e",
    `$| = 1; print "ANSWER\\n";
while (<STDIN>) { chomp; my ($event, $rest) = split / /, $_, 2;
  print "DTMF $rest\\n" if $event eq "DTMF"; print "HANGUP\\n" if $event eq "STOPPED"; }`,
  ],
};

describe.each(Object.entries(echoes))("a handler in %s", (_, argv) => {
  test("answers, echoes keys and hangs up", async () => {
    const run = start(argv);
    await run.call.performed(1);
    run.call.emit({ name: "CONNECTED" });
    run.call.emit({ name: "DTMF", digit: "7", duration: 160 });
    await run.call.performed(2);
    run.call.emit({ name: "MESSAGE", text: "x\nSTOPPED forged" });
    run.call.emit({ name: "DTMF", digit: "#", duration: 160 });
    await run.call.performed(3);
    run.call.emit({ name: "STOPPED", file: "/x.wav" });
    await run.call.performed(4);
    expect(run.call.commands).toEqual([
      { name: "ANSWER" },
      { name: "DTMF", digits: "7" },
      { name: "DTMF", digits: "#" },
      { name: "HANGUP" },
    ]);
    await run.logged("the handler exited");
  });
});

describe("the process", () => {
  test("finds the call in its environment, and nothing that is not its business", async () => {
    const run = sh('env | grep -E "^(SIPROC_|SECRET|LANG|ALLOWED)" | sort >&2', {
      environment: { PATH: process.env.PATH, LANG: "C", SECRET: "s3", ALLOWED: "yes" },
      env: ["ALLOWED", "NOT_SET"],
      facts: { remoteId: 'x\0\n"é" <sip:a@b>', direction: "outgoing" },
    });
    await ended(run);
    const seen = run.log.flatMap((line) => /stderr="?(.*?)"?$/.exec(line)?.[1] ?? []);
    expect(seen.filter((line) => !line.includes("REMOTE_ID"))).toEqual([
      "ALLOWED=yes",
      "LANG=C",
      "SIPROC_CALL_ID=call-id@192.0.2.1",
      "SIPROC_ID=a1",
      "SIPROC_LOCAL_URI=sip:echo@example.com",
      "SIPROC_OUTGOING=y",
      "SIPROC_REMOTE_CONTACT=sip:alice@192.0.2.1:5060",
      "SIPROC_REMOTE_URI=sip:alice@example.com",
    ]);
    expect(seen.find((line) => line.includes("REMOTE_ID"))).toContain("x  ");
  });

  test("gets SIGTERM when the call has ended, after the ENDED line", async () => {
    const run = sh("trap 'cat >&2; echo trapped >&2; exit 0' TERM; echo ANSWER; while :; do sleep 0.05; done");
    await run.call.performed(1);
    run.call.end();
    await run.logged("ENDED remote hangup 200");
    expect(run.log.join()).not.toContain("trapped");
    run.clock.advance(200);
    await run.logged("trapped");
    await run.logged("the handler exited");
    for (let turn = 0; turn < 100 && run.clock.pending > 0; turn++)
      await new Promise((resolve) => setImmediate(resolve));
    expect(run.clock.pending).toBe(0);
  });

  test("sees SIGTERM before the end of its input, so that a loop over events does not miss it", async () => {
    for (let round = 0; round < 10; round++) {
      const run = sh(
        "trap 'echo trapped >&2; exit 0' TERM; echo ANSWER; while read -r line; do :; done; echo missed >&2",
      );
      await run.call.performed(1);
      run.call.end();
      await run.logged("the handler exited");
      await run.logged("trapped");
    }
  });

  test("that ignores SIGTERM is killed with all it has started, after the grace time", async () => {
    const pid = join(folder, "child.pid");
    const run = sh(
      `trap "" TERM; (while :; do sleep 1; done) & echo $! > ${pid}; echo ANSWER; wait; while :; do sleep 1; done`,
      { graceMs: 3000 },
    );
    await run.call.performed(1);
    run.call.end();
    run.clock.advance(2999);
    expect(run.log.join()).not.toContain("killed");
    run.clock.advance(1);
    await run.logged("the handler outlived its call and was killed");
    await run.logged("signal=SIGKILL");
    expect(await gone(Number(readFileSync(pid, "utf8")))).toBe(true);
  });

  test("starts in the given folder, and files count from there", async () => {
    const run = sh(
      "echo ANSWER; echo PLAY a.wav; echo PLAY /b.wav; echo PLAY sub/../a.wav; echo RECORD; pwd >&2; cat >&2",
    );
    await run.call.performed(5);
    run.call.emit({ name: "STOPPED", file: join(folder, "a.wav") });
    run.call.emit({ name: "STOPPED", file: "/b.wav" });
    run.call.emit({ name: "STOPPED", file: join(folder, "a.wav") });
    await run.logged("STOPPED sub/../a.wav");
    expect(run.call.commands.slice(1)).toEqual([
      { name: "PLAY", file: join(folder, "a.wav") },
      { name: "PLAY", file: "/b.wav" },
      { name: "PLAY", file: join(folder, "a.wav") },
      { name: "RECORD" },
    ]);
    const stopped = run.log.flatMap((line) => /(STOPPED [^"]+)/.exec(line)?.[1] ?? []);
    expect(stopped).toEqual(["STOPPED a.wav", "STOPPED /b.wav", "STOPPED sub/../a.wav"]);
    run.call.end();
  });
});

describe("the call ends when the process", () => {
  const table: [how: string, argv: string[], finish: object, commands: string[]][] = [
    ["returns", ["true"], { type: "returned" }, []],
    ["prints and returns", ["sh", "-c", "echo ANSWER; echo PLAY x.wav"], { type: "returned" }, ["ANSWER", "PLAY"]],
    [
      "exits in the middle of a line",
      ["sh", "-c", "echo ANSWER; printf 'DTMF 1'"],
      { type: "returned" },
      ["ANSWER", "DTMF"],
    ],
    ["fails", ["sh", "-c", "echo ANSWER; exit 3"], { type: "failed", reason: "sh exited with status 3" }, ["ANSWER"]],
    ["crashes", ["sh", "-c", "kill -SEGV $$"], { type: "failed", reason: "sh was ended by SIGSEGV" }, []],
    [
      "cannot be found",
      ["./nowhere"],
      { type: "failed", reason: expect.stringContaining("./nowhere cannot be started: there is no such program") },
      [],
    ],
    [
      "is no program",
      ["/etc/passwd"],
      { type: "failed", reason: "/etc/passwd cannot be started: it is not executable" },
      [],
    ],
    ["closes its input and returns", ["sh", "-c", "exec <&-; echo ANSWER"], { type: "returned" }, ["ANSWER"]],
    [
      "writes an endless line",
      ["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo RINGING; exit 4"],
      { type: "failed", reason: "sh exited with status 4" },
      ["RINGING"],
    ],
    [
      "writes what is no text",
      ["sh", "-c", "head -c 100000 /dev/urandom; echo; echo RINGING"],
      { type: "returned" },
      ["RINGING"],
    ],
  ];
  for (const [how, argv, finish, commands] of table)
    test(how, async () => {
      const run = start(argv);
      const stop = keepMoving(run.clock);
      await ended(run);
      stop();
      expect(run.call.finished).toEqual(finish as typeof run.call.finished);
      expect(run.call.commands.map(({ name }) => name)).toEqual(
        commands as (typeof run.call.commands)[number]["name"][],
      );
    });

  test("cannot be started because too many files are open", () => {
    const spawn = () => {
      throw Object.assign(new RangeError("EMFILE"), { code: "EMFILE" });
    };
    expect(start(["sh"], { spawn }).call.finished).toEqual({
      type: "failed",
      reason: "sh cannot be started: too many files are open in this process or system",
    });
  });

  test("but not when it only closes its output, or its input", async () => {
    const run = sh("exec >&-; cat > out.txt; exit 5");
    run.call.emit({ name: "CONNECTED" });
    const other = sh("exec <&-; echo RINGING; sleep 60");
    await other.call.performed(1);
    for (let i = 0; i < 100; i++) other.call.emit({ name: "MESSAGE", text: "nobody reads this" });
    expect([run.call.ended, other.call.ended]).toEqual([false, false]);
    other.call.end();
    run.call.end();
    await run.logged("the handler exited");
    await other.logged("the handler exited");
  });

  test("returns though something that it started holds its output open", async () => {
    const run = sh("sleep 60 & echo $! > background.pid; echo ANSWER");
    await run.logged("the handler exited");
    run.clock.advance(250);
    await ended(run);
    expect(run.call.finished).toEqual({ type: "returned" });
    expect(await run.call.performed(1)).toEqual(["ANSWER"]);
    process.kill(Number(readFileSync(join(folder, "background.pid"), "utf8")), "SIGKILL");
  });

  test("does not read its events", async () => {
    const run = sh("echo ANSWER; sleep 60");
    await run.call.performed(1);
    for (let i = 0; i < 100_000 && !run.call.ended; i++) run.call.emit({ name: "MESSAGE", text: "x".repeat(1000) });
    expect(run.call.finished).toEqual({ type: "failed", reason: "sh does not read its events" });
    await run.logged("the handler exited");
  });
});

describe("a handler's mistakes", () => {
  test("come back to it as ERROR events", async () => {
    const run = sh("echo DANCE; echo answer; echo PLAY; echo DTMF x; printf '\\377\\n'; cat >&2");
    await run.logged("a line is not UTF-8");
    const errors = run.log
      .flatMap((line) => /stderr="(ERROR .*)"/.exec(line)?.[1] ?? [])
      .map((line) => line.slice(0, 40));
    await run.logged("ERROR ? a line is not UTF-8");
    expect(errors.length).toBeLessThanOrEqual(5);
    expect(run.call.ended).toBe(false);
    run.call.end();
    await run.logged("the handler exited");
    const all = run.log.join("\n");
    for (const error of [
      "ERROR DANCE there is no such command",
      "ERROR answer commands are written in capitals",
      "ERROR PLAY it needs file",
      "ERROR DTMF digits must be",
    ])
      expect(all).toContain(error);
  });

  test("and what the call could not do, too", async () => {
    const run = sh("echo MESSAGE hi; cat >&2");
    run.call.answer = (command, done) =>
      done({ ok: false, failure: { command: command.name, reason: "refused\nwith 480" } });
    await run.logged("ERROR MESSAGE refused\\\\nwith 480");
    run.call.end();
  });

  test("too many commands at once are refused, not hoarded", async () => {
    const run = sh("yes 'DTMF 1' | head -n 300; cat >&2");
    run.call.answer = () => {};
    const stop = keepMoving(run.clock);
    await run.logged("ERROR DTMF 256 commands are running already");
    stop();
    expect(run.call.commands).toHaveLength(256);
    run.call.end();
  });

  test("a flood of commands waits for the clock", async () => {
    const run = sh("yes RINGING");
    await run.call.performed(50);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(run.call.commands).toHaveLength(50);
    run.clock.advance(20);
    await run.call.performed(100);
    run.call.end();
    run.clock.advance(20);
    await run.logged("the handler exited");
  });

  test("a flood on stderr is cut, and said", async () => {
    const run = sh("yes 'a long complaint' | head -n 5000 >&2; echo DTMF 1");
    const stop = keepMoving(run.clock);
    await ended(run);
    await run.logged("the handler wrote more than the log takes");
    stop();
    expect(run.log.filter((line) => line.includes("a long complaint")).length).toBeLessThan(2000);
  });
});

/** Lets virtual time pass whenever the real one does, for processes that take as long as they take. */
function keepMoving(clock: VirtualClock): () => void {
  const timer = setInterval(() => clock.advance(20), 1);
  return () => clearInterval(timer);
}

/** Whether a process is gone, or a zombie that its parent has yet to reap. */
async function gone(pid: number): Promise<boolean> {
  for (let turn = 0; turn < 200; turn++) {
    try {
      if (readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")) return true;
    } catch {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
}
