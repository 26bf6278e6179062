import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readArguments } from "../../src/cli/arguments.ts";
import { commandOf } from "../../src/cli/commands.ts";
import { type Running, run, type Signal, type Surroundings } from "../../src/cli/run.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import type { Config } from "../../src/config/index.ts";
import { createLog } from "../../src/log.ts";
import { LogTail } from "../../src/log-tail.ts";

const folder = mkdtempSync(join(tmpdir(), "siproc-run-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** A server that is a list of what it was told. */
class Service {
  readonly file = join(folder, `${files++}.yaml`);
  readonly log: string[] = [];
  readonly complaints: string[] = [];
  readonly told: string[] = [];
  readonly configs: Config[] = [];
  calls = 0;
  failure: Error | undefined;
  signal: (name: Signal) => void = () => {};
  readonly code: Promise<number>;
  readonly #drained = Promise.withResolvers<boolean>();
  #waiting: { text: string; resolve: () => void }[] = [];

  constructor(text: string, options: string[] = [], failure?: Error) {
    this.failure = failure;
    this.write(text);
    const command = commandOf("run");
    const read = readArguments([this.file, ...options], command?.options ?? [], { shown: "", min: 0, max: 1 });
    if (!read.ok) throw new TypeError(read.reason);
    const complain = (line: string) => void this.complaints.push(line);
    const terminal: Terminal = { print: complain, complain, mark: (_, word) => word };
    this.code = run(read.given, terminal, this.#around());
  }

  write(text: string): void {
    writeFileSync(this.file, `domains: [a.example]\n${text}\n`);
  }

  callsEnd(): void {
    this.calls = 0;
    this.#drained.resolve(true);
  }

  /** Resolves when a log line with this text was written. */
  logged(text: string): Promise<void> {
    if (this.log.some((line) => line.includes(text))) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ text, resolve }));
  }

  #around(): Surroundings {
    const running: Running = {
      listening: [
        { transport: "udp", local: { host: "127.0.0.1", port: 5070 }, advertised: { host: "127.0.0.1", port: 5070 } },
      ],
      up: () => this.calls,
      alive: async () => {},
      reload: (config) => {
        this.told.push("reload");
        this.configs.push(config);
      },
      drain: (ms) => {
        this.told.push(`drain ${ms}`);
        return this.calls === 0 ? Promise.resolve(true) : this.#drained.promise;
      },
      stop: async () => void this.told.push("stop"),
    };
    return {
      start: async (config) => {
        this.configs.push(config);
        if (this.failure !== undefined) throw this.failure;
        return running;
      },
      onSignal: (heard) => {
        this.signal = heard;
        return () => {};
      },
      log: ({ level, format }) => ({
        log: createLog({
          level,
          format,
          write: (line) => {
            this.log.push(line);
            for (const { text, resolve } of this.#waiting) if (line.includes(text)) resolve();
          },
        }),
        tail: new LogTail(),
        reopen: () => void this.told.push("reopen"),
        setLevel: (level) => void this.told.push(`level ${level}`),
        close: async () => {},
      }),
      now: () => 0,
    };
  }
}

const routes = 'routes: [{ to: "echo@*", exec: sh }]';

