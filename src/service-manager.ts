/** What starts and watches siproc, such as systemd: it is told how things stand by datagrams (sd_notify(3)). */
import { AF_UNIX, errno, type Libc, libc, MSG_DONTWAIT, memory, SOCK_CLOEXEC, SOCK_DGRAM } from "./libc.ts";

/** A service manager that wants to be told. */
export interface ServiceManager {
  /** ms within which it wants a sign of life; undefined: none is asked for. */
  readonly watchdog: number | undefined;
  /** All sockets are open, or the configuration has been read again. `status` is one line for people. */
  ready(status: string): void;
  /** The configuration is being read again; `ready` ends it. */
  reloading(): void;
  /** No new calls are taken; it takes `ms` milliseconds at most until the process has ended. */
  stopping(status: string, ms: number): void;
  /** One line for people. */
  status(line: string): void;
  /** A sign of life. */
  alive(): void;
}

/** `sun_path` of `sockaddr_un` in Linux. */
const longestPath = 108;
const CLOCK_MONOTONIC = 1;

/**
 * Whoever started this process and named a socket in NOTIFY_SOCKET; undefined: nobody did. `failed` is told, once, when
 * that socket cannot be reached.
 */
export function serviceManager(
  environment: NodeJS.ProcessEnv,
  failed: (reason: string) => void,
): ServiceManager | undefined {
  const name = environment.NOTIFY_SOCKET;
  if (!name) return undefined;
  const of = libc();
  const address = of === undefined ? undefined : socketAddress(name);
  if (of === undefined || address === undefined) {
    failed(of === undefined ? "there is no C library to reach it by" : `${name} is no path of a socket`);
    return undefined;
  }
  let told = false;
  const tell = (...lines: readonly string[]) => {
    const error = send(of, address, `${lines.join("\n")}\n`);
    if (error === undefined || told) return;
    told = true;
    failed(`${name}: error ${error}`);
  };
  return {
    watchdog: watchdogTime(environment, process.pid),
    ready: (status) => tell("READY=1", statusLine(status)),
    reloading: () => tell("RELOADING=1", `MONOTONIC_USEC=${monotonicMicroseconds(of)}`),
    stopping: (status, ms) => tell("STOPPING=1", `EXTEND_TIMEOUT_USEC=${Math.ceil(ms) * 1000}`, statusLine(status)),
    status: (line) => tell(statusLine(line)),
    alive: () => tell("WATCHDOG=1"),
  };
}

/** A line break in it would be an assignment of its own. */
function statusLine(text: string): string {
  return `STATUS=${text.replace(/[\x00-\x1f\x7f]/g, " ")}`;
}

/** ms of WATCHDOG_USEC, where it is meant for process `pid` (sd_watchdog_enabled(3)). */
export function watchdogTime(environment: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC: microseconds = "", WATCHDOG_PID: meant = "" } = environment;
  if (!/^[1-9]\d{0,14}$/.test(microseconds) || (meant !== "" && meant !== String(pid))) return undefined;
  return Math.max(1, Math.floor(Number(microseconds) / 1000));
}

/** `struct sockaddr_un` of a path, or of an abstract name that begins with @; undefined: it is neither, or too long. */
export function socketAddress(name: string): Uint8Array<ArrayBuffer> | undefined {
  const path = new TextEncoder().encode(name);
  const abstract = name.startsWith("@");
  if ((!abstract && !name.startsWith("/")) || path.length < 2 || path.includes(0)) return undefined;
  // A path ends with a zero; an abstract name ends where the address does.
  if (path.length + (abstract ? 0 : 1) > longestPath) return undefined;
  const octets = new Uint8Array(new ArrayBuffer(2 + path.length + (abstract ? 0 : 1)));
  new DataView(octets.buffer).setUint16(0, AF_UNIX, true);
  octets.set(path, 2);
  if (abstract) octets[2] = 0;
  return octets;
}

/** Sends one datagram without waiting; gives the number of what went wrong. */
function send(of: Libc, address: Uint8Array<ArrayBuffer>, text: string): number | undefined {
  const socket = of.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno(of);
  try {
    const octets = new TextEncoder().encode(text);
    const body = memory(octets.length);
    body.octets.set(octets);
    const to = memory(address.length);
    to.octets.set(address);
    const sent = of.sendto(socket, body.at, octets.length, MSG_DONTWAIT, to.at, address.length);
    return sent < 0 ? errno(of) : undefined;
  } finally {
    of.close(socket);
  }
}

/** The system's monotonic clock, µs: the one by which systemd tells one reload from the next. */
function monotonicMicroseconds(of: Libc): bigint {
  const time = memory(16);
  of.clock_gettime(CLOCK_MONOTONIC, time.at);
  const view = new DataView(time.octets.buffer);
  return view.getBigInt64(0, true) * 1_000_000n + view.getBigInt64(8, true) / 1000n;
}
