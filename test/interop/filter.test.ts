/** `siproc call` as a step of a pipeline: a thousand targets, some busy, some silent, some gone; every line is accounted for. */
import { describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { Program } from "../support/peers/program.ts";
import { type SippRun, startSipp } from "../support/peers/sipp.ts";
import { binary, siproc } from "../support/peers/siproc.ts";

interface Line {
  target: string;
  status: string;
  code: number;
  cause: string;
  by: string;
  reason: string;
  attempts?: number;
  value?: unknown;
  error?: string;
  digits?: string;
  recordings?: string[];
  rtp?: { sent: number; received: number; lost: number; jitterMs: number };
  variables?: Record<string, string>;
  endMs: number;
}

/** A port where nobody answers. */
async function silent(): Promise<number> {
  return (await Bun.udpSocket({ hostname: "127.0.0.1", socket: { data() {} } })).port;
}

const load = { limit: 1000, timeout: 60_000, trace: false };
const uri = (peer: SippRun | number, user: string) =>
  `sip:${user}@127.0.0.1:${typeof peer === "number" ? peer : peer.port}`;

/** Runs a line of sh in a folder with these files, where `siproc` is the binary. */
async function sh(command: string, files: Record<string, string>) {
  const folder = temporaryFolder("filter", files);
  const program = new Program({
    command: ["sh", "-c", `siproc() { "${binary}" "$@"; }\n${command}`],
    cwd: folder,
  });
  const exit = await program.finish(60_000);
  // One line of JSON for each call; the tests compare what they rely on.
  const results = () => program.stdout.map((line) => JSON.parse(line) as Line);
  return { exit, program, results, folder };
}

const listen = "--listen udp://127.0.0.1:0";

describe.skipIf(!has("sipp"))("siproc call -", () => {
  test("1,000 targets, 50 at a time, some busy, some silent, some that hang up: every line is accounted for", async () => {
    const peers = {
      answers: await startSipp({ scenario: "uas-hangs-up", values: { pause: "100" }, calls: 700, ...load }),
      busy: await startSipp({ scenario: "uas-refuses", values: { status: "486 Busy Here" }, calls: 200, ...load }),
      silent: await silent(),
    };
    const kind = (i: number) => (i % 10 === 9 ? peers.silent : i % 10 >= 7 ? peers.busy : peers.answers);
    const targets = Array.from({ length: 1000 }, (_, i) => `${uri(kind(i), `u${i}`)}\tn=${i}`);
    const { exit, results } = await sh(`siproc call - -j 50 --timeout 500ms ${listen} < targets`, {
      targets: `${targets.join("\n")}\n`,
    });
    expect(exit).toBe(1);
    const told = results();
    expect(new Set(told.map(({ target }) => target)).size).toBe(1000);
    expect(told).toHaveLength(1000);
    for (const { target, status, code, variables } of told) {
      const i = Number(variables?.n);
      expect(target).toBe(uri(kind(i), `u${i}`));
      expect([status, code]).toEqual(
        i % 10 === 9 ? ["failed", 408] : i % 10 >= 7 ? ["failed", 486] : ["answered", 200],
      );
    }
    await Promise.all([peers.answers.result, peers.busy.result]);
  }, 90_000);

  test("the script gets each line's variables, and what it returns stands in the result", async () => {
    const peer = await startSipp({ scenario: "uas-call", values: { pause: "10" }, calls: 2, ...load });
    const { exit, results } = await sh(`siproc call - -j2 --script s.ts ${listen} < targets`, {
      "s.ts": `export default async function (call: Call) {
  for await (const event of call) if (event.type === "connected") return { hello: call.variables.name, second: call.variables["2"] };
}
`,
      targets: `${uri(peer, "a")}\tname=Ann\tx\n\n# nobody\n${uri(peer, "b")}\tname=Bob\n`,
    });
    expect(exit).toBe(0);
    expect(results().map(({ value }) => value)).toContainEqual({ hello: "Ann", second: "x" });
    expect(results().map(({ value }) => value)).toContainEqual({ hello: "Bob" });
    await peer.result;
  });

  test("a program gets them in its environment", async () => {
    const peer = await startSipp({ scenario: "uas-call", values: { pause: "10" }, calls: 1, ...load });
    const { program } = await sh(`chmod +x p.sh; siproc call - --exec ./p.sh --log-level info ${listen} < targets`, {
      "p.sh":
        '#!/bin/sh\nwhile read -r event && [ "$event" != CONNECTED ]; do :; done\necho "it is $SIPROC_VAR_name" >&2\necho HANGUP\n',
      targets: `${uri(peer, "a")}\tname=Ann\n`,
    });
    expect(program.stderr.join("\n")).toContain("it is Ann");
    await peer.stop();
  });

  test("keys, recordings and how the packets fared stand in the result, and why a script failed", async () => {
    const server = await siproc({
      config: "routes: [{ to: keys, script: keys.ts }]",
      files: {
        "keys.ts": `export default async function (call: Call) { await call.answer(); await call.dtmf("42#"); await call.hangup(); }
`,
      },
    });
    const target = `sip:keys@${server.address}`;
    const records = await sh(`siproc call ${target} --script s.ts --config siproc.yaml ${listen}`, {
      "siproc.yaml": "scripts: { allow: { write: [recordings] } }\nlisten: [udp://127.0.0.1:0]\nroutes: []\n",
      "s.ts": `export default async function (call: Call) {
  for await (const event of call) if (event.type === "connected") await call.record("recordings/r.wav");
}
`,
    });
    expect(records.exit).toBe(0);
    const [told] = records.results();
    expect(told).toMatchObject({ status: "answered", by: "remote", digits: "42#", rtp: { lost: 0 } });
    expect(told?.recordings?.[0]).toEndWith("recordings/r.wav");
    expect(told?.rtp?.received).toBeGreaterThan(10);
    const fails = await sh(`siproc call ${target} --script s.ts ${listen}`, {
      "s.ts": `export default async function (call: Call) { for await (const _ of call) throw new Error("no idea"); }
`,
    });
    expect(fails.results()[0]?.error).toContain("no idea");
    await server.stop();
  }, 30_000);

  test("a line that is no target fails, and the others are called", async () => {
    const peer = await startSipp({ scenario: "uas-hangs-up", values: { pause: "10" }, calls: 1, ...load });
    const { exit, results } = await sh(`siproc call - ${listen} < targets`, {
      targets: `nonsense\n${uri(peer, "a")}\n`,
    });
    expect(exit).toBe(1);
    const [wrong, right] = results();
    expect(wrong).toMatchObject({ target: "nonsense", status: "invalid", code: 400 });
    expect(wrong?.error).toContain("nonsense is no sip: URI");
    expect(right).toMatchObject({ status: "answered" });
    await peer.result;
  });

  test("busy is tried again, and the result counts the attempts", async () => {
    const peer = await startSipp({ scenario: "uas-refuses", values: { status: "486 Busy Here" }, calls: 3, ...load });
    const { exit, results } = await sh(`siproc call ${uri(peer, "a")} --retry 2 --retry-interval 100ms ${listen}`, {});
    expect(exit).toBe(1);
    expect(results()).toMatchObject([{ code: 486, reason: "Busy Here", attempts: 3 }]);
    await peer.result;
  });

  test("who answers and stays is hung up after --duration", async () => {
    const peer = await startSipp({ scenario: "uas-call", values: { pause: "10" }, calls: 1, ...load });
    const { exit, results } = await sh(`siproc call ${uri(peer, "a")} --duration 700ms ${listen}`, {});
    expect(exit).toBe(0);
    const [one] = results();
    expect(one).toMatchObject({ status: "answered", code: 200, by: "local" });
    expect(one?.endMs).toBeWithin(700, 3000);
    expect(one?.rtp?.sent).toBeWithin(20, 45);
    await peer.result;
  });

  test("a reader that goes away ends it, and the calls that are up are hung up", async () => {
    const peer = await startSipp({ scenario: "uas-call", values: { pause: "10" }, calls: 2, ...load });
    const targets = `nonsense\n${uri(peer, "a")}\n${uri(peer, "b")}\n`;
    const { program } = await sh(`siproc call - -j3 ${listen} < targets | head -n 0; echo over >&2`, {
      targets,
      "x.txt": "",
    });
    expect(program.stderr).toContain("over");
    await peer.stop();
  });

  test.each([
    ["--jobs 0", "--jobs is a number from 1 to"],
    ["--rate often", "--rate is such as 5/s"],
    ["--timeout 5x", "--timeout is a time such as 30s"],
    ["- sip:a@b", "targets stand in arguments or"],
    ["--script a --exec b", "one handler"],
  ])("%s is a mistake of the command line: exit code 2", async (options, complaint) => {
    const { exit, program } = await sh(`siproc call sip:a@127.0.0.1 ${options}`, {});
    expect(exit).toBe(2);
    expect(program.stderr.join("\n")).toContain(complaint);
  });

  test("a port that is taken: exit code 3", async () => {
    const port = await silent();
    const { exit } = await sh(`siproc call sip:a@127.0.0.1 --listen udp://127.0.0.1:${port}`, {});
    expect(exit).toBe(3);
  });

  test("with jq it is a pipeline", async () => {
    const peer = await startSipp({ scenario: "uas-hangs-up", values: { pause: "10" }, calls: 2, ...load });
    const { program } = await sh(
      `printf '%s\\n' ${uri(peer, "a")} ${uri(peer, "b")} | siproc call - -j 2 ${listen} | jq -r 'select(.status == "answered") | .target' | sort`,
      {},
    );
    expect(program.stdout).toEqual([uri(peer, "a"), uri(peer, "b")]);
    await peer.result;
  });
});
