/**
 * The system's log: lines to the daemon of this machine at /dev/log, as syslog(3) writes them, or to one elsewhere over UDP
 * (RFC 5424, RFC 5426). Neither waits: a line that nobody takes is lost, and their number is told with the next.
 */
import { hostname } from "node:os";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  errno,
  type Libc,
  libc,
  type Memory,
  MSG_DONTWAIT,
  memory,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from "./libc.ts";
import { type Level, type LogRecord, type LogSink, renderText } from "./log.ts";
import { largestSocketAddress, writeSocketAddress } from "./socket-address.ts";

/** Codes of RFC 5424 §6.2.1. */
export const facilities = {
  ...{ user: 1, daemon: 3, auth: 4, local0: 16, local1: 17, local2: 18, local3: 19 },
  ...{ local4: 20, local5: 21, local6: 22, local7: 23 },
} as const;
export type Facility = keyof typeof facilities;

const severities: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** The socket of the daemon of this machine, or an IP address and a port. */
export type SyslogTarget = { readonly path: string } | { readonly host: string; readonly port: number };

export interface SyslogOptions {
  /** The daemon at /dev/log by default. */
  to?: SyslogTarget | undefined;
  /** `daemon` by default. */
  facility?: Facility | undefined;
  /** Told when lines begin to be lost; the reason is a sentence. stderr by default. */
  failed?: (reason: string) => void;
  host?: string;
  pid?: number;
}

/** Octets of a line: what each receiver of syslog over UDP should take (RFC 5426 §3.2), and each daemon takes. */
const mostLocal = 8192;
const mostRemote = 2048;

export class Syslog implements LogSink {
  readonly #libc: Libc | undefined = libc();
  readonly #facility: number;
  readonly #failed: (reason: string) => void;
  readonly #render: (record: LogRecord, priority: number) => string;
  readonly #where: string;
  readonly #line: Memory;
  readonly #address: Memory;
  readonly #family: number;
  #socket = -1;
  #lost = 0;

  constructor(options: SyslogOptions = {}) {
    const { to = { path: "/dev/log" }, facility = "daemon", pid = process.pid } = options;
    this.#facility = facilities[facility];
    this.#failed = options.failed ?? ((reason) => void process.stderr.write(`siproc: ${reason}\n`));
    const local = "path" in to;
    this.#where = local ? to.path : `${to.host} port ${to.port}`;
    this.#render = local ? localLine(pid) : remoteLine(options.host ?? hostname(), pid);
    this.#line = memory(local ? mostLocal : mostRemote);
    this.#address = local ? unixAddress(to.path) : internetAddress(to.host, to.port);
    this.#family = local ? AF_UNIX : to.host.includes(":") ? AF_INET6 : AF_INET;
  }

  take(record: LogRecord): void {
    if (this.#lost > 0) {
      const { time } = record;
      const lost = { time, level: "warn" as const, message: "lines were lost, since the log could not be written" };
      if (!this.#write({ ...lost, fields: { lines: this.#lost } })) return void this.#lost++;
      this.#lost = 0;
    }
    const fault = this.#write(record) ? undefined : lastFault(this.#libc);
    if (fault === undefined) return;
    this.#lost++;
    this.#failed(`the log cannot be written to syslog at ${this.#where} (${fault})`);
  }

  close(): void {
    if (this.#socket >= 0) this.#libc?.close(this.#socket);
    this.#socket = -1;
  }

  #write(record: LogRecord): boolean {
    const c = this.#libc;
    if (c === undefined) return false;
    if (this.#socket < 0) this.#socket = c.socket(this.#family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#socket < 0) return false;
    const priority = 8 * this.#facility + severities[record.level];
    const { octets, at } = this.#line;
    // Whole characters only: what does not fit is cut off.
    const { written } = new TextEncoder().encodeInto(this.#render(record, priority), octets);
    const sent = c.sendto(this.#socket, at, written, MSG_DONTWAIT, this.#address.at, this.#address.octets.length);
    return sent >= 0;
  }
}

/** As the C library writes to /dev/log: what each daemon, journald included, understands. */
function localLine(pid: number): (record: LogRecord, priority: number) => string {
  return (record, priority) => `<${priority}>${localTime(record.time)} siproc[${pid}]: ${renderText(record)}`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function localTime(time: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = String(time.getDate()).padStart(2);
  return `${months[time.getMonth()]} ${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** RFC 5424 §6. The number is the one that RFC 5612 leaves to everybody. */
function remoteLine(host: string, pid: number): (record: LogRecord, priority: number) => string {
  const name = host.replace(/[^\x21-\x7e]/g, "").slice(0, 255) || "-";
  return (record, priority) => {
    const head = `<${priority}>1 ${record.time.toISOString()} ${name} siproc ${pid} -`;
    return `${head} ${structured(record)} ${renderText(record)}`;
  };
}

/** What tells the call, for filters; all facts stand in the text. */
function structured({ fields: { callId, call } }: LogRecord): string {
  const pairs = Object.entries({ callId, call }).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return "-";
  const values = pairs.map(([name, value]) => ` ${name}="${escaped(String(value).slice(0, 256))}"`);
  return `[siproc@32473${values.join("")}]`;
}

function escaped(value: string): string {
  return value.replace(/[\x00-\x1f\x7f-\x9f]/g, "?").replace(/["\\\]]/g, "\\$&");
}

/** `struct sockaddr_un`. */
function unixAddress(path: string): Memory {
  const octets = new TextEncoder().encode(path);
  const address = memory(2 + octets.length + 1);
  address.octets[0] = AF_UNIX;
  address.octets.set(octets, 2);
  return address;
}

function internetAddress(host: string, port: number): Memory {
  const whole = memory(largestSocketAddress);
  const length = writeSocketAddress(whole.octets, 0, host, port);
  const address = memory(length);
  address.octets.set(whole.octets.subarray(0, length));
  return address;
}

/** What the numbers mean that are to be expected. */
const faults: ReadonlyMap<number, string> = new Map([
  [2, "there is no such socket"],
  [11, "its queue is full"],
  [13, "permission denied"],
  [101, "no route to it"],
  [111, "nobody listens"],
]);

function lastFault(c: Libc | undefined): string {
  if (c === undefined) return "only Linux is supported";
  const number = errno(c);
  return faults.get(number) ?? `error ${number} of the system`;
}
