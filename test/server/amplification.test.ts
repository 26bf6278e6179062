/** Towards an UDP source, which may be forged: little goes out for what comes in, and refusals are not repeated. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { CallControl } from "../../src/call/index.ts";
import { openServer, stopAll, type TestServer } from "../support/server.ts";
import { turns, UdpPeer, unique } from "../support/udp-peer.ts";

let server: TestServer;
let peer: UdpPeer;
const rejected: CallControl[] = [];
beforeAll(async () => {
  server = await openServer({
    routes: [
      { methods: ["INVITE"], action: { type: "exec", argv: ["handler"] } },
      { methods: ["OPTIONS"], action: { type: "reply", code: 200, reason: undefined } },
      { action: { type: "reply", code: 404, reason: undefined } },
    ],
    handler: (call) => {
      rejected.push(call);
      call.listen(() => {});
      call.perform({ name: "REJECT" }, () => {});
    },
  });
  peer = await UdpPeer.open(server.port.udp);
});
afterAll(stopAll);

/** The least that a request can be. */
const least = (method: string, uri = "a:b", headers: string[] = [], body = "") =>
  [
    `${method} ${uri} SIP/2.0`,
    "v:SIP/2.0/UDP h;rport",
    "f:a:b",
    "t:a:b",
    `i:${unique("")}`,
    `CSeq:1 ${method}`,
    ...headers,
    "",
    body,
  ].join("\r\n");
const contact = "m:<sip:a>";

const cases: [name: string, message: string, status: number | undefined][] = [
  ["OPTIONS", least("OPTIONS", "sip:a"), 200],
  ["REGISTER", least("REGISTER", "sip:a"), 405],
  ["MESSAGE", least("MESSAGE", "sip:a"), 404],
  ["INVITE that the handler refuses", least("INVITE", "sip:a", [contact]), 603],
  ["INVITE without Contact", least("INVITE", "sip:a", ["f:<sip:a>;tag=1"]).replace("f:a:b\r\n", ""), 400],
  ["BYE", least("BYE", "sip:a", ["t:<sip:a>;tag=1"]).replace("t:a:b\r\n", ""), 481],
  ["CANCEL", least("CANCEL", "sip:a"), 481],
  ["an unknown method", least("X", "sip:a"), 501],
  ["an unknown scheme", least("OPTIONS"), 416],
  ["an unknown extension", least("OPTIONS", "sip:a", ["Require:x"]), 420],
  ["an unknown body", least("INVITE", "sip:a", [contact, "c:x/y", "l:1"], "x"), 415],
  ["a body that nobody wants", least("MESSAGE", "sip:a", ["c:x/y", "l:1"], "x"), 415],
  ["an answer that cannot be read", least("INVITE", "sip:a", [contact, "Accept:x/y"]), 406],
  ["no session description", least("INVITE", "sip:a", [contact, "c:application/sdp", "l:3"], "v=1"), 400],
  ["another version", least("OPTIONS", "sip:a").replace("SIP/2.0", "SIP/3.0"), 505],
  ["a CSeq that is none", least("OPTIONS", "sip:a").replace("CSeq:1", "CSeq:x"), 400],
  ["hardly a request", "X a:b SIP/2.0\r\nv:SIP/2.0/UDP h;rport\r\n\r\n", 400],
  ["a request without Via", "OPTIONS sip:a SIP/2.0\r\n\r\n", undefined],
  ["garbage", "hello hello", undefined],
  ["a keep-alive", "\r\n\r\n", undefined],
  ["a response", "SIP/2.0 200 OK\r\nv:SIP/2.0/UDP h;rport\r\n\r\n", undefined],
  ["ACK", least("ACK", "sip:a"), undefined],
  ["STUN", "\0\x01\0\0\x21\x12\xa4\x42aaaaaaaaaaaa", undefined],
];

describe("at most three octets go out for one that comes in", () => {
  for (const [name, message, status] of cases)
    test(`${name}: ${status ?? "nothing"}`, async () => {
      const source = await UdpPeer.open(server.port.udp, "127.0.0.9");
      source.send(message);
      await peer.probe();
      await turns();
      expect(source.responses.map((response) => response.status)).toEqual(status === undefined ? [] : [status]);
      const out = source.received.reduce((sum, each) => sum + each.length, 0);
      expect(out / message.length).toBeLessThanOrEqual(3);
      source.close();
    });
});

test("a refused call is refused again when it comes again, and handled once", async () => {
  const source = await UdpPeer.open(server.port.udp, "127.0.0.9");
  const invite = source.compose("INVITE").bytes();
  const before = rejected.length;
  for (let i = 0; i < 3; i++) source.send(invite);
  await peer.probe();
  await turns();
  expect(source.responses.map(({ status }) => status)).toEqual([603, 603, 603]);
  expect(new Set(source.responses.map(({ to }) => to.tag)).size).toBe(1);
  expect(rejected.length).toBe(before + 1);
});
