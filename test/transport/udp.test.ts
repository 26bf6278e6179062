import { afterEach, describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { TransportError } from "../../src/transport/index.ts";
import { isKeepAlive } from "../../src/transport/udp.ts";
import { seeded } from "../support/random.ts";
import {
  closeAll,
  garbage,
  octets,
  openLayer,
  requestText,
  responseText,
  sendFails,
  tcpPeer,
  udpPeer,
} from "./support.ts";

afterEach(closeAll);

describe("SIP over UDP", () => {
  test("a request comes with a flow that answers its source (rport)", async () => {
    const { messages, port } = await openLayer();
    const peer = await udpPeer();
    peer.send(requestText(), port("udp"));
    const { message, flow } = await messages.next("request");
    expect(message.type).toBe("request");
    expect(message.callId).toBe("c1");
    expect(flow.transport).toBe("udp");
    expect(flow.reliable).toBe(false);
    expect(flow.remote).toEqual({ host: "127.0.0.1", port: peer.port });
    expect(flow.local).toEqual({ host: "127.0.0.1", port: port("udp") });
    flow.send(octets(responseText()));
    expect(await peer.packets.next("response")).toEqual({ text: responseText(), port: port("udp") });
  });

  test("without rport the response goes to the port of sent-by; remote stays the source", async () => {
    const { messages, port } = await openLayer();
    const [peer, sentBy] = [await udpPeer(), await udpPeer()];
    peer.send(requestText({ via: `SIP/2.0/UDP 192.0.2.9:${sentBy.port};branch=z9hG4bKa` }), port("udp"));
    const { flow } = await messages.next("request");
    expect(flow.remote.port).toBe(peer.port);
    flow.send(octets(responseText()));
    expect((await sentBy.packets.next("response")).text).toBe(responseText());
  });

  test("a Via that cannot be read: the response goes back to the source", async () => {
    const { messages, failures, port } = await openLayer();
    const peer = await udpPeer();
    peer.send(requestText({ via: "SIP/2.0/UDP @@@:;;" }), port("udp"));
    const { flow } = await Promise.race([messages.next("request"), failures.next("failure")]);
    flow.send(octets(responseText()));
    await peer.packets.next("response");
  });

  test("what is no message is reported with a flow to its source", async () => {
    const { failures, port } = await openLayer();
    const peer = await udpPeer();
    peer.send("GET / HTTP/1.1\r\n\r\n", port("udp"));
    const { flow } = await failures.next("failure");
    expect(flow.remote.port).toBe(peer.port);
  });

  test("keep-alives are dropped without a word", async () => {
    const { messages, failures, port } = await openLayer();
    const peer = await udpPeer();
    const stun = Uint8Array.of(0, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    for (const keepAlive of ["", "\r\n", "\r\n\r\n", "\0", "\0\0\0\0", "hello", "hello\r\n", "  ", stun]) {
      peer.send(keepAlive, port("udp"));
    }
    peer.send(requestText(), port("udp"));
    await messages.next("request");
    expect(failures.items).toEqual([]);
    expect(messages.items).toEqual([]);
    expect(peer.packets.items).toEqual([]);
  });

  test.each([
    ["hello", true],
    ["hello\0", true],
    ["hell", false],
    ["hello there", false],
    [" INVITE", false],
  ])("isKeepAlive(%j) is %p", (text, keepAlive) => {
    expect(isKeepAlive(octets(text))).toBe(keepAlive);
  });

  test("peers on closed ports do not touch the datagrams of live ones on the same socket", async () => {
    const { layer, messages, port } = await openLayer();
    const [dead, live] = [await udpPeer(), await udpPeer()];
    dead.close();
    const toDead = layer.flowTo({ transport: "udp", host: "127.0.0.1", port: dead.port });
    const toLive = layer.flowTo({ transport: "udp", host: "127.0.0.1", port: live.port });
    for (let i = 0; i < 500; i++) {
      toDead.send(octets(requestText({ callId: `dead${i}` })));
      toLive.send(octets(requestText({ callId: `live${i}` })));
      const { text } = await live.packets.next(`packet ${i}`);
      expect(text).toContain(`Call-ID: live${i}\r\n`);
      live.send(responseText(`live${i}`), port("udp"));
      expect((await messages.next(`response ${i}`)).message.callId).toBe(`live${i}`);
    }
  });

  test.each([
    ["255.255.255.255", 5060, "broadcast"],
    ["224.0.1.75", 5060, "multicast"],
    ["ff02::1", 5060, "multicast"],
    ["0.0.0.0", 5060, "unspecified"],
    ["127.0.0.1", 0, "bad port"],
    ["127.0.0.1", 99_999, "bad port"],
    ["2001:db8::1", 5060, "no UDP listener for IPv6"],
  ])("nothing is sent to %s port %d", async (host, port, reason) => {
    const { layer } = await openLayer({ listen: host === "ff02::1" ? ["udp://[::1]:0"] : ["udp://127.0.0.1:0"] });
    expect(await sendFails(layer.flowTo({ transport: "udp", host, port }), octets(requestText()))).toContain(reason);
  });

  test("a message beyond what a datagram holds fails at its sender", async () => {
    const { layer } = await openLayer();
    const flow = layer.flowTo({ transport: "udp", host: "127.0.0.1", port: 9 });
    expect(await sendFails(flow, new Uint8Array(70_000))).toContain("too large");
  });

  test("what the kernel refuses is tried once more, then fails", async () => {
    const clock = new VirtualClock();
    const { layer } = await openLayer({ clock });
    // A socket bound to loopback cannot reach other networks.
    const failure = sendFails(layer.flowTo({ transport: "udp", host: "192.0.2.1", port: 5060 }), octets(requestText()));
    clock.advance(10);
    expect(await failure).toBe("cannot send to 192.0.2.1:5060");
    expect(clock.pending).toBe(0);
  });

  test("a failing send never calls back before it returns", async () => {
    const { layer } = await openLayer();
    let returned = false;
    let after: boolean | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    layer.flowTo({ transport: "udp", host: "224.0.0.1", port: 5060 }).send(octets("x"), () => {
      after = returned;
      resolve();
    });
    returned = true;
    await promise;
    expect(after).toBe(true);
  });

  test("IPv6: requests, responses, and hosts without brackets", async () => {
    const { layer, messages, port } = await openLayer({ listen: ["udp://[::1]:0"] });
    const peer = await udpPeer("::1");
    peer.send(requestText({ via: `SIP/2.0/UDP [::1]:${peer.port};branch=z9hG4bKa` }), port("udp"));
    const { flow } = await messages.next("request");
    expect(flow.remote).toEqual({ host: "::1", port: peer.port });
    flow.send(octets(responseText()));
    expect((await peer.packets.next("response")).text).toBe(responseText());
    layer.flowTo({ transport: "udp", host: "[::1]", port: peer.port }).send(octets(requestText()));
    expect((await peer.packets.next("request")).text).toBe(requestText());
    expect(layer.viaFor(flow)).toEqual({ transport: "UDP", host: "::1", port: port("udp") });
    expect(layer.contactFor(flow)).toBe(`[::1]:${port("udp")}`);
  });

  test("several listeners, of both families on one port: each peer is answered from the one it used", async () => {
    const first = await openLayer({ listen: ["udp://127.0.0.1:0"] });
    const port = first.port("udp");
    const { layer, messages } = await openLayer({ listen: [`udp://[::1]:${port}`, "udp://127.0.0.1:0"] });
    const [v4, v6] = [await udpPeer(), await udpPeer("::1")];
    for (const [peer, to] of [
      [v4, layer.listening[1]?.local.port ?? 0],
      [v6, port],
    ] as const) {
      peer.send(requestText(), to);
      (await messages.next("request")).flow.send(octets(responseText()));
      expect((await peer.packets.next("response")).port).toBe(to);
    }
  });

  test("what the user's code throws is logged; the next message is delivered", async () => {
    let count = 0;
    const { messages, log, port } = await openLayer({
      onMessage: () => {
        if (count++ === 0) throw new RangeError("broken handler");
      },
    });
    const peer = await udpPeer();
    peer.send(requestText({ callId: "first" }), port("udp"));
    peer.send(requestText({ callId: "second" }), port("udp"));
    expect((await messages.next("request")).message.callId).toBe("second");
    expect(log.some((line) => line.includes("broken handler"))).toBe(true);
  });

  test("garbage of all kinds, then a valid request: it is delivered", async () => {
    const { messages, port } = await openLayer();
    const peer = await udpPeer();
    const random = seeded(20261);
    const valid = requestText({ body: "v=0\r\n" });
    for (let i = 0; i < 2000; i++) {
      peer.send(garbage(random, valid), port("udp"));
      if (i % 50 < 49) continue;
      // In step with the layer, so that the kernel's buffer drops nothing.
      peer.send(requestText({ callId: `valid-${i}` }), port("udp"));
      for (;;) if ((await messages.next("valid request")).message.header("call-id") === `valid-${i}`) break;
    }
  });
});

describe("TransportLayer.open", () => {
  test("a port in use is an error that names it, and nothing stays open", async () => {
    const { port } = await openLayer();
    const options = { listen: ["tcp://127.0.0.1:0", `udp://127.0.0.1:${port("udp")}`] };
    const error = await openLayer(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TransportError);
    expect(error).toMatchObject({ code: "address-in-use", url: `udp://127.0.0.1:${port("udp")}` });
    expect(await openLayer({ listen: [`tcp://127.0.0.1:${port("tcp")}`] }).catch((e: unknown) => e)).toMatchObject({
      code: "address-in-use",
    });
  });

  test.each(["udp://192.0.2.250:0", "tcp://192.0.2.250:0"])("%s: an address that is not ours", async (url) => {
    const error = await openLayer({ listen: [url] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "address-unavailable", url });
  });

  test("advertise is what Via, Contact and `listening` say, with the real ports", async () => {
    const { layer, port } = await openLayer({ advertise: "203.0.113.7" });
    const udp = layer.flowTo({ transport: "udp", host: "127.0.0.1", port: 5099 });
    const tcp = layer.flowTo({ transport: "tcp", host: "127.0.0.1", port: 5099 });
    expect(layer.viaFor(udp)).toEqual({ transport: "UDP", host: "203.0.113.7", port: port("udp") });
    expect(layer.viaFor(tcp)).toEqual({ transport: "TCP", host: "203.0.113.7", port: port("tcp") });
    expect(layer.contactFor(udp)).toBe(`203.0.113.7:${port("udp")}`);
    expect(layer.contactFor(tcp)).toBe(`203.0.113.7:${port("tcp")};transport=tcp`);
    expect(layer.listening.map(({ advertised }) => advertised)).toEqual([
      { host: "203.0.113.7", port: port("udp") },
      { host: "203.0.113.7", port: port("tcp") },
    ]);
  });

  test("bound to all addresses, a loopback peer is told the loopback address", async () => {
    const { layer, messages, port } = await openLayer({ listen: ["udp://0.0.0.0:0", "tcp://[::]:0", "udp://[::]:0"] });
    const peer = await udpPeer();
    peer.send(requestText(), port("udp"));
    const { flow } = await messages.next("request");
    expect(flow.local.host).toBe("127.0.0.1");
    expect(layer.viaFor(flow)).toEqual({ transport: "UDP", host: "127.0.0.1", port: port("udp") });
    const v6 = layer.flowTo({ transport: "udp", host: "::1", port: 5060 });
    expect(layer.viaFor(v6).host).toBe("::1");
    const tcp = await tcpPeer(port("tcp"), { host: "::1" });
    tcp.socket.write(requestText());
    expect(layer.contactFor((await messages.next("request")).flow)).toBe(`[::1]:${port("tcp")};transport=tcp`);
  });

  test("without a TCP listener the Contact for a TCP flow is the UDP one", async () => {
    const { layer, port } = await openLayer({ listen: ["udp://127.0.0.1:0"] });
    const flow = layer.flowTo({ transport: "tcp", host: "127.0.0.1", port: 5099 });
    expect(layer.contactFor(flow)).toBe(`127.0.0.1:${port("udp")}`);
    expect(layer.viaFor(flow)).toEqual({ transport: "TCP", host: "127.0.0.1", port: port("udp") });
  });

  test("`listening` keeps the order of `listen`", async () => {
    const { layer } = await openLayer({ listen: ["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "tcp://[::1]:0"] });
    expect(layer.listening.map(({ transport, local }) => [transport, local.host])).toEqual([
      ["tcp", "127.0.0.1"],
      ["udp", "127.0.0.1"],
      ["tcp", "::1"],
    ]);
  });

  test("a closed layer fails what is sent, and its ports are free", async () => {
    const { layer, port } = await openLayer();
    const [udp, tcp] = [port("udp"), port("tcp")];
    const flows = (["udp", "tcp"] as const).map((transport) => layer.flowTo({ transport, host: "127.0.0.1", port: 9 }));
    await layer.close();
    await layer.close();
    for (const flow of flows) expect(await sendFails(flow, octets("x"))).toContain("closed");
    await openLayer({ listen: [`udp://127.0.0.1:${udp}`, `tcp://127.0.0.1:${tcp}`] });
  });
});
