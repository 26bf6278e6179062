import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { defaultLimits } from "../../src/transport/index.ts";
import { Authority } from "../support/certificates.ts";
import { below, seeded } from "../support/random.ts";
import { clientFrame, opcode, upgradeRequest } from "../support/websocket-client.ts";
import {
  bounded,
  closeAll,
  octets,
  openLayer,
  Queue,
  requestText,
  responseText,
  sendFails,
  type TcpPeer,
  tcpPeer,
} from "./support.ts";

const authority = new Authority();
const certificate = { ...authority.make({ san: "IP:127.0.0.1" }), clients: "none", names: [] } as const;

afterEach(closeAll);
afterAll(() => authority.close());

const listen = ["ws://127.0.0.1:0"];
const wsVia = "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKa";

/** A WebSocket of the runtime, open. */
async function browser(port: number, options: { secure?: boolean; origin?: string; protocols?: string[] } = {}) {
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  const socket = new WebSocket(`${options.secure ? "wss" : "ws"}://127.0.0.1:${port}/`, {
    protocols: options.protocols ?? ["sip"],
    tls: { ca: await Bun.file(authority.ca).text() },
    ...(options.origin === undefined ? {} : { headers: { Origin: options.origin } }),
  });
  const received = new Queue<string | Uint8Array>();
  socket.binaryType = "arraybuffer";
  socket.onopen = () => resolve();
  socket.onerror = () => reject(new RangeError("no WebSocket"));
  socket.onmessage = ({ data }) => received.push(typeof data === "string" ? data : new Uint8Array(data));
  socket.onclose = ({ code }) => end(code);
  await bounded(opened, "WebSocket");
  return { socket, received, ended };
}

/** A raw socket on which the upgrade is done. */
async function upgraded(port: number): Promise<TcpPeer> {
  const peer = await tcpPeer(port);
  peer.socket.write(upgradeRequest());
  expect(await peer.until("\r\n\r\n")).toStartWith("HTTP/1.1 101 ");
  return peer;
}

