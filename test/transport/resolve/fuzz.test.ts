/** Replies of strangers: whatever comes, reading it ends soon, throws nothing, and gives nothing that is no name or address. */
import { expect, test } from "bun:test";
import { type Answer, encode } from "dns-packet";
import { isHostName } from "../../../src/sip/host.ts";
import { ipFamily } from "../../../src/transport/address.ts";
import type { RecordType } from "../../../src/transport/resolve/index.ts";
import { encodeQuery, type Meaning, maxReply, readReply, withId } from "../../../src/transport/resolve/message.ts";
import { soa } from "../../support/dns.ts";
import { below, pick, seeded } from "../../support/random.ts";

const name = "www.example.com";
const types: readonly RecordType[] = ["A", "AAAA", "SRV", "NAPTR"];
const answers: readonly Answer[] = [
  { type: "A", name, ttl: 60, data: "192.0.2.1" },
  { type: "AAAA", name, ttl: 60, data: "2001:db8::1" },
  { type: "SRV", name, ttl: 60, data: { priority: 1, weight: 2, port: 5060, target: "sip.example.com" } },
  {
    type: "NAPTR",
    name,
    ttl: 60,
    data: {
      order: 1,
      preference: 2,
      flags: "s",
      services: "SIP+D2U",
      regexp: "",
      replacement: "_sip._udp.example.com",
    },
  },
  { type: "CNAME", name, ttl: 60, data: "alias.example.com" },
  { type: "TXT", name, ttl: 60, data: "text" },
];

function query(type: RecordType): Uint8Array {
  return withId(encodeQuery(name, type, true) ?? new Uint8Array(0), 0x1234);
}

function isSound(meaning: Meaning): boolean {
  if (meaning.kind === "alias") return isHostName(meaning.name) && meaning.ttl >= 0;
  if (meaning.kind !== "records") return true;
  return (
    meaning.records.length <= 32 &&
    meaning.ttl >= 0 &&
    meaning.ttl <= 0x7fffffff &&
    meaning.records.every((record) => {
      if ("address" in record) return ipFamily(record.address) === (record.type === "A" ? 4 : 6);
      const target = record.type === "SRV" ? record.target : record.replacement;
      return target === "." || isHostName(target);
    })
  );
}

test("replies with octets changed, cut off or added are read or refused soon", () => {
  const random = seeded(20);
  const end = performance.now() + 1500;
  let slowest = 0;
  for (let count = 0; performance.now() < end && count < 20_000; count++) {
    const began = performance.now();
    const type = pick(random, types);
    const packet = encode({
      type: "response",
      id: 0x1234,
      questions: [{ type, name }],
      answers: Array.from({ length: below(random, 8) }, () => pick(random, answers)),
      authorities: random() < 0.3 ? [soa(60)] : [],
    });
    for (let n = below(random, 6); n > 0; n--) packet[12 + below(random, packet.length - 12)] = below(random, 256);
    if (random() < 0.2) packet[6 + below(random, 6)] = below(random, 256);
    const cut = random() < 0.2 ? packet.subarray(0, below(random, packet.length)) : packet;
    const meaning = readReply(cut, query(type), name, type);
    slowest = Math.max(slowest, performance.now() - began);
    if (!isSound(meaning)) throw new TypeError(`unsound: ${cut.toString("hex")} gives ${JSON.stringify(meaning)}`);
  }
  expect(slowest).toBeLessThan(100);
});

/** A head that claims `count` answers, with the question of `query`, and `octets` behind it. */
function forged(type: RecordType, count: number, octets: Uint8Array): Uint8Array {
  const head = Buffer.from(query(type));
  head[2] = 0x84;
  head[3] = 0;
  head.writeUInt16BE(count, 6);
  head.writeUInt16BE(0, 10);
  return Buffer.concat([head.subarray(0, 12 + name.length + 2 + 4), octets]).subarray(0, maxReply);
}

const record = (owner: number[], type: number, rdata: number[]) => [
  ...owner,
  ...[0, type, 0, 1, 0, 0, 0, 60],
  ...[rdata.length >> 8, rdata.length & 255],
  ...rdata,
];
const repeated = (octets: number[], count: number) =>
  Uint8Array.from(Array.from({ length: count }, () => octets).flat());
/** 127 labels of one octet each: the longest name there is to read. */
const longName = [...Array.from({ length: 126 }, () => [1, 0x61]).flat(), 0];
const pointer = [0xc0, 12];

const bombs: [what: string, octets: Uint8Array][] = [
  ["as many answers as a head can claim", forged("A", 65_535, new Uint8Array(16_000))],
  ["names that point at themselves", forged("A", 150, repeated(record([0xc0, 33], 1, [1, 2, 3, 4]), 150))],
  ["hundreds of the longest names", forged("SRV", 150, repeated(record(longName, 5, longName), 30))],
  [
    "hundreds of pointers to a long name",
    forged(
      "SRV",
      399,
      Uint8Array.from([
        ...record(pointer, 5, longName),
        ...repeated(record([0xc0, 45], 33, [0, 1, 0, 1, 0, 1, 0xc0, 45]), 148),
      ]),
    ),
  ],
  [
    "labels with dots, slashes and zeros in them",
    forged("SRV", 1, Uint8Array.from(record(pointer, 33, [0, 1, 0, 1, 19, 196, 4, 0x2e, 0x2f, 0, 0x2e, 0]))),
  ],
  [
    "a record that is longer than the message",
    forged("A", 1, Uint8Array.from([...pointer, 0, 1, 0, 1, 0, 0, 0, 60, 0xff, 0xff, 1])),
  ],
];
test.each(bombs)("%s: read within 30 ms, and nothing unsound comes of it", (_, octets) => {
  for (const type of types) readReply(octets, query(type), name, type);
  // Of the processor, which others may be using as well.
  const began = process.cpuUsage();
  const meaning = readReply(octets, query("SRV"), name, "SRV");
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1000).toBeLessThan(30);
  expect(isSound(meaning)).toBe(true);
});