describe("run", () => {
  test("says where it listens and whom to call", async () => {
    const service = new Service(routes);
    await service.logged("listening on udp://127.0.0.1:5070");
    await service.logged("try it: call sip:echo@127.0.0.1:5070");
    service.signal("SIGTERM");
    expect(await service.code).toBe(0);
    expect(service.told).toEqual(["drain 60000", "stop"]);
  });

  test("lets calls end first", async () => {
    const service = new Service(`${routes}\nlimits: { drain: 5s }`);
    await service.logged("listening");
    service.calls = 2;
    service.signal("SIGINT");
    await service.logged("2 calls may go on for up to 5 s; a second signal ends them at once");
    expect(service.told).toEqual(["drain 5000"]);
    service.callsEnd();
    expect(await service.code).toBe(0);
    expect(service.told).toEqual(["drain 5000", "stop"]);
  });

  test("ends calls at once at the second signal", async () => {
    const service = new Service(routes);
    await service.logged("listening");
    service.calls = 1;
    service.signal("SIGINT");
    await service.logged("1 call may go on");
    service.signal("SIGINT");
    expect(await service.code).toBe(0);
    expect(service.log.join()).toContain("ending what is still up: 1 call");
  });

  test("prefers the command line to the file", async () => {
    const service = new Service(`${routes}\nlog: { level: debug }`, [
      "--listen",
      "tcp://[::1]:7000",
      "--log-level",
      "warn",
      "--log-format=json",
    ]);
    expect(await until(() => service.configs[0])).toMatchObject({
      listen: [{ transport: "tcp", host: "::1", port: 7000 }],
      log: { level: "warn", format: "json" },
    });
  });

  test("gives 1 and the place for a file with mistakes", async () => {
    const service = new Service("rotues: []");
    expect(await service.code).toBe(1);
    expect(service.complaints.join("\n")).toMatch(/\.yaml:2:1: there is no key “rotues” here; did you mean routes\?/);
  });

  test("tells of scripts that do not compile, and runs", async () => {
    writeFileSync(join(folder, "broken.ts"), "export default (;\n");
    const service = new Service('routes: [{ to: "a@*", script: broken.ts }]');
    await service.logged("a script cannot run until this is mended");
    expect(service.log.join("\n")).toMatch(/at=\S*broken\.ts:1:\d+/);
    service.signal("SIGTERM");
    expect(await service.code).toBe(0);
  });

  test("gives 3 when the machine does not let it", async () => {
    const service = new Service(routes, [], new RangeError("udp://0.0.0.0:5060 is in use"));
    expect(await service.code).toBe(3);
    expect(service.log.join()).toContain("udp://0.0.0.0:5060 is in use");
  });
});

test("a signal that comes before the server is up counts once it is", async () => {
  const service = new Service(routes);
  await until(() => service.configs[0]);
  service.signal("SIGHUP");
  await service.logged("the configuration was read again");
  service.signal("SIGUSR1");
  service.signal("SIGTERM");
  expect(await service.code).toBe(0);
  expect(service.told).toEqual(["reload", "reopen", "drain 60000", "stop"]);
});

describe("SIGHUP", () => {
  test("takes over a good file", async () => {
    const service = new Service(routes);
    await service.logged("listening");
    service.write('routes: [{ to: "new@*", exec: sh }]\nmedia: { ports: 30000-30100 }');
    service.signal("SIGHUP");
    await service.logged("the configuration was read again");
    expect(service.configs[1]?.routes[0]?.to?.source).toBe("new@*");
    expect(service.log.join()).toContain("media has changed; that takes a restart");
    service.signal("SIGTERM");
    await service.code;
    expect(service.told).toEqual(["reload", "drain 60000", "stop"]);
  });

  test("changes the log's level, which needs no restart as its format does", async () => {
    const service = new Service(`${routes}\nlog: { level: warn, to: stderr }`);
    await until(() => service.configs[0]);
    await until(() => service.signal);
    service.write(`${routes}\nlog: { level: error }`);
    service.signal("SIGHUP");
    await until(() => service.told.find((what) => what.startsWith("level")));
    expect(service.told).toEqual(["reload", "level error"]);
    expect(service.log.join()).not.toContain("takes a restart");
    service.write(`${routes}\nlog: { level: error, format: json }`);
    service.signal("SIGHUP");
    await service.logged("log has changed; that takes a restart");
    service.signal("SIGTERM");
    await service.code;
  });

  test("keeps the old one when the new has mistakes, and says which", async () => {
    const service = new Service(routes);
    await service.logged("listening");
    service.write("routes: [{ to: x }]");
    service.signal("SIGHUP");
    await service.logged("the old one stays");
    expect(service.log.join("\n")).toMatch(/a route has exactly one action.*at=\S*\.yaml:2:10/);
    expect(service.told).toEqual([]);
    service.signal("SIGTERM");
    await service.code;
  });
});

/** Waits, a turn of the loop at a time, until there is something. */
async function until<T>(get: () => T | undefined): Promise<T> {
  for (;;) {
    const got = get();
    if (got !== undefined) return got;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