describe("SIP over WebSocket", () => {
  test.each([
    ["ws", "WS"],
    ["wss", "WSS"],
  ] as const)("%s: a request comes with a flow that answers on its connection", async (transport, via) => {
    const { layer, messages, closed, port } = await openLayer({
      listen: [`${transport}://127.0.0.1:0`],
      tls: certificate,
    });
    const { socket, received } = await browser(port(transport), { secure: transport === "wss" });
    expect(socket.protocol).toBe("sip");
    socket.send(requestText({ via: wsVia }));
    const { message, flow } = await messages.next("request");
    expect(message.callId).toBe("c1");
    expect([flow.transport, flow.reliable]).toEqual([transport, true]);
    expect(layer.viaFor(flow)).toEqual({ transport: via, host: "127.0.0.1", port: port(transport) });
    expect(layer.contactFor(flow)).toBe(`127.0.0.1:${port(transport)};transport=ws`);
    flow.send(octets(responseText()));
    expect(await received.next("response")).toBe(responseText());
    socket.close();
    expect((await closed.next("closed flow")).id).toBe(flow.id);
    expect(await sendFails(flow, octets(responseText()))).toBe("the connection is gone");
    expect(layer.connections).toBe(0);
  });

  test("IPv6 is as good as IPv4", async () => {
    const { layer, messages, port } = await openLayer({ listen: ["ws://[::1]:0"] });
    const peer = await tcpPeer(port("ws"), { host: "::1" });
    peer.socket.write(Buffer.concat([Buffer.from(upgradeRequest()), clientFrame(requestText({ via: wsVia }))]));
    const { flow } = await messages.next("request");
    expect(layer.contactFor(flow)).toBe(`[::1]:${port("ws")};transport=ws`);
  });

  test("the name that browsers write for themselves is asked of nobody", async () => {
    const lookup = () => Promise.reject(new RangeError("asked"));
    const { layer } = await openLayer({ listen, lookup });
    const flow = layer.flowTo({ transport: "ws", host: "df7jal23ls0d.invalid", port: 80 });
    expect(await sendFails(flow, octets("x"))).toBe("df7jal23ls0d.invalid is the name of nobody");
  });

  test("text and binary are taken, one message each; ours are text where they can be", async () => {
    const { messages, port } = await openLayer({ listen });
    const { socket, received } = await browser(port("ws"));
    const sent = requestText({ via: wsVia, body: "hällo €" });
    socket.send(sent);
    socket.send(octets(`${requestText({ via: wsVia }).replace("Length: 0", "Length: 5")}h\xe4llo`));
    const [first, second] = [await messages.next("text"), await messages.next("binary")];
    expect(Buffer.from(first.message.body).toString()).toBe("hällo €");
    expect(Buffer.from(second.message.body).toString("latin1")).toBe("h\xe4llo");
    first.flow.send(first.message.bytes());
    second.flow.send(second.message.bytes());
    expect(await received.next("text")).toBe(sent);
    expect(await received.next("binary")).toEqual(new Uint8Array(second.message.bytes()));
  });

  test("a message needs no Content-Length; garbage is reported and the next message heard", async () => {
    const { messages, failures, port } = await openLayer({ listen });
    const { socket } = await browser(port("ws"));
    socket.send("garbage");
    socket.send(requestText({ via: wsVia }).replace(/Content-Length.*\r\n/, ""));
    await failures.next("failure");
    expect((await messages.next("request")).message.callId).toBe("c1");
  });

  test("a double CRLF is answered with CRLF, a single one not; a ping with one pong", async () => {
    const { messages, port } = await openLayer({ listen });
    const peer = await upgraded(port("ws"));
    peer.socket.write(clientFrame("\r\n"));
    peer.socket.write(clientFrame("\r\n\r\n"));
    expect(await peer.until("\r\n")).toBe("\x81\x02\r\n");
    const pings = ["a", "b", "c"].map((payload) => clientFrame(payload, { opcode: opcode.ping }));
    peer.socket.write(Buffer.concat([...pings, clientFrame(requestText({ via: wsVia }))]));
    (await messages.next("request")).flow.send(octets("LAST"));
    expect(await peer.until("LAST")).toEndWith("\x81\x04LAST");
  });

  test("requests to a registered browser go down its connection, and fail at once when it is gone", async () => {
    const { layer, messages, closed, port } = await openLayer({ listen });
    const { socket, received } = await browser(port("ws"));
    socket.send(requestText({ via: wsVia }));
    const { flow } = await messages.next("request");
    const ref = JSON.parse(
      JSON.stringify({ id: flow.id, transport: flow.transport, local: flow.local, remote: flow.remote }),
    );
    const registered = layer.flowOf(ref);
    expect(registered?.id).toBe(flow.id);
    expect(layer.connectionFrom("ws", flow.remote)?.id).toBe(flow.id);
    registered?.send(octets(requestText({ callId: "down" })));
    expect(await received.next("request")).toContain("Call-ID: down");
    socket.close();
    await closed.next("closed flow");
    expect(layer.flowOf(ref)).toBeUndefined();
    expect(layer.connectionFrom("ws", flow.remote)).toBeUndefined();
    if (registered === undefined) throw new RangeError("no flow");
    expect(await sendFails(registered, octets("x"))).toBe("connection closed");
    const { host, port: from } = flow.remote;
    expect(await sendFails(layer.flowTo({ transport: "ws", host, port: from }), octets("x"))).toContain(
      "only clients open",
    );
  });

  test("a message cut into frames of one octet, and many in one packet", async () => {
    const { messages, port } = await openLayer({ listen });
    const peer = await upgraded(port("ws"));
    const text = requestText({ via: wsVia });
    const cut = [...text].map((character, at) =>
      clientFrame(character, { opcode: at === 0 ? opcode.text : opcode.continuation, final: at === text.length - 1 }),
    );
    peer.socket.write(Buffer.concat(cut));
    expect((await messages.next("request")).message.callId).toBe("c1");
    const many = Array.from({ length: 3000 }, (_, i) => clientFrame(requestText({ via: wsVia, callId: `m${i}` })));
    peer.socket.write(Buffer.concat(many));
    for (let i = 0; i < 3000; i++) expect((await messages.next(`message ${i}`)).message.callId).toBe(`m${i}`);
  });

  test("what follows the upgrade in the same packet is heard", async () => {
    const { messages, port } = await openLayer({ listen });
    const peer = await tcpPeer(port("ws"));
    peer.socket.write(Buffer.concat([Buffer.from(upgradeRequest()), clientFrame(requestText({ via: wsVia }))]));
    await messages.next("request");
  });
});

