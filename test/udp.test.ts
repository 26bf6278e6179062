import { afterEach, describe, expect, test } from "bun:test";
import { bindUdp, type UdpSocket } from "../src/udp.ts";

const open: UdpSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

async function bind(
  host: string,
  onPacket: (text: string, port: number, from: string) => void = () => {},
): Promise<UdpSocket> {
  const socket = await bindUdp({
    host,
    port: 0,
    onPacket: (datagram, port, from) => onPacket(new TextDecoder().decode(datagram), port, from),
    receiveBuffer: 1 << 20,
    guarded: false,
  });
  open.push(socket);
  return socket;
}

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};
const until = async (done: () => boolean) => {
  for (let i = 0; i < 100_000 && !done(); i++) await turns(1);
};

describe("a UDP socket", () => {
  for (const [wildcard, loopback] of [
    ["0.0.0.0", "127.0.0.1"],
    ["::", "::1"],
  ] as const)
    test(`bound to ${wildcard} loses nothing when every second packet meets a closed port`, async () => {
      let received = 0;
      const live = await bind(wildcard, () => received++);
      const sender = await bind(wildcard);
      const closed = await bindUdp({ host: wildcard, port: 0, onPacket: () => {} });
      const deadPort = closed.port;
      closed.close();
      const packet = new Uint8Array(172);
      const total = 2_000;
      let sent = 0;
      for (let i = 0; i < total; i++) {
        sender.send(packet, deadPort, loopback);
        if (sender.send(packet, live.port, loopback)) sent++;
        // Turns of the loop let the ICMP errors come in and the receiver read.
        if (i % 20 === 0) await turns(2);
      }
      await until(() => received === total);
      expect({ sent, received }).toEqual({ sent: total, received: total });
    });

  test("still receives after its own packets met closed ports", async () => {
    const texts: string[] = [];
    const poisoned = await bind("127.0.0.1", (text) => texts.push(text));
    const other = await bind("127.0.0.1");
    const closed = await bindUdp({ host: "127.0.0.1", port: 0, onPacket: () => {} });
    closed.close();
    for (let i = 0; i < 10; i++) {
      poisoned.send(new Uint8Array(1), closed.port, "127.0.0.1");
      await turns(2);
      other.send(new TextEncoder().encode(`packet ${i}`), poisoned.port, "127.0.0.1");
    }
    await until(() => texts.length === 10);
    expect(texts).toEqual(Array.from({ length: 10 }, (_, i) => `packet ${i}`));
  });

  const unsendable: [string, number, string][] = [
    ["a host name", 5060, "not-an-address"],
    ["port 0", 0, "127.0.0.1"],
    ["a port out of range", 70_000, "127.0.0.1"],
    ["an address of the other family", 5060, "::1"],
    ["broadcast", 5060, "255.255.255.255"],
  ];
  for (const [name, port, host] of unsendable)
    test(`answers false, and does not throw, for ${name}`, async () => {
      const socket = await bind("0.0.0.0");
      expect(socket.send(new Uint8Array(1), port, host)).toBe(false);
    });

  test("on :: leaves the same port of 0.0.0.0 free", async () => {
    const v4 = await bind("0.0.0.0");
    const v6 = await bindUdp({ host: "::", port: v4.port, onPacket: () => {} });
    open.push(v6);
    expect(v6.port).toBe(v4.port);
  });

  test("says with the system's code why it cannot be bound", async () => {
    const socket = await bind("127.0.0.1");
    expect(bindUdp({ host: "127.0.0.1", port: socket.port, onPacket: () => {} })).rejects.toMatchObject({
      name: "UdpBindError",
      code: "EADDRINUSE",
    });
  });
});
