/** RFC 4475 at a server: each message whole over UDP, whole over TCP and octet by octet, and never a stop. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dataBytes, dataJson } from "../support/data.ts";
import { overTcp, overUdp } from "../support/exchange.ts";
import { openServer, stopAll, type TestServer } from "../support/server.ts";
import { UdpPeer } from "../support/udp-peer.ts";
import { rows, text } from "../support/verdict.ts";

const torture = rows(dataJson("rfc4475", "manifest.json"), "messages");

/** What we answer where the RFC leaves a choice, does not say, or means another kind of server; and why. */
const answers: Readonly<Record<string, readonly [status: number, why: string]>> = {
  wsinv: [481, "its To tag names a dialog that is not there"],
  esc01: [200, "a well-formed call"],
  longreq: [200, "a well-formed call"],
  escnull: [405, "no registrar is configured"],
  dblreq: [405, "no registrar is configured"],
  cparam01: [405, "no registrar is configured"],
  cparam02: [405, "no registrar is configured"],
  regescrt: [405, "no registrar is configured"],
  unksm2: [405, "no registrar is configured, which would answer 400"],
  lwsstart: [200, "the extra spaces are dropped while parsing"],
  trws: [200, "the trailing spaces are dropped while parsing"],
  baddate: [200, "the Date does not matter to a call"],
  badaspec: [200, "spaces inside the brackets cannot be taken for anything else"],
};

/** What a stream makes of it instead: a datagram ends the message, a connection does not. */
const overStreams: Readonly<Record<string, readonly [statuses: readonly number[], why: string]>> = {
  clerr: [[], "waits for the octets that Content-Length promises, until the peer ends"],
  baddn: [[], "waits for the empty line, until the peer ends"],
  dblreq: [[405, 400], "what follows is a second message, and a bad one: it has no Contact"],
};

const servers: Record<"udp" | "tcp" | "octets", TestServer | undefined> = {
  udp: undefined,
  tcp: undefined,
  octets: undefined,
};
const peers = new Map<TestServer, UdpPeer>();
beforeAll(async () => {
  // One each: the same message again would be a retransmission.
  for (const way of ["udp", "tcp", "octets"] as const) {
    const server = await openServer();
    servers[way] = server;
    peers.set(server, await UdpPeer.open(server.port.udp));
  }
});
afterAll(stopAll);

async function send(way: "udp" | "tcp" | "octets", octets: Uint8Array): Promise<number[]> {
  const server = servers[way];
  const peer = server === undefined ? undefined : peers.get(server);
  if (server === undefined || peer === undefined) throw new TypeError("no server");
  const { statuses } =
    way === "udp"
      ? await overUdp(peer, server.port.udp, octets)
      : await overTcp(peer, server.port.tcp, octets, { segments: way === "tcp" ? "whole" : "octets" });
  expect((await peer.probe()).status).toBe(200);
  return statuses;
}

describe("RFC 4475", () => {
  test("all 49 messages are there", () => expect(torture.length).toBe(49));

  for (const row of torture) {
    const name = text(row, "name");
    const octets = dataBytes("rfc4475", text(row, "file"));
    const allowed = Array.isArray(row.uas) ? row.uas.map(Number) : [];
    const isRequest = text(row, "kind") === "request";
    const ours = answers[name]?.[0];
    const expected = !isRequest ? [] : ours === undefined ? allowed : [ours];
    const said = expected.length === 0 ? "no answer" : expected.join(" or ");
    for (const way of ["udp", "tcp", "octets"] as const)
      test(`${text(row, "section")} ${name}, ${way}: ${said}`, async () => {
        const statuses = await send(way, octets);
        const stream = way === "udp" ? undefined : overStreams[name];
        if (stream !== undefined) return expect(statuses).toEqual([...stream[0]]);
        expect(statuses.length).toBe(isRequest ? 1 : 0);
        if (isRequest) expect(expected).toContain(statuses[0] ?? 0);
      });
  }
});
