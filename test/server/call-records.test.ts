/** What a call's record says of it, however it went; and what is captured meanwhile. */
import { afterEach, describe, expect, test } from "bun:test";
import type { CallControl } from "../../src/call/index.ts";
import type { CallRecord } from "../../src/control/records.ts";
import type { RtpStats } from "../../src/media/index.ts";
import { bindUdp } from "../../src/udp.ts";
import { freePort } from "../support/peers/ports.ts";
import { answering, configured, openServer, stopAll, type TestServer } from "../support/server.ts";
import { bound, UdpPeer } from "../support/udp-peer.ts";

afterEach(stopAll);

const offer = ["v=0", "o=tester 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 0", ""];

/** The next record. */
function next({ server }: Pick<TestServer, "server">): Promise<CallRecord> {
  const { promise, resolve, reject } = Promise.withResolvers<CallRecord>();
  const timer = setTimeout(() => reject(new RangeError("no record came")), bound);
  const stop = server.keeping.onRecord((record) => {
    clearTimeout(timer);
    stop();
    resolve(record);
  });
  return promise;
}

async function dialled(
  peer: UdpPeer,
  uri = "sip:bob:secret@127.0.0.1",
): Promise<Awaited<ReturnType<UdpPeer["response"]>>> {
  const invite = peer.compose("INVITE", { body: offer.join("\r\n"), uri });
  peer.send(invite.bytes());
  const response = await peer.response(invite.callId, "INVITE");
  if (response.status < 300) peer.send(peer.compose("ACK", { dialog: response }).bytes());
  return response;
}

const ringing = (call: CallControl) => {
  call.listen(() => {});
  call.perform({ name: "RINGING" }, () => {});
};

describe("a call's record", () => {
  test("of one that was answered and ended by its caller", async () => {
    const test = await openServer({ handler: answering });
    const peer = await UdpPeer.open(test.port.udp);
    const record = next(test);
    const dialog = await dialled(peer);
    peer.send(peer.compose("BYE", { dialog, sequence: 2 }).bytes());
    expect(await record).toMatchObject({
      ...{ kind: "handled", direction: "incoming", callId: dialog.callId, callee: "sip:bob@127.0.0.1" },
      ...{ calleeUser: "bob", source: `udp:${peer.host}:${peer.port}`, status: 200, ending: "caller", cause: "hangup" },
      ...{ codec: "PCMU", security: "none", targets: [] },
    });
    const { begin, answer = 0, end, seconds } = await record;
    expect([begin <= answer, answer <= end, Math.abs(seconds - (end - answer) / 1000) < 0.1]).toEqual([
      true,
      true,
      true,
    ]);
    expect(JSON.stringify(await record)).not.toContain("secret");
    const [kept] = await test.server.keeping.records({ callId: dialog.callId });
    expect(kept).toMatchObject({ id: 1, call: (await record).call });
  });

  const endings: [string, (call: CallControl) => void, Partial<CallRecord>][] = [
    [
      "refused",
      (call) => call.perform({ name: "REJECT", code: 486 }, () => {}),
      { status: 486, ending: "failed", cause: "rejected" },
    ],
    [
      "ended by its handler",
      (call) => call.perform({ name: "ANSWER" }, () => call.finish({ type: "returned" })),
      { status: 200, ending: "callee" },
    ],
    [
      "whose handler fails",
      (call) => call.finish({ type: "failed", reason: "tested" }),
      { status: 500, ending: "failed", cause: "error" },
    ],
  ];
  test.each(endings)("of one that is %s", async (_, act, expected) => {
    const test = await openServer({
      handler: (call) => {
        call.listen(() => {});
        act(call);
      },
    });
    const peer = await UdpPeer.open(test.port.udp);
    const record = next(test);
    await dialled(peer);
    expect(await record).toMatchObject(expected);
  });

  test("of one that its caller gave up", async () => {
    const test = await openServer({ handler: ringing });
    const peer = await UdpPeer.open(test.port.udp);
    const record = next(test);
    const invite = peer.compose("INVITE", { body: offer.join("\r\n") });
    peer.send(invite.bytes());
    await peer.response(invite.callId, "INVITE", 180);
    // A CANCEL is the INVITE but for its method, and has no body (RFC 3261 §9.1).
    const [head = ""] = Buffer.from(invite.bytes()).toString("latin1").split("\r\n\r\n");
    peer.send(`${head.replaceAll("INVITE", "CANCEL").replace(/\r\nContent-.*/g, "")}\r\n\r\n`);
    expect(await record).toMatchObject({ status: 487, ending: "cancelled", answer: undefined, seconds: 0 });
  });

  test("of one that we placed and nobody answered", async () => {
    const test = await openServer({});
    const peer = await UdpPeer.open(test.port.udp);
    const record = next(test);
    test.server.call(
      { uri: `sip:eve@${peer.host}:${peer.port}` },
      { start: (call) => call.listen(() => {}), name: "x.ts" },
    );
    peer.answer(await peer.request("INVITE"), 480);
    expect(await record).toMatchObject({
      direction: "outgoing",
      calleeUser: "eve",
      status: 480,
      ending: "failed",
      handler: "x.ts",
    });
    expect((await record).source).toBeUndefined();
  });

  test("of one that was forwarded", async () => {
    const calleePort = await freePort();
    const uris = [`sip:bob@127.0.0.3:${calleePort}`];
    const settings = {
      mode: "stateful",
      media: "direct",
      relay: false,
      recordRoute: true,
      rewriteContact: false,
    } as const;
    const action = { type: "proxy", uris, ...settings } as const;
    const test = await openServer({ routes: [{ action }] });
    const callee = await UdpPeer.open(test.port.udp, "127.0.0.3", calleePort);
    const peer = await UdpPeer.open(test.port.udp);
    const record = next(test);
    const invite = peer.compose("INVITE", { uri: "sip:bob:secret@127.0.0.1" });
    peer.send(invite.bytes());
    callee.answer(await callee.request("INVITE"), 486);
    expect(await record).toMatchObject({
      ...{ kind: "forwarded", callee: "sip:bob@127.0.0.1", calleeUser: "bob", status: 486, ending: "failed" },
      ...{ targets: [{ uri: uris[0], status: 486 }], quality: undefined },
    });
  });
});

