import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { decode, encode, g711 } from "../../src/media/codecs/g711.ts";
import { dataPath } from "../support/data.ts";

const reference: Record<string, unknown> = JSON.parse(readFileSync(dataPath("g711", "decode-tables.json"), "utf8"));
const laws = [
  { law: g711.PCMU, decoded: "ulaw_decode", silence: 0xff },
  { law: g711.PCMA, decoded: "alaw_decode", silence: 0xd5 },
];

describe("G.711", () => {
  for (const { law, decoded, silence } of laws) {
    test(`${law.name} decodes each octet as the reference does`, () => {
      expect<unknown>([...law.linear]).toEqual(reference[decoded]);
    });

    test(`${law.name} encodes every 16-bit sample to within one quantum`, () => {
      for (let sample = -32768; sample <= 32767; sample++) {
        const octet = law.octets[(sample >> 2) & 0x3fff] ?? -1;
        const back = law.linear[octet] ?? Number.NaN;
        const quantum = Math.max(16, Math.abs(back) / 16);
        if (Math.abs(sample) < 32636 && Math.abs(back - sample) > quantum)
          throw new Error(`${sample} became ${octet}, which is ${back}`);
      }
    });

    test(`${law.name} survives decoding and encoding again`, () => {
      const octets = Uint8Array.from({ length: 256 }, (_, i) => i);
      const samples = new Int16Array(256);
      const again = new Uint8Array(256);
      decode(law, octets, 0, samples, 256);
      encode(law, samples, again, 0, 256);
      // The one exception is PCMU's negative zero.
      if (law.name === "PCMU") octets[0x7f] = 0xff;
      expect(again).toEqual(octets);
    });

    test(`${law.name} has its silence at 0x${silence.toString(16)}`, () => {
      expect(law.silence).toBe(silence);
    });
  }
});
