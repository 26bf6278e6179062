/** UDP in bursts: what is read and sent in batches while datagrams come by the thousand a second. */
import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { EPOLLIN, EPOLLOUT, libc } from "../src/libc.ts";
import { largestSocketAddress, readSocketHost, readSocketPort, writeSocketAddress } from "../src/socket-address.ts";
import { bindUdp, type UdpOptions, type UdpSocket } from "../src/udp.ts";
import { bursts } from "../src/udp-burst.ts";
import { below, seeded } from "./support/random.ts";

const open: UdpSocket[] = [];
afterEach(async () => {
  for (const socket of open.splice(0)) socket.close();
  await until(() => bursts()?.active !== true);
});

async function bind(options: Partial<UdpOptions> & Pick<UdpOptions, "host">): Promise<UdpSocket> {
  const socket = await bindUdp({ port: 0, onPacket: () => {}, guarded: false, receiveBuffer: 1 << 22, ...options });
  open.push(socket);
  return socket;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const until = async (done: () => boolean) => {
  for (let i = 0; i < 200_000 && !done(); i++) await turn();
};
const datagram = (n: number, length = 200) => {
  const octets = new Uint8Array(length);
  new DataView(octets.buffer).setUint32(0, n);
  return octets;
};
const numberOf = (octets: Uint8Array) => new DataView(octets.buffer, octets.byteOffset).getUint32(0);

/** A peer that keeps `window` datagrams under way to `port` and takes what comes back. */
async function peer(host: string, port: number, total: number, window: number, length?: number) {
  const back: number[] = [];
  let sent = 0;
  const socket = await bind({
    host,
    onPacket: (octets) => {
      back.push(numberOf(octets));
      go();
    },
  });
  const go = () => {
    while (sent < total && sent - back.length < window) socket.send(datagram(sent++, length), port, host);
  };
  return { back, go, socket, done: () => back.length === total };
}

/** What all epolls of this process wait for; nothing where the kernel does not say. */
function* epollEvents(): Iterable<number> {
  for (const name of readdirSync("/proc/self/fdinfo")) {
    let text = "";
    try {
      text = readFileSync(`/proc/self/fdinfo/${name}`, "latin1");
    } catch {
      // Closed meanwhile.
    }
    for (const [, events = ""] of text.matchAll(/^tfd:\s*\d+ events:\s*([0-9a-f]+)/gm))
      yield Number.parseInt(events, 16);
  }
}

describe("a socket in a burst", () => {
  for (const host of ["127.0.0.1", "::1"])
    test(`on ${host} answers all datagrams, in order, to where they came from`, async () => {
      let sawBurst = false;
      const sources = new Set<string>();
      const server = await bind({
        host,
        onPacket: (octets, port, from) => {
          sawBurst ||= bursts()?.active === true;
          sources.add(`${from} ${port}`);
          server.send(octets, port, from);
        },
        onUnsent: () => {},
      });
      const peers = [await peer(host, server.port, 3000, 90), await peer(host, server.port, 3000, 7)];
      for (const each of peers) each.go();
      await until(() => peers.every((each) => each.done()));
      const inOrder = Array.from({ length: 3000 }, (_, i) => i);
      expect(peers.map(({ back }) => back)).toEqual([inOrder, inOrder]);
      expect(sources).toEqual(new Set(peers.map(({ socket }) => `${host} ${socket.port}`)));
      expect(sawBurst).toBe(process.platform === "linux");
    });

  test.skipIf(process.platform !== "linux")(
    "waits for more between two turns, but not while what came waits itself",
    async () => {
      const of = libc();
      if (of === undefined) throw new RangeError("no libc");
      const waited = spyOn(of, "poll");
      for (const busy of [false, true]) {
        const server = await bind({
          host: "127.0.0.1",
          onPacket: (octets, port, from) => server.send(octets, port, from),
          onUnsent: () => {},
          busy: () => busy,
        });
        const one = await peer("127.0.0.1", server.port, 3000, 7);
        one.go();
        await until(one.done);
        expect({ busy, waited: waited.mock.calls.length > 0 }).toEqual({ busy, waited: !busy });
        server.close();
        await until(() => bursts()?.active !== true);
        waited.mockClear();
      }
      waited.mockRestore();
    },
  );

  test.skipIf(process.platform !== "linux")(
    "sends together, and in order, what is gathered outside of its turns",
    async () => {
      const of = libc();
      if (of === undefined) throw new RangeError("no libc");
      const unsent: unknown[] = [];
      const socket = await bind({
        host: "127.0.0.1",
        onUnsent: (_octets, _port, _host, context) => unsent.push(context),
      });
      const second = await bind({ host: "127.0.0.1", onUnsent: () => {} });
      const came: number[] = [];
      const other = await bind({ host: "127.0.0.1", onPacket: (octets) => came.push(numberOf(octets)) });
      const sent = spyOn(of, "sendmmsg");
      expect(() =>
        socket.gather(() => {
          for (let i = 0; i < 40; i++) socket.send(datagram(i), other.port, "127.0.0.1");
          expect(socket.send(datagram(40), other.port, "192.0.2.1.", "nowhere")).toBe(false);
          second.send(datagram(100), other.port, "127.0.0.1");
          second.send(datagram(101), other.port, "127.0.0.1");
          expect(sent).toHaveBeenCalledTimes(0);
          throw new RangeError("what was sent before goes out all the same");
        }),
      ).toThrow("all the same");
      // A batch for each socket.
      expect(sent).toHaveBeenCalledTimes(2);
      socket.send(datagram(41), other.port, "127.0.0.1");
      expect(sent).toHaveBeenCalledTimes(3);
      sent.mockRestore();
      await until(() => came.length === 43);
      expect(came).toEqual([...Array.from({ length: 40 }, (_, i) => i), 100, 101, 41]);
      expect(unsent).toEqual([]);
    },
  );

  test("takes datagrams of all sizes", async () => {
    const server = await bind({
      host: "127.0.0.1",
      onPacket: (octets, port, from) => server.send(octets, port, from),
      onUnsent: () => {},
    });
    const lengths = [4, 1499, 1500, 9000, 65_507];
    for (const length of lengths) {
      const one = await peer("127.0.0.1", server.port, 200, 8, length);
      one.go();
      await until(one.done);
      expect(one.back.length).toBe(200);
    }
  });

  test("lets timers and other sockets go on", async () => {
    const server = await bind({
      host: "127.0.0.1",
      onPacket: (octets, port, from) => server.send(octets, port, from),
      onUnsent: () => {},
    });
    let [ticks, other] = [0, 0];
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket, octets) => void socket.write(octets) },
    });
    const client = await Bun.connect({
      hostname: "127.0.0.1",
      port: listener.port,
      socket: {
        data: (socket, octets) => {
          other++;
          socket.write(octets);
        },
      },
    });
    client.write("x");
    const timer = setInterval(() => ticks++, 1);
    const one = await peer("127.0.0.1", server.port, 5000, 40);
    one.go();
    await until(() => one.done() && ticks > 3 && other > 3);
    clearInterval(timer);
    client.terminate();
    listener.stop(true);
    expect({ back: one.back.length, ticks: ticks > 3, other: other > 3 }).toEqual({
      back: 5000,
      ticks: true,
      other: true,
    });
  });

  test("tells of what the kernel refuses, with its context; the rest of the batch goes", async () => {
    const unsent: unknown[] = [];
    const server = await bind({
      host: "127.0.0.1",
      onPacket: (octets, port, from) => {
        const refused = bursts()?.gathering === true;
        // A socket that is bound to loopback cannot reach other networks.
        if (server.send(octets, 5060, "192.0.2.1", numberOf(octets)) !== refused) unsent.push("not told");
        server.send(octets, port, from);
      },
      onUnsent: (octets, port, host, context) => unsent.push(`${numberOf(octets)} ${port} ${host} ${context}`),
    });
    const one = await peer("127.0.0.1", server.port, 2000, 30);
    one.go();
    await until(one.done);
    expect(one.back.length).toBe(2000);
    expect(unsent.every((each) => /^(\d+) 5060 192\.0\.2\.1 \1$/.test(String(each)))).toBe(true);
    if (process.platform === "linux") expect(unsent.length).toBeGreaterThan(1000);
  });

  test("that is closed in the middle of a batch hears no more, and its port can be had again", async () => {
    let heard = 0;
    let closed = false;
    const server = await bind({
      host: "127.0.0.1",
      onPacket: () => {
        if (closed) heard++;
        if (bursts()?.gathering && !closed) {
          closed = true;
          server.close();
        }
      },
      onUnsent: () => {},
    });
    const sender = await bind({ host: "127.0.0.1" });
    for (let i = 0; i < 20_000 && !closed; i++) {
      sender.send(datagram(i), server.port, "127.0.0.1");
      if (i % 50 === 0) await turn();
    }
    expect({ closed, heard }).toEqual({ closed: true, heard: 0 });
    const texts: number[] = [];
    const next = await bind({
      host: "127.0.0.1",
      port: server.port,
      onPacket: (octets) => texts.push(numberOf(octets)),
      onUnsent: () => {},
    });
    sender.send(datagram(7), next.port, "127.0.0.1");
    await until(() => texts.length > 0);
    expect(texts).toContain(7);
  });

  test("is Bun's again when the burst is over", async () => {
    const server = await bind({
      host: "127.0.0.1",
      onPacket: (octets, port, from) => server.send(octets, port, from),
      onUnsent: () => {},
    });
    const one = await peer("127.0.0.1", server.port, 1000, 50);
    one.go();
    await until(() => one.done() && bursts()?.active !== true);
    expect(bursts()?.active ?? false).toBe(false);
    // Not woken by anything but datagrams: a socket can be sent to at nearly any time.
    const watched = [...epollEvents()].filter((events) => (events & EPOLLIN) !== 0);
    expect(watched.length).toBeGreaterThan(0);
    expect(watched.filter((events) => (events & EPOLLOUT) !== 0)).toEqual([]);
    const after = await peer("127.0.0.1", server.port, 3, 1);
    after.go();
    await until(after.done);
    expect(after.back).toEqual([0, 1, 2]);
  });
});

