import { afterEach, describe, expect, test } from "bun:test";
import { parseMessage } from "../../src/sip/message.ts";
import type { TransportLayer } from "../../src/transport/index.ts";
import { viaOverUdp } from "../../src/transport/oversize.ts";
import { closeAll, octets, openLayer, requestText, sendFails, tcpServer, udpPeer } from "./support.ts";

afterEach(closeAll);

/** A request with the Via that a user of the layer builds for the flow, padded to `size` octets. */
function requestOf(layer: TransportLayer, target: { port: number; host?: string }, size: number) {
  const flow = layer.flowTo({ transport: "udp", host: target.host ?? "127.0.0.1", port: target.port, size });
  const via = layer.viaFor(flow);
  const text = requestText({ via: `SIP/2.0/${via.transport} ${via.host}:${via.port};branch=z9hG4bKbig;rport` });
  const padding = "z".repeat(Math.max(0, size - text.length - 4));
  return {
    flow,
    via,
    text: text.replace("Content-Length: 0\r\n\r\n", `Content-Length: ${padding.length}\r\n\r\n`) + padding,
  };
}

describe("a request too large for a datagram", () => {
  test("goes over TCP, and its Via says so", async () => {
    const { layer, port } = await openLayer();
    const server = await tcpServer();
    const { flow, via, text } = requestOf(layer, server, 2000);
    expect(via).toEqual({ transport: "TCP", host: "127.0.0.1", port: port("tcp") });
    expect(flow.reliable).toBe(true);
    expect(layer.contactFor(flow)).toBe(`127.0.0.1:${port("udp")}`);
    flow.send(octets(text));
    expect(await (await server.accepted.next("connection")).until("zzz")).toContain("SIP/2.0/TCP");
  });

  test("up to 1300 octets it stays on UDP", async () => {
    const { layer } = await openLayer();
    const peer = await udpPeer();
    const { flow, text } = requestOf(layer, peer, 1300);
    expect(flow.transport).toBe("udp");
    flow.send(octets(text));
    expect((await peer.packets.next("request")).text).toBe(text);
  });

  test.each(["127.0.0.1", "peer.example"])(
    "where TCP is refused it goes over UDP, its Via rewritten (%s)",
    async (host) => {
      const { layer, port } = await openLayer({ lookup: async () => ["127.0.0.1"] });
      const peer = await udpPeer();
      const { flow, text } = requestOf(layer, { host, port: peer.port }, 2000);
      expect(flow.transport).toBe("tcp");
      flow.send(octets(text));
      const { text: got } = await peer.packets.next("request");
      const message = parseMessage(octets(got), "datagram");
      if (message.type !== "request") throw new RangeError(got);
      expect(message.header("via")).toBe(`SIP/2.0/UDP 127.0.0.1:${port("udp")};branch=z9hG4bKbig;rport`);
      expect(message.body.length).toBeGreaterThan(1300);
      expect(flow.transport).toBe("udp");
      // What follows on the same flow, such as a CANCEL, does not try TCP again.
      flow.send(octets(requestText({ via: "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKbig", method: "CANCEL" })));
      expect((await peer.packets.next("CANCEL")).text).toContain("Via: SIP/2.0/UDP");
    },
  );

  test("a peer without TCP is remembered: the next large request is plain UDP with its retransmissions", async () => {
    const { layer } = await openLayer();
    const peer = await udpPeer();
    const first = requestOf(layer, peer, 2000);
    first.flow.send(octets(first.text));
    await peer.packets.next("request");
    const second = requestOf(layer, peer, 2000);
    expect(second.flow.reliable).toBe(false);
    expect(second.via.transport).toBe("UDP");
    second.flow.send(octets(second.text));
    expect((await peer.packets.next("request")).text).toBe(second.text);
  });

  test("too large for UDP as well: it fails", async () => {
    const { layer } = await openLayer();
    const peer = await udpPeer();
    const { flow, text } = requestOf(layer, peer, 70_000);
    expect(await sendFails(flow, octets(text))).toContain("too large");
  });
});

describe("viaOverUdp", () => {
  const sentBy = { host: "2001:db8::1", port: 5062 };
  test.each([
    ["\r\nVia: SIP/2.0/TCP a:1;branch=b\r\n", "\r\nVia: SIP/2.0/UDP [2001:db8::1]:5062;branch=b\r\n"],
    ["\r\nv:SIP/2.0/tcp [::1]:5060;branch=b\r\n", "\r\nVia: SIP/2.0/UDP [2001:db8::1]:5062;branch=b\r\n"],
    ["\r\nVIA : SIP / 2.0 / TCP a ;branch=b\r\n", "\r\nVia: SIP/2.0/UDP [2001:db8::1]:5062 ;branch=b\r\n"],
    ["\r\nVia: SIP/2.0/TCP a,SIP/2.0/TCP b\r\n", "\r\nVia: SIP/2.0/UDP [2001:db8::1]:5062,SIP/2.0/TCP b\r\n"],
    ["\r\nVia: SIP/2.0/UDP a\r\nVia: SIP/2.0/TCP b\r\n", "\r\nVia: SIP/2.0/UDP a\r\nVia: SIP/2.0/TCP b\r\n"],
    ["\r\nX-Via: SIP/2.0/TCP a\r\n", "\r\nX-Via: SIP/2.0/TCP a\r\n"],
  ])("%j", (before, after) => {
    const request = (lines: string) => `OPTIONS sip:a SIP/2.0${lines}\r\n\r\nVia: SIP/2.0/TCP body`;
    expect(Buffer.from(viaOverUdp(octets(request(before)), sentBy)).toString("latin1")).toBe(request(after));
  });
});
