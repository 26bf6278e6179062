import { afterEach, describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { defaultLimits } from "../../src/transport/index.ts";
import {
  bounded,
  closeAll,
  octets,
  openLayer,
  requestText,
  responseText,
  sendFails,
  tcpPeer,
  tcpServer,
} from "./support.ts";

afterEach(closeAll);

/** A request that the layer has, so that all before it on that connection is there too. */
const whole = requestText({ callId: "whole" });

describe("a connection's time", () => {
  test("a message that drips in is cut off 10 s after its first octet", async () => {
    const clock = new VirtualClock();
    const { layer, messages, closed, log, port } = await openLayer({ clock });
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(whole);
    await messages.next("whole message");
    // The start of the next message travels behind another whole one, so the test knows when it is there.
    peer.socket.write(`${whole}OPT`);
    await messages.next("whole message");
    clock.advance(defaultLimits.messageTimeout - 1);
    expect(layer.connections).toBe(1);
    clock.advance(1);
    await closed.next("closed flow");
    await bounded(peer.ended, "end of the connection");
    expect(clock.pending).toBe(0);
    expect(log).toEqual([]);
  });

  test("messages that each arrive in time are not cut off, however long they go on", async () => {
    const clock = new VirtualClock();
    const { layer, messages, port } = await openLayer({ clock });
    const peer = await tcpPeer(port("tcp"));
    peer.socket.write(`${whole}${whole.slice(0, 50)}`);
    await messages.next("message");
    for (let i = 0; i < 20; i++) {
      clock.advance(6000);
      peer.socket.write(whole.slice(50) + whole.slice(0, 50));
      await messages.next("message");
    }
    expect(layer.connections).toBe(1);
  });

  test("a silent connection is closed after 10 minutes; a heard one is not", async () => {
    const clock = new VirtualClock();
    const { layer, messages, closed, port } = await openLayer({ clock });
    const [silent, heard] = [await tcpPeer(port("tcp")), await tcpPeer(port("tcp"))];
    const silentPort = silent.socket.localPort ?? 0;
    for (const peer of [silent, heard]) {
      peer.socket.write(whole);
      await messages.next("message");
    }
    clock.advance(defaultLimits.idleTimeout - 1);
    heard.socket.write(whole);
    await messages.next("message");
    clock.advance(1);
    await bounded(silent.ended, "end of the silent connection");
    expect((await closed.next("closed flow")).remote.port).toBe(silentPort);
    expect(layer.connections).toBe(1);
  });

  test("connecting is given up after 4 s; a connection that comes later is closed", async () => {
    const clock = new VirtualClock();
    const { layer, closed } = await openLayer({ clock });
    const server = await tcpServer();
    const flow = layer.flowTo({ transport: "tcp", host: "127.0.0.1", port: server.port });
    const failure = sendFails(flow, octets(requestText()));
    // Within the turn of the event loop in which connecting began, so that it cannot have succeeded.
    clock.advance(defaultLimits.connectTimeout);
    expect(await failure).toBe("connecting timed out");
    expect(layer.connections).toBe(0);
    expect(clock.pending).toBe(0);
    await bounded((await server.accepted.next("connection")).ended, "end of the late connection");
    expect(closed.items).toEqual([]);
  });
});

describe("a peer that does not read", () => {
  test("is cut off at 1 MB of waiting octets, what waited fails, and nobody else is delayed", async () => {
    const { layer, messages, closed, port } = await openLayer();
    const [slow, other] = [await tcpPeer(port("tcp")), await tcpPeer(port("tcp"))];
    slow.socket.pause();
    slow.socket.write(requestText({ via: "SIP/2.0/TCP 127.0.0.1:1;branch=z9hG4bKa", callId: "slow" }));
    const { flow } = await messages.next("request");
    const body = "z".repeat(60_000);
    const reasons: string[] = [];
    for (let i = 0; layer.connections === 2 && i < 2000; i++) {
      flow.send(octets(requestText({ body })), (reason) => reasons.push(reason));
    }
    expect((await closed.next("closed flow")).id).toBe(flow.id);
    expect(new Set(reasons)).toEqual(new Set(["the peer does not read"]));
    expect(reasons.length).toBeGreaterThan(10);
    other.socket.write(requestText({ callId: "other" }));
    (await messages.next("request")).flow.send(octets(responseText("other")));
    expect(await other.until("\r\n\r\n")).toBe(responseText("other"));
  });

  test("is cut off after 32 s without taking an octet", async () => {
    const clock = new VirtualClock();
    const { layer, messages, closed, port } = await openLayer({ clock, limits: { maxQueued: 64 * 1024 * 1024 } });
    const slow = await tcpPeer(port("tcp"));
    slow.socket.pause();
    slow.socket.write(whole);
    const { flow } = await messages.next("request");
    const { promise, resolve } = Promise.withResolvers<string>();
    for (let i = 0; i < 160; i++) flow.send(octets(requestText({ body: "z".repeat(60_000) })), resolve);
    clock.advance(defaultLimits.writeTimeout);
    expect(await bounded(promise, "failure")).toBe("the peer does not read");
    await closed.next("closed flow");
    expect(layer.connections).toBe(0);
  });

  test("a peer that reads late gets all octets, in order", async () => {
    const { messages, port } = await openLayer({ limits: { maxQueued: 64 * 1024 * 1024 } });
    const slow = await tcpPeer(port("tcp"));
    slow.socket.pause();
    slow.socket.write(whole);
    const { flow } = await messages.next("request");
    let expected = "";
    for (let i = 0; i < 160; i++) {
      const text = requestText({ callId: `n${i}`, body: String(i % 10).repeat(60_000) });
      expected += text;
      flow.send(octets(text));
    }
    flow.send(octets("LAST"));
    slow.socket.resume();
    expect((await slow.until("LAST")) === `${expected}LAST`).toBe(true);
  });
});

describe("the number of connections", () => {
  test("beyond the limit new ones are closed at once, old ones work, and room made is used", async () => {
    const { layer, messages, closed, port } = await openLayer({ limits: { maxConnections: 3 } });
    const peers = [];
    for (let i = 0; i < 3; i++) {
      const peer = await tcpPeer(port("tcp"));
      peer.socket.write(whole);
      await messages.next("message");
      peers.push(peer);
    }
    const surplus = await tcpPeer(port("tcp"));
    await bounded(surplus.ended, "end of the surplus connection");
    expect(await sendFails(layer.flowTo({ transport: "tcp", host: "127.0.0.1", port: 9 }), octets("x"))).toBe(
      "too many connections",
    );
    peers[0]?.socket.resetAndDestroy();
    await closed.next("closed flow");
    const late = await tcpPeer(port("tcp"));
    late.socket.write(whole);
    await messages.next("message");
    expect(layer.connections).toBe(3);
  });

  test("out of file descriptors, the process lives on and accepts again when some are free", async () => {
    const program = Bun.spawn(
      ["sh", "-c", 'ulimit -n 64 && exec "$0" "$1"', process.execPath, `${import.meta.dir}/few-descriptors.ts`],
      { stdout: "pipe", stderr: "inherit" },
    );
    try {
      const reader = program.stdout.getReader();
      const port = Number(new TextDecoder().decode((await bounded(reader.read(), "port")).value));
      // The surplus is reset, some before its connect has returned.
      const flood = await Promise.allSettled(Array.from({ length: 100 }, () => tcpPeer(port)));
      expect(flood.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(20);
      for (const each of flood) if (each.status === "fulfilled") each.value.socket.resetAndDestroy();
      // The end of a connection may be read behind the next one, which is then surplus still.
      let answer: string | undefined;
      while (answer === undefined) {
        const peer = await tcpPeer(port);
        peer.socket.write(whole);
        answer = await Promise.race([peer.until("\r\n\r\n"), peer.ended.then(() => undefined)]);
      }
      expect(answer).toContain("SIP/2.0 200 OK");
      expect(program.exitCode).toBeNull();
    } finally {
      program.kill();
      await program.exited;
    }
  });
});