describe("a socket address", () => {
  test.each([
    ["127.0.0.1", 5060, 16],
    ["255.255.255.255", 65_535, 16],
    ["::1", 5061, 28],
    ["2001:db8::1:0:0:1", 1, 28],
    ["::ffff:192.0.2.1", 5060, 28],
    ["fe80::1", 5060, 28],
  ])("of %s port %d is written and read", (host, port, length) => {
    const octets = new Uint8Array(largestSocketAddress).fill(0xaa);
    expect(writeSocketAddress(octets, 0, host, port)).toBe(length);
    expect([readSocketHost(octets, 0), readSocketPort(octets, 0)]).toEqual([host, port]);
  });

  test.each([
    ["example.com", 5060],
    ["1.2.3", 5060],
    ["1.2.3.4.5", 5060],
    ["1.2.3.256", 5060],
    ["1..2.3", 5060],
    ["", 5060],
    ["fe80::1%eth0", 5060],
    ["[::1]", 5060],
    ["1::2::3", 5060],
    ["127.0.0.1", -1],
    ["127.0.0.1", 65_536],
    ["127.0.0.1", Number.NaN],
  ])("of %j port %d is none", (host, port) => {
    expect(writeSocketAddress(new Uint8Array(largestSocketAddress), 0, host, port)).toBe(0);
  });

  test("of any text is none, or reads back as an equal one", () => {
    const random = seeded(4711);
    const chars = "0123456789abcdef.:%[]";
    const octets = new Uint8Array(largestSocketAddress);
    for (let n = 0; n < 20_000; n++) {
      const host = Array.from({ length: below(random, 20) }, () => chars[below(random, chars.length)]).join("");
      if (writeSocketAddress(octets, 0, host, 5060) === 0) continue;
      const first = octets.slice();
      expect(writeSocketAddress(octets, 0, readSocketHost(octets, 0), 5060)).toBeGreaterThan(0);
      expect(octets).toEqual(first);
    }
  });
});
