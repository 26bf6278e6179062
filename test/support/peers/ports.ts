/** Ports that nobody uses now: each call gives another one. */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

/*
 * Several test runs may share a machine: each takes a block of ports of its own, marked by a TCP port that it listens on.
 * Below the kernel's ephemeral range (32768 on Linux), so that no outgoing connection takes one meanwhile; RTP needs so
 * many that it has to be above.
 */
const blocks = 10;
const marks = 20_980;
const signalling = { first: 21_000, size: 1000 };
const media = { first: 40_000, size: 2000 };

let claimed: Promise<number> | undefined;
const block = () => {
  claimed ??= claim();
  return claimed;
};

async function claim(): Promise<number> {
  const start = Math.floor(Math.random() * blocks);
  for (let n = 0; n < blocks; n++) {
    const mine = (start + n) % blocks;
    if (await mark(marks + mine)) return mine;
  }
  return start;
}

/** Listens until this process ends. */
function mark(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(true));
  server.unref();
  return promise;
}

let nextPort = 0;
let nextRange = 0;

/** The first of `count` neighbouring ports, even, free on UDP and TCP on every IPv4 address, that no other call here is given. */
export async function freePort(count = 2): Promise<number> {
  const { first, size } = signalling;
  for (;;) {
    const begin = first + (await block()) * size;
    if (nextPort + count > size) nextPort = 0;
    const port = begin + nextPort;
    nextPort += count + (count % 2);
    const all = Array.from({ length: count }, (_, n) => [udpFree(port + n), tcpFree(port + n)]).flat();
    if ((await Promise.all(all)).every(Boolean)) return port;
  }
}

/** First and last of `count` ports for RTP: others each time, so that a test's late packets reach nobody else. */
export async function mediaPorts(count: number): Promise<readonly [first: number, last: number]> {
  const begin = media.first + (await block()) * media.size;
  for (;;) {
    if (nextRange + count > media.size) nextRange = 0;
    const first = begin + nextRange;
    nextRange += count;
    // Other programs may be there; that they have just some ports in the middle is for the server to cope with.
    if ((await udpFree(first)) && (await udpFree(first + count - 1))) return [first, first + count - 1];
  }
}

function udpFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createSocket("udp4");
  socket.once("error", () => resolve(false));
  socket.bind(port, "0.0.0.0", () => socket.close(() => resolve(true)));
  return promise;
}

function tcpFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  return promise;
}

/**
 * Waits until a program has bound `port`; false when it has not within `ms` milliseconds. Asks the kernel (Linux's /proc):
 * trying to bind the port oneself could take it from the program at the wrong moment. Looks into the network namespace of the
 * process `pid`, this one's by default.
 */
export async function untilBound(
  port: number,
  transport: "udp" | "tcp",
  ms = 5000,
  pid: number | "self" = "self",
): Promise<boolean> {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  // UDP sockets that are bound are in state 07, TCP sockets that listen in 0A.
  const state = transport === "udp" ? "07" : "0A";
  const bound = () =>
    [transport, `${transport}6`].some((table) =>
      read(`/proc/${pid}/net/${table}`)
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .some(([, local = "", , found]) => local.endsWith(ending) && found === state),
    );
  for (const end = performance.now() + ms; performance.now() < end; await Bun.sleep(20)) if (bound()) return true;
  return false;
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    // No IPv6 on this machine, or the process has ended.
    return "";
  }
}
