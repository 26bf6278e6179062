/** More calls than there is room for, a server that drains, one that stops; and what its log says of all that. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Response } from "../../src/sip/message.ts";
import { answering, openServer, stopAll } from "../support/server.ts";
import { UdpPeer, unique } from "../support/udp-peer.ts";

afterEach(stopAll);

const offer = [
  "v=0",
  "o=tester 1 1 IN IP4 127.0.0.1",
  "s=-",
  "c=IN IP4 127.0.0.1",
  "t=0 0",
  "m=audio 9 RTP/AVP 0",
  "",
].join("\r\n");

/** The answer to a call; one that was accepted is acknowledged. */
async function call(peer: UdpPeer, options: { headers?: [string, string][]; uri?: string } = {}): Promise<Response> {
  const invite = peer.compose("INVITE", { body: offer, ...options });
  peer.send(invite.bytes());
  const response = await peer.response(invite.callId, "INVITE");
  if (response.status < 300) peer.send(peer.compose("ACK", { dialog: response }).bytes());
  return response;
}

async function within(peer: UdpPeer, dialog: Response, method: string, sequence = 2): Promise<number> {
  const body = method === "INVITE" ? offer : undefined;
  peer.send(peer.compose(method, { dialog, sequence, ...(body === undefined ? {} : { body }) }).bytes());
  const found = await peer.find(`response to ${method}`, (message) =>
    message.type === "response" &&
    message.header("call-id") === dialog.callId &&
    message.cseq.method === method &&
    message.cseq.number === sequence &&
    message.status >= 200
      ? message
      : undefined,
  );
  if (method === "INVITE") peer.send(peer.compose("ACK", { dialog, sequence }).bytes());
  return found.status;
}

const overloaded = (response: Response) => {
  expect(response.status).toBe(503);
  expect(Number(response.header("retry-after"))).toBeGreaterThan(0);
};

describe("above limits.calls", () => {
  const kinds: [string, Parameters<typeof openServer>[0]][] = [
    ["in all", { limits: { calls: 2 } }],
    ["from one source", { limits: { callsPerSource: 2 } }],
  ];
  for (const [name, options] of kinds)
    test(`${name}: new calls get 503 with Retry-After, the others complete and make room`, async () => {
      const { server, port } = await openServer(options);
      const peer = await UdpPeer.open(port.udp, "127.0.0.2");
      const first = await call(peer);
      const second = await call(peer);
      expect([first.status, second.status]).toEqual([200, 200]);
      for (let i = 0; i < 20; i++) overloaded(await call(peer));
      expect(server.calls.size).toBe(2);
      expect(await within(peer, first, "INVITE")).toBe(200);
      expect(await within(peer, second, "OPTIONS")).toBe(200);
      const other = await UdpPeer.open(port.udp, "127.0.0.3");
      const elsewhere = await call(other);
      if (name === "in all") overloaded(elsewhere);
      else expect(elsewhere.status).toBe(200);
      expect(await within(peer, first, "BYE", 3)).toBe(200);
      expect((await call(peer)).status).toBe(200);
    });

  test("calls that ring count; one that is cancelled makes room", async () => {
    const { port } = await openServer({ limits: { calls: 1 }, handler: ringing });
    const peer = await UdpPeer.open(port.udp);
    const invite = peer.compose("INVITE", { body: offer });
    peer.send(invite.bytes());
    await peer.response(invite.callId, "INVITE", 180);
    overloaded(await call(peer));
    const via = invite.header("via") ?? "";
    const cancel = peer.compose("CANCEL", { callId: invite.callId }).bytes();
    // A CANCEL is the INVITE's but for its method: Via, From and To included (RFC 3261 §9.1).
    const text = Buffer.from(cancel)
      .toString("latin1")
      .replace(/^Via: .*$/m, `Via: ${via}`)
      .replace(/^From: .*$/m, `From: ${invite.header("from")}`);
    peer.send(text);
    expect((await peer.response(invite.callId, "CANCEL")).status).toBe(200);
    expect((await peer.response(invite.callId, "INVITE")).status).toBe(487);
    const again = peer.compose("INVITE", { body: offer });
    peer.send(again.bytes());
    expect((await peer.response(again.callId, "INVITE", 180)).status).toBe(180);
  });
});

function ringing(call: Parameters<typeof answering>[0]): void {
  call.listen(() => {});
  call.perform({ name: "RINGING" }, () => {});
}

describe("without a free media port", () => {
  test("new calls get 503 with Retry-After before a handler hears of them", async () => {
    const { calls, log, port } = await openServer();
    const peer = await UdpPeer.open(port.udp);
    const up: Response[] = [];
    for (;;) {
      const response = await call(peer);
      if (response.status !== 200) {
        overloaded(response);
        break;
      }
      up.push(response);
    }
    expect(calls.length).toBe(up.length);
    for (let i = 0; i < 5; i++) overloaded(await call(peer));
    expect(log.filter((line) => line.includes("no media ports are free")).length).toBe(1);
    const [first] = up;
    if (first !== undefined) expect(await within(peer, first, "INVITE")).toBe(200);
  });
});