test("packets that did not arrive are in the record, and the call sounds bad", async () => {
  const { server, port, calls } = await openServer({ handler: answering });
  const peer = await UdpPeer.open(port.udp, "127.0.0.1");
  /** Has the media worker count: what it was sent before, and has read, is in it. */
  const counted = async (packets: number) => {
    for (const end = performance.now() + bound; performance.now() < end; ) {
      const { promise, resolve } = Promise.withResolvers<number>();
      const observer = { counted: (_: unknown, { receivedPackets }: RtpStats) => resolve(receivedPackets) };
      server.calls.observers.add(observer);
      server.calls.find(calls[0]?.facts.id ?? "")?.audio?.count();
      const came = await promise;
      server.calls.observers.delete(observer);
      if (came === packets) return;
    }
    throw new RangeError(`${packets} packets never came`);
  };
  const sound = await bindUdp({ host: "127.0.0.1", port: 0, onPacket: () => {} });
  const body = offer.join("\r\n").replace("audio 9", `audio ${sound.port}`).replace("m=", "a=rtcp-mux\r\nm=");
  const invite = peer.compose("INVITE", { body: `${body}a=rtcp-mux\r\n` });
  peer.send(invite.bytes());
  const dialog = await peer.response(invite.callId, "INVITE");
  peer.send(peer.compose("ACK", { dialog }).bytes());
  await counted(0);
  const rtpPort = Number(/m=audio (\d+)/.exec(Buffer.from(dialog.body).toString())?.[1]);
  for (let sequence = 0; sequence < 100; sequence++) {
    // Every fifth is lost.
    if (sequence % 5 === 4) continue;
    const packet = new DataView(new ArrayBuffer(172));
    packet.setUint16(0, 0x8000);
    packet.setUint16(2, sequence);
    packet.setUint32(4, sequence * 160);
    packet.setUint32(8, 0xabcdef);
    sound.send(new Uint8Array(packet.buffer), rtpPort, "127.0.0.1");
    // No more at a time than a socket of somebody's sound takes.
    if (sequence % 10 === 8) await counted(0.8 * (sequence + 2));
  }
  const record = next({ server });
  peer.send(peer.compose("BYE", { dialog, sequence: 2 }).bytes());
  const { quality, worstMos } = await record;
  sound.close();
  expect(quality?.received).toMatchObject({ packets: 80, lost: 19 });
  expect(Math.abs((quality?.received.loss ?? 0) - 19 / 99)).toBeLessThan(0.001);
  expect(worstMos).toBeLessThan(3);
});

test("a server that stops makes the records of the calls that it ends", async () => {
  const test = await openServer({ handler: answering });
  const peer = await UdpPeer.open(test.port.udp);
  const record = next(test);
  await dialled(peer);
  await test.server.stop();
  expect(await record).toMatchObject({ status: 200, ending: "system", cause: "shutdown" });
});

test("messages are captured only while somebody looks", async () => {
  const { server, port } = await openServer({ handler: answering });
  const { capture } = server.keeping;
  const peer = await UdpPeer.open(port.udp);
  await peer.probe();
  expect(capture.captureState()).toEqual({ active: false, messages: 0, octets: 0, size: 0, last: 0 });
  const heard: string[] = [];
  const two = Promise.withResolvers<void>();
  const stop = capture.follow({ method: "OPTIONS" }, ({ direction, summary }) => {
    if (heard.push(`${direction} ${summary.split(" ")[0]}`) === 2) two.resolve();
  });
  await peer.probe();
  await two.promise;
  expect(heard).toEqual(["received OPTIONS", "sent 200"]);
  stop();
  expect(capture.captureState().active).toBe(false);
  expect(server.transport.tap).toBeUndefined();
});

test("a configuration that is read again changes what is captured; a file of records that cannot be had is said", async () => {
  const { server, log } = await openServer({});
  const { capture } = server.keeping;
  const changed = await configured({
    capture: { size: 1 << 20, packets: 4096 },
    hep: { server: { host: "127.0.0.1", port: 9 }, id: 1, password: undefined },
    records: { keep: 3_600_000, most: 10, file: "/nowhere/calls.ndjson", rotate: 1_000_000, files: 1 },
  });
  server.reload(changed);
  expect(capture.captureState()).toMatchObject({ active: true, size: 1 << 20 });
  expect(log.join("\n")).toContain("capture.packets has changed; that takes a restart");
  expect(log.join("\n")).toContain("call records cannot be written to /nowhere/calls.ndjson");
  server.reload({ ...changed, capture: { size: 0, packets: 4096 } });
  // The capture server still wants what passes.
  expect(capture.captureState().active).toBe(true);
  server.reload(await configured({}));
  expect(capture.captureState().active).toBe(false);
});
