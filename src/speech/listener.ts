/** Sound to texts, by a program that reads it as it comes, or by an HTTP endpoint that gets it as a whole. */
import { tmpdir } from "node:os";
import { chooseEngine, commandLine, enginesFor } from "./engines.ts";
import { readAll, startEngine } from "./process.ts";
import {
  type EngineSettings,
  type RecognizeOptions,
  type Recognizer,
  type RecognizerEvents,
  SpeechError,
  type SpeechSettings,
} from "./types.ts";

/** ms that an engine may take from the end of the sound to its last word. */
const patience = 15_000;
/** Octets of sound for one request: two minutes; and of an engine's answers. */
const maxSound = 2 * 60 * 32_000;
const maxAnswer = 1 << 20;
const maxText = 16_384;
const rate = 16_000;

/** What an engine said: text that replaces what is not final yet. */
interface Answer {
  readonly text: string;
  readonly final: boolean;
  readonly confidence: number | undefined;
}

export class Listener {
  readonly #settings: SpeechSettings;
  readonly #engines: readonly EngineSettings[];
  readonly #running = new Set<Recognizer>();

  constructor(settings: SpeechSettings) {
    this.#settings = settings;
    this.#engines = enginesFor("recognize", settings.recognize, (program) => Bun.which(program));
  }

  recognize(options: RecognizeOptions, events: RecognizerEvents): Recognizer {
    const engine = chooseEngine("recognize", this.#engines, options.engine);
    if (this.#running.size >= this.#settings.atOnce)
      throw new SpeechError("busy", `${this.#settings.atOnce} recognitions are running already`);
    const language = options.language ?? engine.language;
    const heard: RecognizerEvents = {
      partial: events.partial,
      done: (text, confidence) => {
        this.#running.delete(recognizer);
        events.done(text, confidence);
      },
      failed: (reason) => {
        this.#running.delete(recognizer);
        events.failed(reason);
      },
    };
    const started =
      engine.command === undefined
        ? byRequest(engine, language, heard)
        : byCommand(engine, language, this.#settings.folder ?? tmpdir(), heard);
    const recognizer: Recognizer = {
      ...started,
      cancel: () => {
        this.#running.delete(recognizer);
        started.cancel();
      },
    };
    this.#running.add(recognizer);
    return recognizer;
  }

  close(): void {
    for (const recognizer of [...this.#running]) recognizer.cancel();
  }
}

/** A program that reads sound and writes lines: JSON with `text`, and `final` false for what may change; or plain text. */
function byCommand(engine: EngineSettings, language: string, folder: string, events: RecognizerEvents): Recognizer {
  const line = commandLine(engine.command ?? [], { language, voice: engine.voice });
  const child = startEngine(line, folder);
  let over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const finals: string[] = [];
  let confidence: number | undefined;
  const finish = (tell: () => void) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    child.kill();
    tell();
  };
  const take = (text: string) => {
    const answer = readAnswer(text);
    if (over || answer === undefined) return;
    const so = [...finals, answer.text].join(" ").trim().slice(0, maxText);
    if (answer.final) {
      finals.push(answer.text);
      confidence = answer.confidence ?? confidence;
    }
    if (so !== "") events.partial(so);
  };
  const read = async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = (lines.pop() ?? "").slice(-maxAnswer);
      for (const one of lines) take(one);
    }
    take(rest);
  };
  Promise.all([read(), child.ended]).then(
    () => finish(() => events.done(finals.join(" ").trim().slice(0, maxText), confidence)),
    (error: unknown) => finish(() => events.failed(error instanceof Error ? error.message : String(error))),
  );
  return {
    write: (sound) => {
      if (!over) child.stdin.write(sound.slice());
    },
    end: () => {
      child.stdin.end();
      timer = setTimeout(() => finish(() => events.failed(`${engine.name} takes too long`)), patience);
    },
    cancel: () => finish(() => {}),
  };
}

/** An endpoint that is posted a WAV and answers with JSON that has `text`, or with plain text. */
function byRequest(engine: EngineSettings, language: string, events: RecognizerEvents): Recognizer {
  const parts: Uint8Array[] = [];
  let length = 0;
  const stop = new AbortController();
  const ask = async () => {
    const url = new URL(engine.url ?? "");
    if (language !== "") url.searchParams.set("language", language);
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "audio/wav",
        Accept: "application/json, text/plain",
        ...(engine.token === undefined ? {} : { Authorization: `Bearer ${engine.token}` }),
      },
      body: Buffer.concat([wavHeader(length), ...parts]),
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(patience)]),
      redirect: "error",
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new SpeechError("failed", `${engine.name} answers ${response.status}`);
    }
    return readAnswer(new TextDecoder().decode(await readAll(response.body, maxAnswer)));
  };
  return {
    write: (sound) => {
      if (length + sound.length > maxSound) return;
      parts.push(sound.slice());
      length += sound.length;
    },
    end: () =>
      void ask().then(
        (answer) => {
          if (!stop.signal.aborted) events.done((answer?.text ?? "").slice(0, maxText), answer?.confidence);
        },
        (error: unknown) => {
          if (!stop.signal.aborted) events.failed(error instanceof Error ? error.message : String(error));
        },
      ),
    cancel: () => stop.abort(),
  };
}

/** Undefined for a blank line. What is JSON and has no `text` says nothing either. */
export function readAnswer(line: string): Answer | undefined {
  const trimmed = line.trim();
  if (trimmed === "") return undefined;
  const plain = { text: clean(trimmed), final: true, confidence: undefined };
  if (!trimmed.startsWith("{")) return plain;
  let parsed: unknown;
  try {
    parsed = JSON.parse(trimmed);
  } catch {
    return plain;
  }
  const get = (name: string): unknown =>
    typeof parsed === "object" && parsed !== null && Object.hasOwn(parsed, name)
      ? Reflect.get(parsed, name)
      : undefined;
  const partial = get("partial");
  const text = get("text") ?? partial;
  if (typeof text !== "string") return undefined;
  const confidence = get("confidence");
  return {
    text: clean(text.trim()),
    final: get("final") !== false && typeof partial !== "string",
    confidence: typeof confidence === "number" && confidence >= 0 && confidence <= 1 ? confidence : undefined,
  };
}

const clean = (text: string) => text.replace(/[\x00-\x1f\x7f]/g, " ").slice(0, maxText);

/** The header of a WAV file with `length` octets of L16 at 16 kHz. */
function wavHeader(length: number): Uint8Array {
  const header = Buffer.alloc(44);
  header.write("RIFF\0\0\0\0WAVEfmt ", "latin1");
  header.writeUInt32LE(36 + length, 4);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(2 * rate, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(length, 40);
  return header;
}
