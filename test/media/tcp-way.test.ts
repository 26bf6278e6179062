/** ICE's packets by TCP: framing however the octets come, and strangers who connect and say something else, or nothing. */
import { afterEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { overTcp, TcpWay } from "../../src/media/tcp-way.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { freePort } from "../support/peers/ports.ts";
import { until } from "../support/peers/until.ts";
import { below, seeded } from "../support/random.ts";

const open: { destroy(): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.destroy();
});

interface Client {
  readonly socket: Socket;
  readonly received: number[];
  closed: boolean;
}

async function bench() {
  const clock = new VirtualClock();
  const port = await freePort();
  const packets: { packet: number[]; port: number; host: string }[] = [];
  const way = new TcpWay("ipv4", port, clock);
  way.user = (packet, from, host) => packets.push({ packet: [...packet], port: from, host });
  open.push({ destroy: () => way.close() });
  const client = async (): Promise<Client> => {
    const socket = connect(port, "127.0.0.1");
    open.push(socket);
    const made: Client = { socket, received: [], closed: false };
    socket.on("data", (octets: Buffer) => made.received.push(...octets));
    socket.on("close", () => {
      made.closed = true;
    });
    socket.on("error", () => {});
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    return made;
  };
  return { clock, way, packets, client };
}

const framed = (...octets: number[]) => {
  const head = [octets.length >> 8, octets.length & 255];
  return Buffer.from([...head, ...octets]);
};

describe("who connects", () => {
  test("is an address of its own; packets go both ways, each with its length", async () => {
    const { way, packets, client } = await bench();
    const { socket, received } = await client();
    socket.write(framed(0, 1, 2));
    const { packet, port, host } = await until("packet", () => packets[0]);
    expect(packet).toEqual([0, 1, 2]);
    expect([host, port]).toEqual([`${overTcp}127.0.0.1`, socket.localPort ?? 0]);
    way.send(Uint8Array.of(9, 8, 7), port, host);
    await until("answer", () => received.length >= 5);
    expect(received).toEqual([0, 3, 9, 8, 7]);
  });

  test("may cut its packets as it likes", async () => {
    const { packets, client } = await bench();
    const { socket } = await client();
    const random = seeded(3);
    const sent = Array.from({ length: 60 }, (_, n) => new Array<number>(below(random, 300) + 1).fill(n % 4));
    const stream = Buffer.concat(sent.map((packet) => framed(...packet)));
    for (let at = 0; at < stream.length; ) {
      const next = at + 1 + below(random, 700);
      socket.write(stream.subarray(at, next));
      at = next;
    }
    await until("all packets", () => packets.length === sent.length);
    expect(packets.map(({ packet }) => packet)).toEqual(sent);
  });

  test.each([
    ["speaks HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["sends what is no STUN before ICE has answered", framed(0x80, 0, 0, 1)],
    ["announces more than a packet has", Buffer.from([0xff, 0xff, 0])],
  ])("is cut off when it %s", async (_, octets) => {
    const { packets, client } = await bench();
    const stranger = await client();
    stranger.socket.write(octets);
    await until("end", () => stranger.closed);
    expect(packets).toEqual([]);
  });

  test("is cut off when it has proven nothing in ten seconds; who has may stay, and may be silent", async () => {
    const { clock, way, packets, client } = await bench();
    const [stranger, browser] = [await client(), await client()];
    browser.socket.write(framed(1));
    const { port, host } = await until("packet", () => packets[0]);
    way.send(Uint8Array.of(1), port, host);
    await until("answer", () => browser.received.length === 3);
    clock.advance(10_001);
    await until("end", () => stranger.closed);
    browser.socket.write(framed(0x80, 1));
    await until("packet", () => packets.length === 2);
    expect(browser.closed).toBe(false);
  });

  test("in numbers, does not keep the browser out", async () => {
    const { packets, client } = await bench();
    const strangers = await Promise.all(Array.from({ length: 30 }, client));
    const browser = await client();
    browser.socket.write(framed(0, 7));
    await until("packet", () => packets.some(({ packet }) => packet[1] === 7));
    expect(strangers.filter(({ closed }) => !closed).length).toBeLessThan(9);
  });

  test("may come before the call, and is gone when it is over", async () => {
    const { way, packets, client } = await bench();
    const { user } = way;
    way.user = undefined;
    const browser = await client();
    browser.socket.write(framed(0, 1));
    way.user = user;
    browser.socket.write(framed(0, 2));
    await until("packet", () => packets.some(({ packet }) => packet[1] === 2));
    way.leave();
    await until("end", () => browser.closed);
    const next = await client();
    expect(next.closed).toBe(false);
  });
});
