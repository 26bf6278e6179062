/** GATHER with speech: keys or words, whichever the other side begins with. */
import { describe, expect, test } from "bun:test";
import { type RecognizerEvents, type Speech, SpeechError } from "../../src/speech/index.ts";
import { AudibleCall } from "../support/audible-call.ts";

const loud = new Uint8Array(new Int16Array(320).map((_, i) => (i % 16 < 8 ? 5000 : -5000)).buffer);
const silent = new Uint8Array(640);

function gathering(options: { before?: string; failure?: SpeechError } = {}) {
  const told: string[] = [];
  let events: RecognizerEvents | undefined;
  const speech: Speech = {
    say: () => Promise.reject(new SpeechError("no-engine", "nobody speaks")),
    recognize: (_, heard) => {
      if (options.failure !== undefined) throw options.failure;
      told.push("start");
      events = heard;
      return { write: () => {}, end: () => void told.push("end"), cancel: () => void told.push("cancel") };
    },
    close: () => {},
  };
  const call = new AudibleCall({ speech });
  const { session } = call.media;
  const press = (digit: string) => session.listener({ type: "dtmf", digit, duration: 100 });
  for (const digit of options.before ?? "") press(digit);
  const gather = call.perform({ name: "GATHER", speech: true, max: 4, timeout: 5000, interdigit: 2000 });
  const hear = (frame: Uint8Array, count: number) => {
    for (let i = 0; i < count; i++) session.taps[0]?.sound(frame);
  };
  return { call, gather, told, press, hear, clock: call.bench.clock, engine: () => events };
}

describe("GATHER with speech", () => {
  test("takes words, and is patient while they are spoken", () => {
    const { call, gather, told, hear, clock, engine } = gathering();
    hear(silent, 10);
    hear(loud, 10);
    clock.advance(20_000);
    expect(gather.outcome).toBeUndefined();
    hear(silent, 50);
    engine()?.done("the office", 0.7);
    expect(gather.outcome).toEqual({ ok: true, value: { digits: "", reason: "speech", speech: "the office" } });
    expect(told).toEqual(["start", "end"]);
    expect(call.events.slice(-2)).toEqual([
      { name: "SPEECH", final: true, text: "the office" },
      { name: "GATHERED", digits: "", reason: "speech" },
    ]);
  });

  test("takes keys, and listens no more after the first", () => {
    const { gather, told, press } = gathering();
    press("1");
    expect(told).toEqual(["start", "cancel"]);
    press("2");
    press("#");
    expect(gather.outcome).toEqual({ ok: true, value: { digits: "12", reason: "terminator" } });
  });

  test("does not listen where keys were pressed before", () => {
    const { gather, told, clock } = gathering({ before: "1" });
    expect(told).toEqual([]);
    clock.advance(2000);
    expect(gather.outcome).toEqual({ ok: true, value: { digits: "1", reason: "timeout" } });
  });

  test("ends by time where nothing comes", () => {
    const { gather, told, clock } = gathering();
    clock.advance(5000);
    expect(gather.outcome).toEqual({ ok: true, value: { digits: "", reason: "timeout" } });
    expect(told).toEqual(["start", "cancel"]);
  });

  test("goes on with keys when the engine fails", () => {
    const { call, gather, press, engine } = gathering();
    engine()?.failed("it broke");
    expect(call.events.at(-1)).toEqual({ name: "ERROR", command: "GATHER", reason: "it broke" });
    for (const digit of "1234") press(digit);
    expect(gather.outcome).toEqual({ ok: true, value: { digits: "1234", reason: "count" } });
  });

  test("fails where nobody can listen, and another may follow", () => {
    const { call, gather } = gathering({ failure: new SpeechError("no-engine", "no engine") });
    expect(gather.outcome).toEqual({ ok: false, failure: { command: "GATHER", reason: "no engine" } });
    expect(call.perform({ name: "GATHER" }).outcome).toBeUndefined();
  });

  test("ends with the call", () => {
    const { call, gather, told } = gathering();
    call.hangUp();
    expect(gather.outcome).toMatchObject({ ok: false, failure: { reason: "the call is over" } });
    expect(told).toEqual(["start", "cancel"]);
  });
});
