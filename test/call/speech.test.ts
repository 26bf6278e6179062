/** SAY and RECOGNIZE in a call whose audio and engines are fakes: events, outcomes, and their order. */
import { describe, expect, test } from "bun:test";
import {
  type RecognizeOptions,
  type RecognizerEvents,
  type SayOptions,
  type Speech,
  SpeechError,
  type Spoken,
} from "../../src/speech/index.ts";
import { AudibleCall } from "../support/audible-call.ts";
import { until } from "../support/peers/until.ts";

class FakeSpeech implements Speech {
  readonly texts: { text: string; options: SayOptions; signal: AbortSignal; speak: (spoken: Spoken) => void }[] = [];
  released = 0;
  readonly told: string[] = [];
  events: RecognizerEvents | undefined;
  failure: SpeechError | undefined;

  say(text: string, options: SayOptions, signal: AbortSignal): Promise<Spoken> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((speak) => this.texts.push({ text, options, signal, speak }));
  }
  spoken(): void {
    this.texts.shift()?.speak({ file: "/tmp/said.wav", release: () => void this.released++ });
  }
  recognize(options: RecognizeOptions, events: RecognizerEvents) {
    if (this.failure !== undefined) throw this.failure;
    this.told.push(`start ${options.language ?? ""}`);
    this.events = events;
    return {
      write: () => {},
      end: () => void this.told.push("end"),
      cancel: () => void this.told.push("cancel"),
    };
  }
  close(): void {}
}

function speaking() {
  const speech = new FakeSpeech();
  const call = new AudibleCall({ speech });
  return { speech, call, session: call.media.session };
}
const played = async (call: AudibleCall) => {
  const line = await until("play", () => call.media.session.told.find((one) => one.startsWith("play ")));
  return Number(line.split(" ")[1]);
};

describe("SAY", () => {
  test("plays what the engine made, and tells SAID, not the file", async () => {
    const { speech, call, session } = speaking();
    const say = call.perform({ name: "SAY", text: "hello", voice: "anna", language: "en" });
    expect(speech.texts[0]?.options).toEqual({ voice: "anna", language: "en", engine: undefined });
    speech.spoken();
    const id = await played(call);
    expect(say.outcome).toBeUndefined();
    session.listener({ type: "played", id, file: "/tmp/said.wav", reason: "end" });
    expect(say.outcome).toEqual({ ok: true });
    expect(call.events).toEqual([{ name: "SAID", text: "hello" }]);
    expect(speech.released).toBe(1);
  });

  test("is stopped by STOP while the engine still works", () => {
    const { speech, call, session } = speaking();
    session.take();
    const say = call.perform({ name: "SAY", text: "hello" });
    call.perform({ name: "STOP" });
    expect(say.outcome).toEqual({ ok: true });
    expect(speech.texts[0]?.signal.aborted).toBe(true);
    expect(call.names).toEqual(["SAID"]);
    expect(session.take()).toEqual([]);
  });

  test("is stopped by STOP like a file while it plays", async () => {
    const { speech, call, session } = speaking();
    call.perform({ name: "SAY", text: "hello" });
    speech.spoken();
    await played(call);
    call.perform({ name: "STOP" });
    expect(session.told.at(-1)).toBe("stop");
  });

  test("that comes late finds nobody", async () => {
    const { speech, call, session } = speaking();
    const say = call.perform({ name: "SAY", text: "hello" });
    call.hangUp();
    expect(say.outcome).toMatchObject({ ok: false, failure: { reason: "the call is over" } });
    speech.spoken();
    await until("release", () => speech.released === 1);
    expect(session.told.some((line) => line.startsWith("play"))).toBe(false);
  });

  test("that fails says why", async () => {
    const { speech, call } = speaking();
    speech.failure = new SpeechError("no-engine", "no engine can do it");
    const say = call.perform({ name: "SAY", text: "hello" });
    expect(await until("outcome", () => say.outcome)).toEqual({
      ok: false,
      failure: { command: "SAY", reason: "no engine can do it" },
    });
  });

  test("is not there without engines", () => {
    const call = new AudibleCall();
    expect(call.perform({ name: "SAY", text: "x" }).outcome).toMatchObject({ ok: false });
    expect(call.perform({ name: "RECOGNIZE" }).outcome).toMatchObject({ ok: false });
  });
});

const loud = new Uint8Array(new Int16Array(320).map((_, i) => (i % 16 < 8 ? 5000 : -5000)).buffer);
const silent = new Uint8Array(640);

describe("RECOGNIZE", () => {
  const listening = () => {
    const parts = speaking();
    const recognize = parts.call.perform({ name: "RECOGNIZE", language: "en", timeout: 1000, silence: 400 });
    const hear = (frame: Uint8Array, count: number) => {
      for (let i = 0; i < count; i++) parts.session.taps[0]?.sound(frame);
    };
    return { ...parts, recognize, hear };
  };

  test("tells when speech begins, what is understood, and gives the whole", () => {
    const { speech, call, session, recognize, hear } = listening();
    expect(session.take()).toEqual(["tap L16 16000"]);
    hear(silent, 10);
    hear(loud, 20);
    speech.events?.partial("call");
    hear(silent, 20);
    expect(speech.told).toEqual(["start en", "end"]);
    expect(session.take()).toEqual(["close tap"]);
    speech.events?.done("call me", 0.8);
    expect(recognize.outcome).toEqual({ ok: true, value: { text: "call me", reason: "speech", confidence: 0.8 } });
    expect(call.events).toEqual([
      { name: "SPEAKING" },
      { name: "SPEECH", final: false, text: "call" },
      { name: "SPEECH", final: true, text: "call me" },
    ]);
  });

  test("ends where nobody speaks", () => {
    const { speech, recognize, hear } = listening();
    hear(silent, 50);
    expect(recognize.outcome).toEqual({ ok: true, value: { text: "", reason: "timeout" } });
    expect(speech.told).toEqual(["start en", "cancel"]);
  });

  test("ends with the call, and with its engine", () => {
    const one = listening();
    one.call.hangUp();
    expect(one.recognize.outcome).toMatchObject({ ok: false, failure: { reason: "the call is over" } });
    expect(one.speech.told).toEqual(["start en", "cancel"]);
    const other = listening();
    other.speech.events?.failed("it broke");
    expect(other.recognize.outcome).toEqual({ ok: false, failure: { command: "RECOGNIZE", reason: "it broke" } });
    // Then another may follow.
    expect(other.call.perform({ name: "RECOGNIZE" }).outcome).toBeUndefined();
  });

  test("is one at a time, and fails where no engine is free", () => {
    const { call, speech } = listening();
    expect(call.perform({ name: "RECOGNIZE" }).outcome).toMatchObject({ ok: false });
    const next = speaking();
    next.speech.failure = new SpeechError("busy", "too many");
    expect(next.call.perform({ name: "RECOGNIZE" }).outcome).toMatchObject({
      ok: false,
      failure: { reason: "too many" },
    });
    expect(speech.told).toEqual(["start en"]);
  });
});
