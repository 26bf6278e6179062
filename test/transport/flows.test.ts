import { afterEach, describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { defaultLimits, type FlowRef } from "../../src/transport/index.ts";
import { OwnAddresses } from "../../src/transport/own-addresses.ts";
import { SourceAddresses } from "../../src/transport/source-address.ts";
import {
  bounded,
  closeAll,
  octets,
  openLayer,
  requestText,
  responseText,
  tcpPeer,
  tcpServer,
  udpPeer,
} from "./support.ts";

afterEach(closeAll);

const stored = ({ id, transport, local, remote }: FlowRef): FlowRef =>
  JSON.parse(JSON.stringify({ id, transport, local, remote }));
const request = requestText();

describe("a flow by reference", () => {
  test("of UDP is sent on from the listener that it came to, also by another process later", async () => {
    const listen = ["udp://127.0.0.1:0", "udp://127.0.0.1:0"];
    const first = await openLayer({ listen });
    const second = first.layer.listening[1]?.local.port ?? 0;
    const peer = await udpPeer();
    peer.send(request, second);
    const ref = stored((await first.messages.next("request")).flow);
    await first.layer.close();
    const later = await openLayer({ listen: ["udp://127.0.0.1:0", `udp://127.0.0.1:${second}`] });
    later.layer.flowOf(ref)?.send(octets(responseText()));
    expect((await peer.packets.next("packet")).port).toBe(second);
    expect(later.layer.flowOf({ ...ref, local: { host: "127.0.0.1", port: 1 } })).toBeUndefined();
    expect(later.layer.flowOf({ ...ref, remote: { host: "::1", port: 5060 } })).toBeUndefined();
  });

  test("of a connection is that very connection, and fails at once when it is gone", async () => {
    const { layer, messages, closed, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(request);
    const { flow } = await messages.next("request");
    flow.send(octets(responseText()));
    await peer.until("\r\n\r\n");
    const ref = stored(flow);
    const strict = layer.flowOf(ref);
    if (strict === undefined) throw new RangeError("no flow");
    expect([strict.id, strict.transport, strict.remote]).toEqual([flow.id, "tcp", flow.remote]);
    strict.send(octets(requestText({ callId: "down" })));
    await peer.until("Call-ID: down");
    expect(layer.flowOf({ ...ref, transport: "tls" })).toBeUndefined();
    peer.socket.destroy();
    expect((await closed.next("closed flow")).id).toBe(ref.id);
    expect(layer.flowOf(ref)).toBeUndefined();
    let failed = "";
    strict.send(octets("x"), (reason) => (failed = reason));
    await Promise.resolve();
    expect(failed).toBe("connection closed");
  });

  test("names a connection as no other process, and no other time, does", async () => {
    const ids = new Set<string>();
    for (let process = 0; process < 5; process++) {
      const { messages, port } = await openLayer();
      for (let i = 0; i < 3; i++) {
        const peer = await tcpPeer(port("tcp"));
        peer.socket.write(request);
        ids.add((await messages.next("request")).flow.id.replace(/:.*/, ""));
      }
    }
    expect(ids.size).toBe(15);
  });
});

describe("an open connection", () => {
  test("is found by its peer's address, whoever opened it", async () => {
    const { layer, messages, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(request);
    const { flow } = await messages.next("request");
    expect(layer.connectionFrom("tcp", flow.remote)?.id).toBe(flow.id);
    expect(layer.connectionFrom("tls", flow.remote)).toBeUndefined();
    expect(layer.connectionFrom("udp", flow.remote)).toBeUndefined();
    expect(layer.connectionFrom("tcp", { ...flow.remote, port: 1 })).toBeUndefined();
    const server = await tcpServer();
    const remote = { host: "127.0.0.1", port: server.port };
    layer.flowTo({ transport: "tcp", ...remote }).send(octets(request));
    await (await server.accepted.next("connection")).until("\r\n\r\n");
    expect(layer.connectionFrom("tcp", remote)?.remote).toEqual(remote);
  });

  test("that is held open outlives its idle time; it ends when the hold does", async () => {
    const clock = new VirtualClock();
    const { layer, messages, closed, port } = await openLayer({ clock });
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(request);
    const { flow } = await messages.next("request");
    layer.holdOpen(stored(flow), 3_600_000);
    layer.holdOpen(stored(flow), 1_000);
    clock.advance(3_599_999);
    expect(layer.connections).toBe(1);
    clock.advance(1);
    await closed.next("closed flow");
    expect(defaultLimits.idleTimeout).toBeLessThan(3_600_000);
    expect(layer.connections).toBe(0);
  });

  test("is closed at once when its source is cut off", async () => {
    const { layer, messages, closed, port } = await openLayer();
    const peers = await Promise.all([1, 2, 3].map(() => tcpPeer(port("tcp"))));
    for (const peer of peers) {
      peer.socket.write(request);
      await messages.next("request");
    }
    expect(layer.disconnect("192.0.2.1")).toBe(0);
    expect(layer.disconnect("127.0.0.1")).toBe(3);
    expect(layer.connections).toBe(0);
    for (const peer of peers) {
      await bounded(peer.ended, "end of the connection");
      await closed.next("closed flow");
    }
  });
});

describe("who may not speak to us", () => {
  test("is asked for before anything is read; gets no answer", async () => {
    const asked: string[] = [];
    const banned = new Set<string>();
    const { layer, messages, failures, port } = await openLayer({
      admit: (source) => {
        asked.push(source);
        return !banned.has(source);
      },
    });
    const [tcp, udp] = [await tcpPeer(port("tcp")), await udpPeer()];
    tcp.socket.write(request);
    await messages.next("request over TCP");
    udp.send(request, port("udp"));
    await messages.next("request over UDP");
    expect(asked).toEqual(["127.0.0.1", "127.0.0.1"]);
    banned.add("127.0.0.1");
    await bounded((await tcpPeer(port("tcp"))).ended, "end of the connection");
    for (const datagram of ["garbage", "\r\n\r\n", request]) udp.send(datagram, port("udp"));
    // The connection that stands is not asked for again; what it says comes behind the datagrams.
    tcp.socket.write(request);
    await messages.next("request over TCP");
    expect([layer.connections, messages.items, failures.items, udp.packets.items]).toEqual([1, [], [], []]);
  });
});

describe("keep-alives on UDP", () => {
  test("a double CRLF is answered with CRLF, STUN with the address that is seen, others are heard in silence", async () => {
    const { messages, failures, port } = await openLayer();
    const peer = await udpPeer();
    for (const silent of ["\r\n", "\0", "hello", ""]) peer.send(octets(silent), port("udp"));
    peer.send("\r\n\r\n", port("udp"));
    expect((await peer.packets.next("answer")).text).toBe("\r\n");
    peer.send(octets(`\0\x01\0\0\x21\x12\xa4\x42${"x".repeat(12)}`), port("udp"));
    expect((await peer.packets.next("answer")).text).toStartWith("\x01\x01\0\x0c");
    expect([messages.items, failures.items, peer.packets.items]).toEqual([[], [], []]);
  });

  test("are sent as any octets are", async () => {
    const { layer, port } = await openLayer();
    const peer = await udpPeer();
    layer.flowTo({ transport: "udp", host: "127.0.0.1", port: peer.port }).send(octets("\r\n\r\n"));
    expect(await peer.packets.next("keep-alive")).toEqual({ text: "\r\n\r\n", port: port("udp") });
  });
});

describe("isOwn", () => {
  test("knows where we listen, and what we advertise", async () => {
    const listen = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "udp://[::1]:0"];
    const { layer, port } = await openLayer({ listen });
    const [udp, tcp] = [port("udp"), port("tcp")];
    const other = layer.listening[2]?.local.port;
    const asked: [host: string, port: number | undefined, own: boolean][] = [
      ["127.0.0.1", udp, true],
      ["127.0.0.1", tcp, true],
      ["::1", other, true],
      ["[::1]", other, true],
      ["0:0:0:0:0:0:0:1", other, true],
      ["::1", udp, udp === other],
      ["127.0.0.1", 1, false],
      ["127.0.0.1", undefined, false],
      ["127.0.0.2", udp, false],
      ["localhost", udp, false],
    ];
    for (const [host, at, own] of asked) expect([host, at, layer.isOwn(host, at)]).toEqual([host, at, own]);
  });

  test("on all addresses, and behind a name", async () => {
    const { layer, port } = await openLayer({ listen: ["udp://0.0.0.0:0"], advertise: "SIP.example.com" });
    const udp = port("udp");
    expect(
      ["127.0.0.1", "127.9.9.9", "sip.example.com", "192.0.2.77", "::1"].map((host) => layer.isOwn(host, udp)),
    ).toEqual([true, true, true, false, false]);
    expect(layer.isOwn("sip.example.com", udp + 1)).toBe(false);
  });

  test("at the usual ports where none is said", () => {
    const sources = new SourceAddresses({ now: () => 0, interfaces: () => [] });
    const bound = [
      { transport: "tls", local: { host: "192.0.2.1", port: 5061 } },
      { transport: "udp", local: { host: "192.0.2.2", port: 5070 } },
    ] as const;
    const own = new OwnAddresses({ bound, advertise: undefined, sources });
    expect([own.isOwn("192.0.2.1", undefined), own.isOwn("192.0.2.2", undefined)]).toEqual([true, false]);
  });
});
