/** Lines for syslog: to a socket by its path, and over UDP by RFC 5424. */
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createLog, type Fields, type Level } from "../../src/log.ts";
import { Syslog, type SyslogOptions, type SyslogTarget } from "../../src/syslog.ts";
import { NotifySocket } from "../support/notify-socket.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { until } from "../support/peers/until.ts";

const time = new Date(2026, 0, 2, 3, 4, 5, 678);
const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

function logTo(to: SyslogTarget, options: SyslogOptions = {}) {
  const syslog = new Syslog({ to, pid: 42, host: "pbx", ...options });
  cleanUps.push(() => syslog.close());
  return createLog({ level: "debug", format: "json", sinks: [syslog], now: () => time });
}

/** Datagrams that come to a UDP port. */
async function receiver(): Promise<{ to: SyslogTarget; heard: string[] }> {
  const heard: string[] = [];
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: { data: (_, octets) => void heard.push(octets.toString("utf8")) },
  });
  cleanUps.push(() => socket.close());
  return { to: { host: "127.0.0.1", port: socket.port }, heard };
}

describe("over UDP", () => {
  const iso = time.toISOString();
  const table: [what: string, level: Level, message: string, fields: Fields, line: string][] = [
    ["a plain line", "info", "hello", {}, `<30>1 ${iso} pbx siproc 42 - - hello`],
    ["its level", "error", "oh", { n: 1 }, `<27>1 ${iso} pbx siproc 42 - - oh n=1`],
    [
      "its call as data",
      "warn",
      "late",
      { callId: 'a"]b', call: "c1" },
      `<28>1 ${iso} pbx siproc 42 - [siproc@32473 callId="a\\"\\]b" call="c1"] late callId="a\\"]b" call=c1`,
    ],
    ["no line of a stranger's", "debug", "a\n<0>1 b", {}, `<31>1 ${iso} pbx siproc 42 - - a\\x0a<0>1 b`],
  ];
  test.each(table)("a receiver gets %s", async (_, level, message, fields, line) => {
    const { to, heard } = await receiver();
    logTo(to)[level](message, fields);
    expect(await until("a line", () => heard[0])).toBe(line);
  });

  test("a long line is cut between two characters", async () => {
    const { to, heard } = await receiver();
    logTo(to).info("é".repeat(5000));
    const line = await until("a line", () => heard[0]);
    expect(Buffer.byteLength(line)).toBeGreaterThan(2040);
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(2048);
    expect(line).not.toContain("\ufffd");
  });
});

describe("on this machine", () => {
  test("the daemon gets lines as the C library writes them, in the facility that was asked for", () => {
    const socket = new NotifySocket(join(temporaryFolder("log"), "log"));
    cleanUps.push(() => socket.close());
    logTo({ path: socket.name }, { facility: "local3" }).warn("three", { callId: "a@x" });
    expect(socket.heard).toEqual(["<156>Jan  2 03:04:05 siproc[42]: three callId=a@x"]);
  });

  test("lines that nobody takes are told of once, and counted for when somebody does again", () => {
    const path = join(temporaryFolder("log"), "log");
    const told: string[] = [];
    const log = logTo({ path }, { failed: (reason) => told.push(reason) });
    for (let i = 0; i < 3; i++) log.info("lost");
    expect(told).toEqual([`the log cannot be written to syslog at ${path} (there is no such socket)`]);
    const socket = new NotifySocket(path);
    cleanUps.push(() => socket.close());
    log.info("there");
    expect(socket.heard.map((line) => line.replace(/^.*: /, ""))).toEqual([
      "lines were lost, since the log could not be written lines=3",
      "there",
    ]);
  });

  test("a daemon that reads nothing holds nobody up", () => {
    const socket = new NotifySocket(join(temporaryFolder("log"), "log"));
    cleanUps.push(() => socket.close());
    const told: string[] = [];
    const log = logTo({ path: socket.name }, { failed: (reason) => told.push(reason) });
    for (let i = 0; i < 5000; i++) log.info("x".repeat(1000));
    expect(told).toEqual([expect.stringContaining("its queue is full")]);
  });
});