describe("when work waits for too long", () => {
  const kinds: [string, "waited" | "delay"][] = [
    ["in our own queue", "waited"],
    ["for the scripts", "delay"],
  ];
  for (const [name, what] of kinds)
    test(`${name}: new calls get 503 with Retry-After, those that are up are served`, async () => {
      let late = 0;
      const { server, calls, log, port } = await openServer({
        [what]: () => late,
        overload: { sustained: 0 },
      });
      const peer = await UdpPeer.open(port.udp);
      const first = await call(peer);
      const second = await call(peer);
      late = 1000;
      for (let i = 0; i < 20; i++) overloaded(await call(peer));
      expect([calls.length, server.calls.size]).toEqual([2, 2]);
      expect(await within(peer, first, "INVITE")).toBe(200);
      expect(await within(peer, second, "OPTIONS")).toBe(200);
      expect(await within(peer, first, "BYE", 3)).toBe(200);
      expect((await peer.probe()).status).toBe(200);
      expect(log.filter((line) => line.includes("cannot keep up")).length).toBe(1);
      late = 0;
      expect((await call(peer)).status).toBe(200);
      expect(calls.length).toBe(3);
    });
});

describe("a server that drains", () => {
  test("refuses new calls, serves those that are up, and is done with the last one", async () => {
    const { server, port } = await openServer();
    const peer = await UdpPeer.open(port.udp);
    const calls = [await call(peer), await call(peer)];
    let drained: boolean | undefined;
    const draining = server.drain(60_000).then((all) => {
      drained = all;
    });
    overloaded(await call(peer));
    expect((await peer.probe()).status).toBe(200);
    for (const dialog of calls) {
      expect(drained).toBeUndefined();
      expect(await within(peer, dialog, "INVITE")).toBe(200);
      expect(await within(peer, dialog, "BYE", 3)).toBe(200);
    }
    await draining;
    expect(drained).toBe(true);
  });

  test("says when calls have outlasted the time that it was given", async () => {
    const { server, port } = await openServer();
    const peer = await UdpPeer.open(port.udp);
    expect((await call(peer)).status).toBe(200);
    expect(await server.drain(1)).toBe(false);
  });
});

describe("a server that stops", () => {
  test("hangs up calls that are up, refuses those that ring, and is gone", async () => {
    let count = 0;
    const { server, port } = await openServer({ handler: (each) => (count++ === 0 ? answering(each) : ringing(each)) });
    const peer = await UdpPeer.open(port.udp);
    const up = await call(peer);
    const invite = peer.compose("INVITE", { body: offer });
    peer.send(invite.bytes());
    await peer.response(invite.callId, "INVITE", 180);
    const stopping = server.stop();
    const bye = await peer.request("BYE");
    expect(bye.callId).toBe(up.callId);
    expect((await peer.response(invite.callId, "INVITE")).status).toBe(503);
    await stopping;
  });

  test("does not wait for a peer that is gone for longer than its farewell", async () => {
    const { server, port } = await openServer();
    const peer = await UdpPeer.open(port.udp);
    await call(peer);
    peer.close();
    const began = performance.now();
    await server.stop();
    expect(performance.now() - began).toBeLessThan(3000);
  });
});

test("no credential and no text of the parties comes into the log", async () => {
  const secrets = ["c0ffee5ec4e7", "hunter2", "my-PIN-is-4711"];
  const { port, log } = await openServer();
  const peer = await UdpPeer.open(port.udp);
  const authorization: [string, string] = [
    "Authorization",
    'Digest username="a", realm="r", nonce="n", uri="sip:b", response="c0ffee5ec4e7"',
  ];
  const dialog = await call(peer, { headers: [authorization], uri: "sip:someone:hunter2@127.0.0.1" });
  const message = Buffer.from(peer.compose("MESSAGE", { dialog, sequence: 2, body: "my-PIN-is-4711" }).bytes())
    .toString("latin1")
    .replace("application/sdp", "text/plain");
  peer.send(message);
  expect((await peer.response(dialog.callId, "MESSAGE")).status).toBe(200);
  for (const broken of [
    `INVITE sip:a:hunter2@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;rport\r\n${authorization.join(": ")}\r\n\r\n`,
    `REGISTER sip:127.0.0.1 SIP/2.0\r\n${authorization.join(": ")}\r\n\r\n`,
    `hunter2 ${authorization.join(": ")}`,
    `INVITE sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bK${unique("b")}\r\nFrom: <sip:a:hunter2@b>;tag=1\r\nTo: <sip:c>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:a>\r\nContent-Type: application/sdp\r\nContent-Length: 7\r\n\r\nhunter2`,
  ])
    peer.send(broken);
  await peer.probe();
  expect(await within(peer, dialog, "BYE", 3)).toBe(200);
  expect(log.length).toBeGreaterThan(0);
  expect(log.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
});
