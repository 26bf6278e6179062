import { describe, expect, test } from "bun:test";
import { parseVia } from "../../src/sip/via.ts";
import { responseTarget } from "../../src/transport/index.ts";

const source = { host: "198.51.100.7", port: 40_000 };

describe("responseTarget over UDP", () => {
  test.each([
    ["rport: back to the source port", "10.0.0.1:5060;rport", { host: "198.51.100.7", port: 40_000 }],
    ["rport with a value the peer made up", "10.0.0.1:5060;rport=9", { host: "198.51.100.7", port: 40_000 }],
    ["no rport: the port of sent-by at the source address", "192.0.2.1:5070", { host: "198.51.100.7", port: 5070 }],
    ["no port in sent-by: 5060", "client.example.com", { host: "198.51.100.7", port: 5060 }],
    ["a received that the peer made up", "192.0.2.1;received=203.0.113.9", { host: "198.51.100.7", port: 5060 }],
    ["maddr is not obeyed", "192.0.2.1;maddr=224.0.1.75;ttl=5", { host: "198.51.100.7", port: 5060 }],
    ["maddr with rport", "10.0.0.1;maddr=203.0.113.9;rport", { host: "198.51.100.7", port: 40_000 }],
    ["an IPv6 sent-by", "[2001:db8::9:1]:5080", { host: "198.51.100.7", port: 5080 }],
  ])("%s", (_what, sentBy, target) => {
    const via = parseVia(`SIP/2.0/UDP ${sentBy};branch=z9hG4bK1`);
    if (via === undefined) throw new RangeError(sentBy);
    expect(responseTarget(via, source, { reliable: false })).toEqual(target);
  });

  test.each([0, 65536, -1])("a port %d, which no packet can have, is not used", (port) => {
    expect(responseTarget({ port, params: { get: () => undefined } }, source, { reliable: false })).toEqual(source);
  });
});

describe("responseTarget over UDP, of a client behind a NAT that knows no rport", () => {
  test.each([
    ["10.1.0.11", "203.0.113.7", 34567],
    ["192.168.1.2", "2001:db8::7", 34567],
    ["10.1.0.11", "10.1.0.12", 5070],
    ["10.1.0.11", "127.0.0.1", 5070],
    ["198.51.100.1", "203.0.113.7", 5070],
    ["phone.example.com", "203.0.113.7", 5070],
  ])("sent-by %s, from %s: port %d", (sentBy, from, expected) => {
    const via = { host: sentBy, port: 5070, params: { get: () => undefined } };
    const target = { host: from, port: expected };
    expect(responseTarget(via, { host: from, port: 34567 }, { reliable: false })).toEqual(target);
  });
});

describe("responseTarget over a stream, when its connection is gone", () => {
  test.each([
    ["the port of sent-by, not the source's", "10.0.0.1:5070", { host: "198.51.100.7", port: 5070 }],
    ["5060 by default", "10.0.0.1", { host: "198.51.100.7", port: 5060 }],
    ["rport changes nothing", "10.0.0.1:5070;rport", { host: "198.51.100.7", port: 5070 }],
  ])("%s", (_what, sentBy, target) => {
    const via = parseVia(`SIP/2.0/TCP ${sentBy};branch=z9hG4bK1`);
    if (via === undefined) throw new RangeError(sentBy);
    expect(responseTarget(via, source, { reliable: true })).toEqual(target);
  });
});
