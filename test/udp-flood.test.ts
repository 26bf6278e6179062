/** A flood on one socket leaves the loop's other work its time. */
import { afterEach, describe, expect, test } from "bun:test";
import { DatagramTurns } from "../src/transport/datagram-turns.ts";
import { bindUdp, type UdpSocket } from "../src/udp.ts";
import { type Dropped, filterProgram } from "../src/udp-filter.ts";

const open: UdpSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

async function bind(host: string, onPacket: (port: number, from: string) => void = () => {}, guarded = true) {
  const socket = await bindUdp({ host, port: 0, guarded, onPacket: (_, port, from) => onPacket(port, from) });
  open.push(socket);
  return socket;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await turn();
};
const until = async (done: () => boolean) => {
  for (let i = 0; i < 100_000 && !done(); i++) await turn();
};
const packet = new Uint8Array(20);
const linux = test.if(process.platform === "linux");

describe("a steady peer's socket", () => {
  linux("takes a few datagrams in a turn and drops the rest of a flood; the next turn it takes again", async () => {
    let taken = 0;
    const receiver = await bind("127.0.0.1", () => taken++);
    const sender = await bind("127.0.0.1");
    for (let round = 0; round < 3; round++) {
      taken = 0;
      for (let i = 0; i < 200; i++) sender.send(packet, receiver.port, "127.0.0.1");
      await until(() => taken > 0);
      await turns(3);
      expect(taken).toBeGreaterThanOrEqual(16);
      expect(taken).toBeLessThanOrEqual(64);
    }
  });

  linux("takes all that comes at a steady pace", async () => {
    let taken = 0;
    const receiver = await bind("127.0.0.1", () => taken++);
    const sender = await bind("127.0.0.1");
    for (let i = 0; i < 300; i++) {
      sender.send(packet, receiver.port, "127.0.0.1");
      if (i % 3 === 2) await until(() => taken === i + 1);
    }
    expect(taken).toBe(300);
  });
});

describe("sources that are dropped", () => {
  const hosts = ["127.0.0.1", "127.0.77.1", "127.0.77.2", "127.1.77.2"];
  const cases: [name: string, drop: Dropped, heard: string[]][] = [
    ["none", [], hosts],
    ["all", "all", []],
    ["one", ["127.0.77.1"], ["127.0.0.1", "127.0.77.2", "127.1.77.2"]],
    ["several", ["127.1.77.2", "192.0.2.1", "127.0.0.1"], ["127.0.77.1", "127.0.77.2"]],
    ["more than can be listed", Array.from({ length: 100 }, (_, i) => `127.0.77.${i}`), ["127.0.0.1", "127.1.77.2"]],
  ];
  for (const [name, drop, expected] of cases)
    linux(`${name}: the kernel drops them, and lets all others through`, async () => {
      const heard: string[] = [];
      const receiver = await bind("127.0.0.1", (_, from) => heard.push(from));
      const senders = await Promise.all(hosts.map((host) => bind(host)));
      for (const before of ["all", drop] as const) receiver.drop(before);
      for (const sender of senders) sender.send(packet, receiver.port, "127.0.0.1");
      await turns(20);
      expect(heard.toSorted()).toEqual(expected.toSorted());
      receiver.drop([]);
      for (const sender of senders) sender.send(packet, receiver.port, "127.0.0.1");
      await until(() => heard.length === expected.length + hosts.length);
      expect(heard.length).toBe(expected.length + hosts.length);
    });

  linux("an IPv6 source stands for its /64", async () => {
    const heard: string[] = [];
    const receiver = await bind("::1", (_, from) => heard.push(from));
    const sender = await bind("::1");
    for (const [drop, count] of [
      [["2001:db8::1", "::2"], 0],
      [["2001:db8::1", "::1:0:0:0:2"], 1],
    ] as const) {
      heard.length = 0;
      receiver.drop(drop);
      sender.send(packet, receiver.port, "::1");
      await turns(20);
      expect(heard.length).toBe(count);
    }
  });

  test("of IPv6 are compared by their first 64 bits, however they are written", () => {
    const words = (host: string) => {
      const view = new DataView(filterProgram([host]).buffer);
      return [view.getUint32(12, true), view.getUint32(28, true)].map((word) => word.toString(16));
    };
    for (const [host, high, low] of [
      ["2001:db8:1:2:3:4:5:6", "20010db8", "10002"],
      ["2001:db8::5:6", "20010db8", "0"],
      ["fe80::1%eth0", "fe800000", "0"],
      ["::", "0", "0"],
      ["::1", "0", "0"],
      ["::2:3:4:5:6:7", "0", "20003"],
      ["1::4:5:6:7:8", "10000", "4"],
    ] as const)
      expect({ host, words: words(host) }).toEqual({ host, words: [high, low] });
  });
});

describe("under a flood by other processes", () => {
  const flood = async (local: string, port: number) => {
    const flooder = Bun.spawn(
      [process.execPath, new URL("./support/flooder.ts", import.meta.url).pathname, local, String(port), "800"],
      { stdout: "pipe" },
    );
    return Number(await new Response(flooder.stdout).text());
  };

  const kinds: [string, (taken: (host: string) => void) => Promise<UdpSocket>][] = [
    ["a guarded socket", (taken) => bind("127.0.0.1", (_, from) => taken(from))],
    [
      "a socket read in turns",
      async (taken) => {
        const turns: DatagramTurns = new DatagramTurns({
          take: (_octets, _port, host) => taken(host),
          drop: (sources) => socket.drop(sources),
        });
        const socket = await bindUdp({
          host: "127.0.0.1",
          port: 0,
          guarded: false,
          receiveBuffer: 1 << 20,
          onPacket: (octets, port, host) => turns.push(octets, port, host),
        });
        open.push(socket);
        return socket;
      },
    ],
  ];
  for (const [name, make] of kinds)
    linux(`${name} leaves timers their turns, and still hears others`, async () => {
      const heard = new Map<string, number>();
      const receiver = await make((host) => {
        heard.set(host, (heard.get(host) ?? 0) + 1);
        // What handling a small request costs: less than the flood's pace would need.
        const end = performance.now() + 0.02;
        while (performance.now() < end);
      });
      const peer = await bind("127.0.0.2");
      let ticks = 0;
      const timer = setInterval(() => {
        ticks++;
        peer.send(packet, receiver.port, "127.0.0.1");
      }, 10);
      const sent = await Promise.all(["127.0.0.3", "127.0.0.4"].map((host) => flood(host, receiver.port)));
      clearInterval(timer);
      // 80 when nothing is in the way; without the guard fewer than ten.
      expect(ticks).toBeGreaterThan(20);
      for (const count of sent) expect(count).toBeGreaterThan(1000);
      if (name.includes("turns")) expect(heard.get("127.0.0.2") ?? 0).toBeGreaterThan(ticks / 4);
    });
});
