import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { serviceManager, socketAddress, watchdogTime } from "../src/service-manager.ts";
import { NotifySocket } from "./support/notify-socket.ts";
import { temporaryFolder } from "./support/peers/folder.ts";

const open: NotifySocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

function listening(name: string): NotifySocket {
  const socket = new NotifySocket(name);
  open.push(socket);
  return socket;
}

const names = () => [join(temporaryFolder("notify"), "socket"), `@siproc-test-${process.pid}`];

describe("a service manager", () => {
  test.each(names())("is told by datagrams at %s", (name) => {
    const socket = listening(name);
    const faults: string[] = [];
    const manager = serviceManager({ NOTIFY_SOCKET: name }, (reason) => faults.push(reason));
    manager?.ready("serving");
    manager?.status("2 calls\nREADY=1");
    manager?.alive();
    manager?.stopping("1 call may go on", 70_000);
    expect(faults).toEqual([]);
    expect(socket.heard).toEqual([
      "READY=1",
      "STATUS=serving",
      "STATUS=2 calls READY=1",
      "WATCHDOG=1",
      "STOPPING=1",
      "EXTEND_TIMEOUT_USEC=70000000",
      "STATUS=1 call may go on",
    ]);
  });

  test("is told by the monotonic clock when a reload began", async () => {
    const socket = listening(`@siproc-test-reload-${process.pid}`);
    const manager = serviceManager({ NOTIFY_SOCKET: socket.name }, () => {});
    const uptime = async () => Number.parseFloat(await Bun.file("/proc/uptime").text());
    manager?.reloading();
    const [word, time] = socket.heard;
    expect(word).toBe("RELOADING=1");
    const seconds = Number(/^MONOTONIC_USEC=(\d+)$/.exec(time ?? "")?.[1]) / 1e6;
    // /proc/uptime also counts the time that a machine has slept.
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual((await uptime()) + 1);
  });

  test("that went away harms nobody and is told once", () => {
    const faults: string[] = [];
    const manager = serviceManager({ NOTIFY_SOCKET: "/nowhere/notify" }, (reason) => faults.push(reason));
    manager?.ready("serving");
    manager?.alive();
    expect(faults).toEqual(["/nowhere/notify: error 2"]);
  });

  test.each([[undefined], [""]])("is nobody where NOTIFY_SOCKET is %p", (name) => {
    expect(serviceManager({ NOTIFY_SOCKET: name }, () => {})).toBeUndefined();
  });

  test.each(["relative", "vsock:2:1234", "@", `/${"x".repeat(107)}`, "/a\0b"])("%p is no socket", (name) => {
    expect(socketAddress(name)).toBeUndefined();
  });
});

describe("the watchdog's time", () => {
  const rows: [microseconds: string | undefined, pid: string | undefined, expected: number | undefined][] = [
    ["30000000", undefined, 30_000],
    ["30000000", "7", 30_000],
    ["30000000", "8", undefined],
    [undefined, undefined, undefined],
    ["0", undefined, undefined],
    ["-5", undefined, undefined],
    ["1e3", undefined, undefined],
    ["1", undefined, 1],
  ];
  test.each(rows)("WATCHDOG_USEC=%p for process %p, which is 7: %p ms", (WATCHDOG_USEC, WATCHDOG_PID, expected) => {
    expect(watchdogTime({ WATCHDOG_USEC, WATCHDOG_PID }, 7)).toBe(expected);
  });
});
