/** What is done to a file while it plays, and recordings that end by themselves. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { g711 } from "../../src/media/codecs/g711.ts";
import { wavHeader } from "../../src/media/wav-writer.ts";
import { folder, loaded, octetOf, plain, quiet, sound, start } from "./virtual-session.ts";

/** A file whose frames have levels of their own: 1000, 2000, … */
async function stairs(frames: number): Promise<string> {
  const path = join(folder, `stairs-${frames}.wav`);
  const samples = Int16Array.from({ length: 160 * frames }, (_, i) => 1000 * (1 + Math.floor(i / 160)));
  await Bun.write(path, new Blob([wavHeader(1, samples.byteLength), samples]));
  return path;
}
/** Which stairs went out; 0 is silence. */
const steps = (heard: readonly number[]) =>
  heard.map((octet) => (octet === quiet ? 0 : [1, 2, 3, 4, 5, 6].find((step) => octetOf(1000 * step) === octet)));

describe("a file that plays", () => {
  test("is played as often as it is told", async () => {
    const { session, tick, heard, events } = start();
    const file = await stairs(2);
    session.play(1, file, { loop: 3 });
    await loaded();
    tick(7);
    expect(steps(heard())).toEqual([1, 2, 1, 2, 1, 2, 0]);
    expect(events).toEqual([{ type: "played", id: 1, file, reason: "end" }]);
  });

  test("is played without end until it is stopped", async () => {
    const { session, tick, heard, events } = start();
    session.play(1, await stairs(2), { loop: 0 });
    await loaded();
    tick(3000);
    expect(steps(heard()).filter((step) => step === 1).length).toBe(1500);
    expect(events).toEqual([]);
    session.stop();
    expect(events.map(({ type }) => type)).toEqual(["played"]);
  });

  test.each([
    [-6.0206, 4000],
    [6.0206, 16_000],
    [20, 32_767],
  ])("is %d dB louder than it is", async (volume, level) => {
    const { session, tick, heard } = start();
    session.play(1, await sound(8000, 3), { volume });
    await loaded();
    tick(3);
    for (const octet of heard()) expect(g711.PCMU.linear[octet] ?? 0).toBeWithin(level * 0.97, level * 1.03 + 1);
  });

  test("begins where it is told, is held, goes on, goes elsewhere, and ends beyond its end", async () => {
    const { session, tick, heard, events } = start();
    session.play(1, await stairs(6), { start: 40 });
    await loaded();
    tick(1);
    session.pause(true);
    tick(2);
    session.pause(false);
    tick(1);
    session.seek(0);
    tick(1);
    session.volume(-60);
    session.volume(0);
    session.seek(80);
    tick(1);
    session.seek(3_600_000);
    tick(1);
    expect(steps(heard())).toEqual([3, 0, 0, 4, 1, 5, 0]);
    expect(events.map(({ type }) => type)).toEqual(["played"]);
  });

  test("is another name for where it lies", async () => {
    const { session, tick, heard, events } = start();
    session.play(1, "https://example.com/stairs.wav", { path: await stairs(1) });
    await loaded();
    tick(2);
    expect(steps(heard())).toEqual([1, 0]);
    expect(events).toEqual([{ type: "played", id: 1, file: "https://example.com/stairs.wav", reason: "end" }]);
  });

  test("pausing, seeking and volume mean nothing when nothing plays", () => {
    const { session, tick, heard } = start();
    session.pause(true);
    session.seek(100);
    session.volume(3);
    tick(1);
    expect(heard()).toEqual([quiet]);
  });
});

describe("a recording", () => {
  /** Ticks of speech, then of silence, and how long the recording became, ms. */
  const recorded = async (speech: number, silence: number, options: { max?: number; silence?: number }) => {
    const { session, tick, receive, events } = start(plain);
    session.record(join(folder, "ends.wav"), "mono", options);
    const speaks = new Uint8Array(160).map((_, i) => octetOf(i % 2 === 0 ? 6000 : -6000));
    for (let i = 0; i < speech + silence; i++) {
      receive(i < speech ? speaks : new Uint8Array(160).fill(quiet));
      tick();
    }
    await session.close();
    const event = events.find(({ type }) => type === "recorded");
    return event?.type === "recorded" ? event.milliseconds : undefined;
  };

  test.each([
    ["as long as the call", 50, 50, {}, 2000, 2001],
    ["no longer than its time", 50, 50, { max: 500 }, 500, 501],
    // The other side is heard with the delay of the jitter buffer.
    ["until the other side has been silent long enough", 50, 100, { silence: 600 }, 1600, 1761],
    ["from the beginning, when nobody says anything", 0, 100, { silence: 600 }, 600, 601],
    ["whichever comes first", 100, 0, { max: 300, silence: 5000 }, 300, 301],
  ])("goes on %s", async (_, speech, silence, options, from, to) => {
    expect(await recorded(speech, silence, options)).toBeWithin(from, to);
  });
});
