/** One query to one DNS server, over a datagram or a connection of its own: its port is the kernel's random choice (RFC 5452 §9.2). */
import { createConnection } from "node:net";
import type { Address } from "../../sip/flow.ts";
import { maxReply } from "./message.ts";

export interface ExchangeEvents {
  /** Something came from the server's address. */
  message(octets: Uint8Array): void;
  /** Nothing more will come: the port is closed, the connection is gone. */
  failed(reason: string): void;
}

/** Ends an exchange; nothing is told after that. Safe to call again. */
export type Stop = () => void;

export type Exchange = (server: Address, query: Uint8Array, events: ExchangeEvents) => Stop;

/**
 * The socket is connected, so that the kernel drops what comes from elsewhere, and tells of a closed port (ICMP), which
 * for once is welcome: the next server is asked at once.
 */
export const overUdp: Exchange = (server, query, events) => {
  let socket: Bun.udp.ConnectedSocket<"uint8array"> | undefined;
  let stopped = false;
  const stop = () => {
    stopped = true;
    socket?.close();
    socket = undefined;
  };
  const fail = (reason: string) => {
    if (stopped) return;
    stop();
    events.failed(reason);
  };
  Bun.udpSocket({
    hostname: server.host.includes(":") ? "::" : "0.0.0.0",
    port: 0,
    binaryType: "uint8array",
    connect: { hostname: server.host, port: server.port },
    socket: {
      data: (_, octets) => {
        if (!stopped) events.message(octets);
      },
      error: () => fail("its port is closed"),
    },
  }).then(
    (opened) => {
      if (stopped) return opened.close();
      socket = opened;
      try {
        opened.send(query);
      } catch {
        fail("it cannot be reached");
      }
    },
    () => fail("no socket can be had"),
  );
  return stop;
};

/** RFC 1035 §4.2.2: each message behind its length. */
export const overTcp: Exchange = (server, query, events) => {
  const socket = createConnection({ host: server.host, port: server.port });
  let received = Buffer.alloc(0);
  let stopped = false;
  const stop = () => {
    stopped = true;
    socket.destroy();
  };
  const fail = (reason: string) => {
    if (stopped) return;
    stop();
    events.failed(reason);
  };
  socket.on("connect", () => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
  socket.on("data", (octets: Buffer) => {
    if (stopped) return;
    received = Buffer.concat([received, octets]);
    if (received.length < 2) return;
    const length = received.readUInt16BE(0);
    if (length > maxReply) return fail(`a reply of ${length} octets is too long`);
    if (received.length < length + 2) return;
    events.message(received.subarray(2, length + 2));
    fail("it sent something else than a reply");
  });
  socket.on("error", () => fail("it takes no connection"));
  socket.on("close", () => fail("it closed the connection"));
  return stop;
};
