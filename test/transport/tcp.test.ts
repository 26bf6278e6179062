import { afterEach, describe, expect, test } from "bun:test";
import { below, seeded } from "../support/random.ts";
import {
  bounded,
  closeAll,
  garbage,
  octets,
  openLayer,
  requestText,
  responseText,
  sendFails,
  tcpPeer,
  tcpServer,
} from "./support.ts";

afterEach(closeAll);

const tcpVia = "SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bKa";

describe("SIP over TCP: receiving", () => {
  test("a request comes with a flow that answers on its connection, whatever the Via says", async () => {
    const { layer, messages, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(requestText({ via: tcpVia }));
    const { message, flow } = await messages.next("request");
    expect(message.callId).toBe("c1");
    expect(flow.reliable).toBe(true);
    expect(flow.remote).toEqual({ host: "127.0.0.1", port: peer.socket.localPort ?? 0 });
    expect(flow.local).toEqual({ host: "127.0.0.1", port: port("tcp") });
    flow.send(octets(responseText()));
    expect(await peer.until("\r\n\r\n")).toBe(responseText());
    expect(layer.connections).toBe(1);
  });

  test("one octet at a time", async () => {
    const { messages, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    for (const character of requestText({ body: "hello" })) peer.socket.write(character);
    const { message } = await messages.next("request");
    expect(Buffer.from(message.body).toString()).toBe("hello");
  });

  test("pipelined messages, cut anywhere, come whole and in order", async () => {
    const { messages, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    const random = seeded(5);
    const count = 200;
    const all = Array.from({ length: count }, (_, i) =>
      requestText({ callId: `p${i}`, body: "x".repeat(below(random, 300)) }),
    ).join("");
    for (let at = 0; at < all.length; ) {
      const size = 1 + below(random, 900);
      peer.socket.write(all.slice(at, at + size));
      at += size;
    }
    for (let i = 0; i < count; i++) expect((await messages.next(`message ${i}`)).message.callId).toBe(`p${i}`);
  });

  test("a flood of small pipelined messages leaves turns to others; all come, in order, also before a FIN", async () => {
    let inThisTurn = 0;
    let mostInATurn = 0;
    const { messages, port } = await openLayer({
      onMessage: () => {
        if (inThisTurn++ === 0) setImmediate(() => (inThisTurn = 0));
        mostInATurn = Math.max(mostInATurn, inThisTurn);
      },
    });
    const peer = await tcpPeer(port("tcp"));
    const count = 20_000;
    let flood = "";
    for (let i = 0; i < count; i++) flood += `OPTIONS sip:a SIP/2.0\r\ni:${i}\r\n\r\n`;
    peer.socket.end(flood);
    for (let i = 0; i < count; i++) {
      const { message } = await messages.next(`message ${i}`);
      if (message.header("call-id") !== String(i)) throw new RangeError(`${message.header("call-id")} is not ${i}`);
    }
    // 16 KB hold some 500 of these; two turns may meet between two immediates.
    expect(mostInATurn).toBeLessThan(1100);
  });

  test("a flood of pings gets few answers", async () => {
    const { messages, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write("\r\n\r\n".repeat(50_000) + requestText());
    (await messages.next("request")).flow.send(octets(responseText()));
    expect((await peer.until("SIP/2.0 200")).indexOf("SIP")).toBeLessThan(1000);
  });

  test("a double CRLF is answered with CRLF, a single one not", async () => {
    const { messages, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write("\r\n\r\n");
    expect(await peer.until("\r\n")).toBe("\r\n");
    peer.socket.write(`\r\n${requestText()}`);
    (await messages.next("request")).flow.send(octets(responseText()));
    expect(await peer.until("\r\n\r\n")).toBe(responseText());
  });

  test("a message over the limits is reported, answered when it can be, and its connection closed", async () => {
    const { failures, closed, port } = await openLayer({
      limits: { maxHead: 2048, maxBody: 1024 },
      onFailure: (_failure, flow) => flow.send(octets(responseText("too-large"))),
    });
    const large = requestText().replace("Content-Length: 0", "Content-Length: 1025");
    const headless = `OPTIONS sip:a@b SIP/2.0\r\n${"X: y\r\n".repeat(1000)}`;
    for (const text of [large, headless]) {
      const peer = await tcpPeer(port("tcp"));
      peer.socket.write(text);
      expect((await failures.next("failure")).failure.fatal).toBe(true);
      await peer.until("Call-ID: too-large");
      await bounded(peer.ended, "end of the connection");
      await closed.next("closed flow");
    }
  });

  test("a peer that ends its side still gets its responses", async () => {
    const { messages, closed, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"), { allowHalfOpen: true });
    const { promise: finSeen, resolve } = Promise.withResolvers<void>();
    peer.socket.end(requestText({ via: tcpVia }), () => resolve());
    const { flow } = await messages.next("request");
    await bounded(finSeen, "sent FIN");
    flow.send(octets(responseText().replace("200 OK", "180 Ringing")));
    await peer.until("180 Ringing");
    flow.send(octets(responseText()));
    expect(await peer.until("\r\n\r\n")).toBe(responseText());
    await bounded(peer.ended, "end of the connection");
    expect((await closed.next("closed flow")).remote).toEqual(flow.remote);
  });

  test("a peer that leaves without a request waiting leaves nothing behind", async () => {
    const { layer, messages, closed, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(requestText({ via: tcpVia }));
    (await messages.next("request")).flow.send(octets(responseText()));
    await peer.until("\r\n\r\n");
    peer.socket.end();
    await closed.next("closed flow");
    expect(layer.connections).toBe(0);
  });

  test("a peer that resets its connection leaves nothing behind", async () => {
    const { layer, messages, closed, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(requestText({ via: tcpVia }));
    const { flow } = await messages.next("request");
    peer.socket.resetAndDestroy();
    expect((await closed.next("closed flow")).id).toBe(flow.id);
    expect(layer.connections).toBe(0);
  });

  test("200 connections at once, each answered on its own", async () => {
    const { layer, port } = await openLayer({
      onMessage: ({ message, flow }) => flow.send(octets(responseText(message.callId))),
    });
    const peers = await Promise.all(Array.from({ length: 200 }, () => tcpPeer(port("tcp"))));
    await Promise.all(
      peers.map(async (peer, i) => {
        peer.socket.write(requestText({ callId: `n${i}` }));
        expect(await peer.until("\r\n\r\n")).toBe(responseText(`n${i}`));
      }),
    );
    expect(layer.connections).toBe(200);
  });

  test("garbage on many connections, then a valid request on a new one: it is delivered", async () => {
    const { messages, port } = await openLayer();
    const random = seeded(99);
    const valid = requestText({ body: "v=0\r\n" });
    for (let round = 0; round < 40; round++) {
      const peer = await tcpPeer(port("tcp"));
      for (let i = below(random, 10); i >= 0; i--) peer.socket.write(garbage(random, valid));
      if (random() < 0.3) peer.socket.resetAndDestroy();
      else if (random() < 0.5) peer.socket.end();
      const good = await tcpPeer(port("tcp"));
      good.socket.write(requestText({ callId: `valid-${round}` }));
      for (;;) {
        if ((await messages.next("valid request")).message.header("call-id") === `valid-${round}`) break;
      }
    }
  });

  test("IPv6", async () => {
    const { messages, port } = await openLayer({ listen: ["tcp://[::1]:0"] });
    const peer = await tcpPeer(port("tcp"), { host: "::1" });
    peer.socket.write(requestText());
    const { flow } = await messages.next("request");
    expect(flow.remote.host).toBe("::1");
    flow.send(octets(responseText()));
    await peer.until("\r\n\r\n");
  });
});

test.each([
  ["tcp", "0.0.0.0", "[::]"],
  ["tcp", "[::]", "0.0.0.0"],
  ["udp", "0.0.0.0", "[::]"],
] as const)("%s on %s leaves the same port of %s free", async (transport, first, second) => {
  const one = await openLayer({ listen: [`${transport}://${first}:0`] });
  const port = one.port(transport);
  const other = await openLayer({ listen: [`${transport}://${second}:${port}`] });
  expect(other.port(transport)).toBe(port);
  if (transport === "udp") return;
  for (const [host, layer] of [
    ["127.0.0.1", first === "0.0.0.0" ? one : other],
    ["::1", first === "0.0.0.0" ? other : one],
  ] as const) {
    const peer = await tcpPeer(port, { host });
    peer.socket.write(requestText({ via: tcpVia, callId: host }));
    expect((await layer.messages.next("request")).message.callId).toBe(host);
  }
});

describe("SIP over TCP: sending", () => {
  test("requests queue while connecting, leave in order, and share one connection", async () => {
    const { layer, messages } = await openLayer();
    const server = await tcpServer();
    const target = { transport: "tcp", host: "127.0.0.1", port: server.port } as const;
    for (let i = 0; i < 20; i++) layer.flowTo(target).send(octets(requestText({ callId: `q${i}` })));
    const peer = await server.accepted.next("connection");
    const got = await peer.until("q19");
    expect([...got.matchAll(/Call-ID: (q\d+)/g)].map(([, id]) => id)).toEqual(
      Array.from({ length: 20 }, (_, i) => `q${i}`),
    );
    peer.socket.write(responseText("q0"));
    const { message, flow } = await messages.next("response");
    expect(message.type).toBe("response");
    expect(flow.remote).toEqual({ host: "127.0.0.1", port: server.port });
    expect(flow.local.port).not.toBe(0);
    expect(layer.connections).toBe(1);
    expect(server.accepted.items).toEqual([]);
  });

  test("a request to an address that has connected to us uses that connection", async () => {
    const { layer, messages, port } = await openLayer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(requestText());
    const { flow } = await messages.next("request");
    layer.flowTo({ transport: "tcp", ...flow.remote }).send(octets(requestText({ callId: "back" })));
    expect(await peer.until("\r\n\r\n")).toContain("Call-ID: back");
    expect(layer.connections).toBe(1);
  });

  test("a flow whose connection is gone opens a new one", async () => {
    const { layer, closed } = await openLayer();
    const server = await tcpServer();
    const flow = layer.flowTo({ transport: "tcp", host: "127.0.0.1", port: server.port });
    for (const callId of ["first", "second"]) {
      flow.send(octets(requestText({ callId })));
      const peer = await server.accepted.next("connection");
      expect(await peer.until("\r\n\r\n")).toContain(`Call-ID: ${callId}`);
      peer.socket.destroy();
      await closed.next("closed flow");
    }
  });

  test("a response whose connection is gone goes to the source address and the port of sent-by", async () => {
    const { messages, closed, port } = await openLayer();
    const sentBy = await tcpServer();
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(requestText({ via: `SIP/2.0/TCP 192.0.2.9:${sentBy.port};branch=z9hG4bKa` }));
    const { flow } = await messages.next("request");
    peer.socket.resetAndDestroy();
    await closed.next("closed flow");
    flow.send(octets(responseText()));
    expect(await (await sentBy.accepted.next("connection")).until("\r\n\r\n")).toBe(responseText());
  });

  test("a refused connection fails all that waited for it, and the next request tries again", async () => {
    const { layer, closed } = await openLayer();
    const server = await tcpServer();
    await new Promise<void>((resolve) => server.server.close(() => resolve()));
    const flow = layer.flowTo({ transport: "tcp", host: "127.0.0.1", port: server.port });
    const failures = await Promise.all([sendFails(flow, octets("a")), sendFails(flow, octets("b"))]);
    expect(failures).toEqual(["connection refused", "connection refused"]);
    expect(layer.connections).toBe(0);
    expect(closed.items).toEqual([]);
    const again = await tcpServer(server.port);
    flow.send(octets(requestText()));
    await (await again.accepted.next("connection")).until("\r\n\r\n");
  });

  test.each([
    ["224.0.0.1", 5060, "multicast"],
    ["0.0.0.0", 5060, "unspecified"],
    ["127.0.0.1", 0, "bad port"],
  ])("no connection is made to %s port %d", async (host, port, reason) => {
    const { layer } = await openLayer();
    expect(await sendFails(layer.flowTo({ transport: "tcp", host, port }), octets("x"))).toContain(reason);
    expect(layer.connections).toBe(0);
  });

  test("what is queued leaves before the layer closes", async () => {
    const { layer } = await openLayer();
    const server = await tcpServer();
    const flow = layer.flowTo({ transport: "tcp", host: "127.0.0.1", port: server.port });
    flow.send(octets(requestText()));
    const peer = await server.accepted.next("connection");
    await peer.until("\r\n\r\n");
    const large = requestText({ body: "z".repeat(300_000) });
    flow.send(octets(large));
    await bounded(layer.close(), "end of the layer");
    expect((await peer.until("z\r\n\r\n".slice(0, 1))).length).toBeGreaterThan(0);
    await bounded(peer.ended, "end of the connection");
  });

  test("a client without any listener opens, calls and gets its response", async () => {
    const { layer, messages } = await openLayer({ listen: [] });
    expect(layer.listening).toEqual([]);
    const server = await tcpServer();
    const flow = layer.flowTo({ transport: "tcp", host: "127.0.0.1", port: server.port });
    expect(layer.viaFor(flow)).toEqual({ transport: "TCP", host: "127.0.0.1", port: 5060 });
    flow.send(octets(requestText()));
    (await server.accepted.next("connection")).socket.write(responseText());
    expect((await messages.next("response")).message.type).toBe("response");
  });
});
