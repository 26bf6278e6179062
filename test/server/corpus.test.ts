/**
 * Messages of other projects' tests, of RFCs, of attacks and of real devices, at a server: each is answered as its syntax
 * asks, responses and ACKs never, and what two trusted systems accept is not refused as malformed.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { parseMessage } from "../../src/sip/message.ts";
import { dataBytes, dataJson, dataPath } from "../support/data.ts";
import { overTcp, overUdp, renewed } from "../support/exchange.ts";
import { openServer, stopAll, type TestServer } from "../support/server.ts";
import { UdpPeer } from "../support/udp-peer.ts";
import { isRow, verdict } from "../support/verdict.ts";

/** Requests whose header fields can be read and that get 400 nevertheless. The two systems accept some of them. */
const refused: Readonly<Record<string, string>> = {
  "advisories/messages/ES2018-03-sdp-fmt-overflow.sip": "the SDP has a payload type of 2^32",
  "advisories/messages/ES2020-04-sdp-connection-512.sip": "the SDP's address has 512 digits",
  "sofia-sip/sip/test14-req.txt": "an INVITE without Contact, which RFC 3261 §8.1.1.8 demands (and a port of 492170)",
  "resiprocate/sip/testSipMessage_cxx-L2473.sip": "an INVITE without Contact, which RFC 3261 §8.1.1.8 demands",
};

const folders: readonly [folder: string, pattern: RegExp][] = [
  ["rfc5118/crlf_fixed", /./],
  ["advisories/messages", /\.sip$/],
  ["vendor-excerpts", /\.sip$/],
  ["kamailio/sip", /./],
  ["osip/res", /^sip-?[a-z]*\d+$/],
  ["sofia-sip/sip", /./],
  ["resiprocate/sip", /./],
  ["rfc-flows/rfc3261", /\.sip$/],
  ["rfc-flows/rfc3665", /\.sip$/],
  ["pjproject/literals/sip", /./],
];
const filesOf = (folder: string, pattern: RegExp) =>
  readdirSync(dataPath(folder))
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);

let marks = 0;
const octetsOf = (file: string) => renewed(dataBytes(...file.split("/")), `n${++marks}`);

let server: TestServer;
let peer: UdpPeer;
beforeAll(async () => {
  server = await openServer();
  peer = await UdpPeer.open(server.port.udp);
});
afterAll(stopAll);

/** The request's method; undefined for what is not to be answered, or cannot be. */
function answerable(octets: Uint8Array, way: "udp" | "tcp"): string | undefined {
  const message = parseMessage(octets, "datagram");
  const request = message.type === "failure" ? message.request : message;
  if (request?.type !== "request" || request.method === "ACK") return undefined;
  // Over UDP a response without Via would answer nobody.
  return way === "udp" && request.lines.find("via") < 0 ? undefined : request.method;
}

const anchors = dataJson("oracle", "anchor-replies.json");
const accepts = (reply: unknown) => typeof reply === "string" && /^(2|404|481|482|501)/.test(reply);
function bothAccept(file: string): boolean {
  const replies = isRow(anchors) ? anchors[file] : undefined;
  return isRow(replies) && accepts(replies.kamailio) && accepts(replies.baresip);
}

/** More does not fit into a datagram. */
const largest = 65_507;

describe("over UDP", () => {
  for (const [folder, pattern] of folders)
    for (const file of filesOf(folder, pattern).filter((each) => octetsOf(each).length <= largest)) {
      const octets = octetsOf(file);
      const method = answerable(octets, "udp");
      const syntax = verdict(octets);
      const expected =
        method === undefined
          ? "no answer"
          : file in refused
            ? "400"
            : syntax === "accept"
              ? "another answer than 400"
              : syntax;
      test(`${file}: ${expected}`, async () => {
        const { statuses } = await overUdp(peer, server.port.udp, octets);
        expect(statuses.length).toBe(method === undefined ? 0 : 1);
        const got = String(statuses[0] ?? "no answer");
        if (expected === "another answer than 400") expect(got).toMatch(/^(200|405|406|415|416|420|481|482|488|501)$/);
        else expect(got).toBe(expected);
        if (method !== undefined && bothAccept(file) && !(file in refused)) expect(got).not.toBe("400");
      });
    }
});

describe("over TCP, each on a connection of its own", () => {
  for (const [folder, pattern] of folders)
    test(`${folder}: a datagram's answer, or none where the stream waits for more`, async () => {
      for (const file of filesOf(folder, pattern)) {
        const octets = octetsOf(file);
        const { statuses } = await overTcp(peer, server.port.tcp, octets);
        if (answerable(octets, "tcp") === undefined) expect({ file, statuses }).toEqual({ file, statuses: [] });
        for (const status of statuses)
          expect([200, 400, 405, 406, 415, 416, 420, 481, 482, 488, 501, 505, 513]).toContain(status);
      }
      expect((await peer.probe()).status).toBe(200);
    });
});

describe("over TCP, octet by octet", () => {
  for (const [folder, pattern] of folders.slice(0, 2))
    test(`${folder}: what the whole message got`, async () => {
      for (const file of filesOf(folder, pattern)) {
        const whole = await overTcp(peer, server.port.tcp, octetsOf(file));
        const cut = await overTcp(peer, server.port.tcp, octetsOf(file), { segments: "octets" });
        expect({ file, statuses: cut.statuses }).toEqual({ file, statuses: whole.statuses });
      }
    });
});

test("no message was a fault of ours, and no call is left", () => {
  expect(server.log.filter((line) => line.includes(" error "))).toEqual([]);
  expect(server.server.calls.size).toBe(0);
});
