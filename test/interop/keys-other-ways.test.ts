/** Keys that SIPp sends by INFO, and as tones in G.711 20 dB below full scale, reach a script in the binary. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { encode, g711 } from "../../src/media/codecs/g711.ts";
import { columnTones, keypad, rowTones } from "../../src/media/dtmf-tone.ts";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { sipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { handlers } from "./handlers/scripts.ts";

/** Keys of 100 ms, 100 ms apart, with both tones together 20 dB below full scale. */
function tones(keys: string): Int16Array {
  const amplitude = 3277 / 2;
  return Int16Array.from({ length: 1600 * keys.length }, (_, n) => {
    const key = keys.charAt(Math.floor(n / 1600));
    const row = keypad.findIndex((names) => names.includes(key));
    const column = keypad[row]?.indexOf(key) ?? 0;
    const at = (2 * Math.PI * (n % 1600)) / 8000;
    if (n % 1600 >= 800) return 0;
    return amplitude * (Math.sin(at * (rowTones[row] ?? 0)) + Math.sin(at * (columnTones[column] ?? 0)));
  });
}

describe.skipIf(!has("sipp"))("keys", () => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({
      config: 'routes: [{ to: "keys@*", script: keys.ts }]',
      files: { "keys.ts": handlers.keys },
    });
  });
  afterAll(async () => void (await server.stop()));
  const heard = (from: number) =>
    server.program.stderr.slice(from).flatMap((line) => /key (.) for/.exec(line)?.[1] ?? []);

  test("by INFO in each form; what is none is refused with 415", async () => {
    const before = server.program.stderr.length;
    const run = await sipp({ scenario: "uac-info", service: "keys", remote: server.address });
    expect(run.errors).toBe("");
    expect(run.code).toBe(0);
    expect(heard(before)).toEqual(["1", "2", "#"]);
  });

  test.each([
    ["PCMU", 0],
    ["PCMA", 8],
  ] as const)("as tones in %s at -20 dB", async (codec, type) => {
    const before = server.program.stderr.length;
    const keys = "123A456B789C*0#D";
    const samples = tones(keys);
    const octets = new Uint8Array(samples.length);
    encode(g711[codec], samples, octets, 0, samples.length);
    const file = join(temporaryFolder("tones"), "tones.raw");
    await Bun.write(file, octets);
    const run = await sipp({
      scenario: "uac-talks",
      service: "keys",
      remote: server.address,
      values: { codec, type: `${type}`, wav: file, pause: "8000" },
    });
    expect(run.code).toBe(0);
    // SIPp says the file again and again. A busy machine may keep it from saying all of it once, and not twice.
    expect(heard(before).join("")).toContain(keys);
  });
});
