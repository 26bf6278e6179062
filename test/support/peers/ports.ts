/** Ports that nobody uses now: each call gives another one. */
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

// Below the kernel's ephemeral range (32768 on Linux), so that no outgoing connection takes one meanwhile.
const first = 21_000;
const last = 31_000;
let next = first + 100 * Math.floor(Math.random() * ((last - first) / 100));

/** The first of `count` neighbouring ports, even, free on UDP and TCP on every IPv4 address, that no other call here is given. */
export async function freePort(count = 2): Promise<number> {
  for (;;) {
    if (next + count > last) next = first;
    const port = next;
    next += count + (count % 2);
    const all = Array.from({ length: count }, (_, n) => [udpFree(port + n), tcpFree(port + n)]).flat();
    if ((await Promise.all(all)).every(Boolean)) return port;
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
 * trying to bind the port oneself could take it from the program at the wrong moment.
 */
export async function untilBound(port: number, transport: "udp" | "tcp", ms = 5000): Promise<boolean> {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  // UDP sockets that are bound are in state 07, TCP sockets that listen in 0A.
  const state = transport === "udp" ? "07" : "0A";
  const bound = () =>
    [transport, `${transport}6`].some((table) =>
      read(`/proc/net/${table}`)
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .some(([, local = "", , found]) => local.endsWith(ending) && found === state),
    );
  for (const end = performance.now() + ms; performance.now() < end; await Bun.sleep(20)) if (bound()) return true;
  return false;
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, "latin1") : "";
}
