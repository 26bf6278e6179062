import { afterEach, describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { closeAll, octets, openLayer, requestText, sendFails, tcpServer, udpPeer } from "./support.ts";

afterEach(closeAll);

describe("a target given by name", () => {
  test("what is sent waits for the address and leaves in order", async () => {
    let answer = (_hosts: string[]) => {};
    const { layer, port } = await openLayer({
      lookup: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const peer = await udpPeer();
    const flow = layer.flowTo({ transport: "udp", host: "Peer.Example", port: peer.port });
    expect(flow.remote).toEqual({ host: "peer.example", port: peer.port });
    expect(layer.viaFor(flow)).toEqual({ transport: "UDP", host: "127.0.0.1", port: port("udp") });
    for (const callId of ["one", "two", "three"]) flow.send(octets(requestText({ callId })));
    answer(["2001:db8::1", "127.0.0.1"]);
    for (const callId of ["one", "two", "three"]) {
      expect((await peer.packets.next("request")).text).toContain(`Call-ID: ${callId}`);
    }
    expect(flow.remote).toEqual({ host: "127.0.0.1", port: peer.port });
    expect(layer.contactFor(flow)).toBe(`127.0.0.1:${port("udp")}`);
  });

  test("over TCP, by the system's resolver", async () => {
    const { layer } = await openLayer();
    const server = await tcpServer();
    layer.flowTo({ transport: "tcp", host: "localhost", port: server.port }).send(octets(requestText()));
    await (await server.accepted.next("connection")).until("\r\n\r\n");
  });

  test("a name without address fails what waits", async () => {
    const { layer } = await openLayer({ lookup: async () => [] });
    const flow = layer.flowTo({ transport: "udp", host: "nobody.example", port: 5060 });
    expect(await Promise.all([sendFails(flow, octets("a")), sendFails(flow, octets("b"))])).toEqual([
      "host nobody.example not found",
      "host nobody.example not found",
    ]);
  });

  test("a dead resolver fails after 5 s and delays no other target", async () => {
    const clock = new VirtualClock();
    const { layer } = await openLayer({ clock, lookup: () => new Promise(() => {}) });
    const peer = await udpPeer();
    const failure = sendFails(layer.flowTo({ transport: "udp", host: "slow.example", port: 5060 }), octets("a"));
    layer.flowTo({ transport: "udp", host: "127.0.0.1", port: peer.port }).send(octets(requestText()));
    await peer.packets.next("request");
    clock.advance(5000);
    expect(await failure).toBe("resolving slow.example timed out");
    expect(clock.pending).toBe(0);
  });

  test("what waits is bounded", async () => {
    const { layer } = await openLayer({ lookup: () => new Promise(() => {}), limits: { maxQueued: 1000 } });
    const flow = layer.flowTo({ transport: "udp", host: "slow.example", port: 5060 });
    flow.send(new Uint8Array(900));
    expect(await sendFails(flow, new Uint8Array(101))).toBe("too much waits for slow.example to be resolved");
  });

  test.each(["", "bad host", "-a", "a".repeat(300), "a\r\nb", "[::1"])("%j is no name to ask for", async (host) => {
    let asked = 0;
    const { layer } = await openLayer({
      lookup: async () => {
        asked++;
        return [];
      },
    });
    const failure = await sendFails(layer.flowTo({ transport: "udp", host, port: 5060 }), octets("a"));
    expect(failure).toStartWith("not a host name");
    expect(asked).toBe(0);
  });

  test("a resolver that throws fails what waits", async () => {
    const { layer } = await openLayer({
      lookup: () => {
        throw new RangeError("broken");
      },
    });
    const flow = layer.flowTo({ transport: "tcp", host: "a.example", port: 5060 });
    expect(await sendFails(flow, octets("a"))).toBe("host a.example not found");
  });
});