describe("a peer that breaks the rules of WebSocket", () => {
  test.each<[string, Uint8Array, number]>([
    ["an unmasked frame", clientFrame("x", { masked: false }), 1002],
    ["fragments out of order", clientFrame("x", { opcode: opcode.continuation }), 1002],
    ["no UTF-8", clientFrame(Uint8Array.of(0xc3)), 1007],
    ["a message above the limits", clientFrame("x", { length: 100_000 }), 1009],
    ["an endless one", clientFrame("x", { length: 2 ** 50 }), 1009],
    ["a close frame", clientFrame(Uint8Array.of(3, 232), { opcode: opcode.close }), 1000],
  ])("%s ends the connection with its code", async (_what, frame, code) => {
    const { layer, closed, messages, port } = await openLayer({ listen });
    const peer = await upgraded(port("ws"));
    peer.socket.write(frame);
    expect(await peer.until(String.fromCharCode(0x88, 2, code >> 8, code & 255))).toHaveLength(4);
    await bounded(peer.ended, "end of the connection");
    await closed.next("closed flow");
    expect([layer.connections, messages.items]).toEqual([0, []]);
  });

  test("closing in the middle of a frame leaves nothing behind", async () => {
    const { layer, closed, port } = await openLayer({ listen });
    for (const abruptly of [true, false]) {
      const peer = await upgraded(port("ws"));
      const half = clientFrame(requestText()).subarray(0, 100);
      await new Promise<void>((resolve) => peer.socket.write(half, () => resolve()));
      if (abruptly) peer.socket.resetAndDestroy();
      else peer.socket.end();
      await closed.next("closed flow");
    }
    expect(layer.connections).toBe(0);
  });

  test("a frame that drips in is cut off after 10 s", async () => {
    const clock = new VirtualClock();
    const { layer, messages, closed, port } = await openLayer({ listen, clock });
    const peer = await upgraded(port("ws"));
    peer.socket.write(Buffer.concat([clientFrame(requestText({ via: wsVia })), clientFrame("x").subarray(0, 3)]));
    await messages.next("request");
    clock.advance(defaultLimits.messageTimeout);
    await closed.next("closed flow");
    expect([layer.connections, clock.pending]).toEqual([0, 0]);
  });

  test("a peer that answers no ping is cut off; one that does is not", async () => {
    const clock = new VirtualClock();
    const { layer, messages, closed, port } = await openLayer({ listen, clock });
    const [dead, live] = [await upgraded(port("ws")), await upgraded(port("ws"))];
    for (const peer of [dead, live]) peer.socket.write(clientFrame(requestText({ via: wsVia })));
    const heard = [await messages.next("request"), await messages.next("request")];
    clock.advance(defaultLimits.pingInterval);
    expect(await live.until("\x89\x00")).toBe("\x89\x00");
    live.socket.write(
      Buffer.concat([clientFrame("", { opcode: opcode.pong }), clientFrame(requestText({ via: wsVia }))]),
    );
    await messages.next("request behind the pong");
    clock.advance(defaultLimits.pongTimeout);
    const gone = await closed.next("closed flow");
    expect(gone.remote.port).toBe(dead.socket.localPort ?? 0);
    expect(heard.map(({ flow }) => flow.id)).toContain(gone.id);
    expect(layer.connections).toBe(1);
  });

  test("who does not get done with the upgrade in 10 s is cut off", async () => {
    const clock = new VirtualClock();
    const accepted = Promise.withResolvers<void>();
    const admit = () => {
      accepted.resolve();
      return true;
    };
    const { layer, closed, port } = await openLayer({ listen, clock, admit });
    const peer = await tcpPeer(port("ws"));
    peer.socket.write("GET / HTTP/1.1\r\nHost: a\r\n");
    await bounded(accepted.promise, "connection");
    clock.advance(defaultLimits.handshakeTimeout);
    await bounded(peer.ended, "end of the connection");
    expect([layer.connections, closed.items, clock.pending]).toEqual([0, [], 0]);
  });

  test("a peer that does not read is cut off", async () => {
    const { layer, messages, closed, port } = await openLayer({ listen });
    const peer = await upgraded(port("ws"));
    peer.socket.pause();
    peer.socket.write(clientFrame(requestText({ via: wsVia })));
    const { flow } = await messages.next("request");
    const reasons: string[] = [];
    for (let i = 0; layer.connections > 0 && i < 2000; i++) {
      flow.send(octets(requestText({ body: "z".repeat(60_000) })), (reason) => reasons.push(reason));
    }
    await closed.next("closed flow");
    expect(reasons).toContain("the peer does not read");
  });

  test("octets of any kind end in answers or in the end, never in a crash", async () => {
    const { layer, port } = await openLayer({ listen });
    const random = seeded(21);
    for (let round = 0; round < 60; round++) {
      const peer = round % 2 === 0 ? await upgraded(port("ws")) : await tcpPeer(port("ws"));
      const valid = round % 2 === 0 ? clientFrame(requestText({ via: wsVia })) : Buffer.from(upgradeRequest());
      for (let i = 0; i < 5; i++) {
        const frame = Uint8Array.from(valid);
        for (let changes = below(random, 8); changes > 0; changes--)
          frame[below(random, frame.length)] = below(random, 256);
        peer.socket.write(frame);
      }
      peer.socket.end();
      await bounded(peer.ended, "end of the connection");
    }
    const peer = await upgraded(port("ws"));
    peer.socket.end();
    await bounded(peer.ended, "end of the connection");
    expect(layer.connections).toBeLessThan(2);
  });
});

describe("closing", () => {
  test("tells each client that we go away", async () => {
    const { layer, messages, port } = await openLayer({ listen });
    const { socket, ended } = await browser(port("ws"));
    socket.send(requestText({ via: wsVia }));
    await messages.next("request");
    await bounded(layer.close(), "end of the layer");
    expect(await bounded(ended, "end of the WebSocket")).toBe(1001);
  });
});
