/** STUN on a SIP port: who asks for the address under which he is seen is told, as RFC 5769's vectors write it. */
import { describe, expect, test } from "bun:test";
import { answerStun, isStun } from "../../src/sip/stun.ts";
import { dataBytes } from "../support/data.ts";
import { below, seeded } from "../support/random.ts";

const source = { host: "192.0.2.1", port: 32853 };
const hex = (octets: Uint8Array | undefined) =>
  octets === undefined ? undefined : Buffer.from(octets).toString("hex");
const cookie = "2112a442";
const id = "b7e7a701bc34d686fa87dfae";
const request = (attributes = "", type = "0001") =>
  Buffer.from(`${type}${(attributes.length / 2).toString(16).padStart(4, "0")}${cookie}${id}${attributes}`, "hex");

/** The XOR-MAPPED-ADDRESS of a message, as it stands there. */
function mapped(octets: Uint8Array): string | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  for (let at = 20; at < octets.length; at += 4 + ((view.getUint16(at + 2) + 3) & ~3))
    if (view.getUint16(at) === 0x20) return hex(octets.subarray(at, at + 4 + view.getUint16(at + 2)));
  return undefined;
}

describe("the answer to a Binding request", () => {
  test.each([
    ["2.2-ipv4", source],
    ["2.3-ipv6", { host: "2001:db8:1234:5678:11:2233:4455:6677", port: 32853 }],
  ])("tells the address as RFC 5769 §%s writes it", (vector, seen) => {
    const expected = dataBytes("stun", `rfc5769-${vector}-response.bin`);
    const answer = answerStun(request(), seen);
    expect(answer === undefined ? undefined : mapped(answer)).toBe(mapped(expected));
    expect(hex(answer)?.slice(0, 4)).toBe("0101");
    expect(hex(answer)?.slice(8, 40)).toBe(cookie + id);
  });

  test("passes over attributes that need not be understood, and credentials that nobody asked for", () => {
    const optional = "8022000474657374";
    const username = "000600036162630080280004deadbeef";
    expect(mapped(answerStun(request(optional + username), source) ?? request())).toBe("002000080001a147e112a643");
  });

  test("names what had to be understood and is not: 420", () => {
    const answer = answerStun(request("002400046e0001ff".repeat(9)), source);
    expect(hex(answer)).toBe(`01110014${cookie}${id}000900040000${"0414"}000a0008${"0024".repeat(4)}`);
    expect(answer?.length).toBeLessThanOrEqual(3 * 20);
  });
});

test.each([
  ["an answer", request("", "0101")],
  ["an indication", request("", "0011")],
  ["another method", request("", "0003")],
  ["one that is cut short", request("80220004746573").subarray(0, 26)],
  ["one whose attribute is longer than itself", request("80220044746573ff")],
  ["one of another length than it says", Buffer.concat([request(), Buffer.alloc(4)])],
])("%s is not answered", (_name, octets) => {
  expect(isStun(octets)).toBe(true);
  expect(answerStun(octets, source)).toBeUndefined();
});

test("SIP is no STUN", () => {
  expect(isStun(Buffer.from("REGISTER sip:example.com SIP/2.0\r\n"))).toBe(false);
});

test("whatever comes, no answer is larger than three times the request (seeded, 1 s at most)", () => {
  const random = seeded(5389);
  const end = performance.now() + 1000;
  for (let run = 0; run < 50_000 && performance.now() < end; run++) {
    const octets = request(
      Buffer.from(Array.from({ length: 4 * below(random, 12) }, () => below(random, 256))).toString("hex"),
    );
    if (random() < 0.3) octets[below(random, octets.length)] = below(random, 256);
    const host = random() < 0.5 ? "192.0.2.1" : "2001:db8::1";
    const answer = answerStun(octets, { host, port: below(random, 65536) });
    if (answer !== undefined) expect(answer.length).toBeLessThanOrEqual(3 * octets.length);
  }
});
