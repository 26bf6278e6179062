/** Texts to WAV files, by a program or an HTTP endpoint. What was spoken is kept, and spoken once for all who want it. */
import { mkdtempSync, rmSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseEngine, commandLine, enginesFor } from "./engines.ts";
import { readAll, startEngine } from "./process.ts";
import { type EngineSettings, type SayOptions, SpeechError, type SpeechSettings, type Spoken } from "./types.ts";

/** Octets of one spoken text: some twelve minutes at 22 kHz. */
const maxSound = 32 << 20;
/** ms that an engine may take. */
const patience = 30_000;
/** Texts that wait for an engine. */
const maxWaiting = 1000;

interface Entry {
  readonly file: string;
  /** The WAV file's size once it is there, octets. */
  size: number;
  users: number;
  readonly made: Promise<void>;
}

export class Synthesizer {
  readonly #settings: SpeechSettings;
  readonly #engines: readonly EngineSettings[];
  readonly #log: (message: string) => void;
  /** By what was asked for, the one used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  #folder: string | undefined;
  #lastFile = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #kill = new Set<() => void>();
  #closed = false;

  constructor(settings: SpeechSettings, log: (message: string) => void = () => {}) {
    this.#settings = settings;
    this.#log = log;
    this.#engines = enginesFor("say", settings.say, (program) => Bun.which(program));
  }

  async say(text: string, options: SayOptions, signal: AbortSignal): Promise<Spoken> {
    const engine = chooseEngine("say", this.#engines, options.engine);
    const { voice = engine.voice, language = engine.language } = options;
    const key = JSON.stringify([engine.name, voice, language, text]);
    const known = this.#entries.get(key);
    const entry = known ?? this.#make(key, engine, { text, voice, language });
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
    }
    entry.users++;
    let held = true;
    const release = () => {
      if (held) entry.users--;
      held = false;
      this.#evict();
    };
    const aborted = new Promise<never>((_, reject) => {
      const give = () => reject(new SpeechError("aborted", "it was stopped"));
      if (signal.aborted) give();
      else signal.addEventListener("abort", give, { once: true });
    });
    try {
      await Promise.race([entry.made, aborted]);
      return { file: entry.file, release };
    } catch (error) {
      release();
      throw error instanceof SpeechError ? error : new SpeechError("failed", `${engine.name}: ${error}`);
    }
  }

  close(): void {
    this.#closed = true;
    for (const kill of this.#kill) kill();
    for (const go of this.#waiting.splice(0)) go();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #make(key: string, engine: EngineSettings, values: { text: string; voice: string; language: string }): Entry {
    this.#folder ??= mkdtempSync(join(tmpdir(), "siproc-speech-"));
    const file = join(this.#folder, `${++this.#lastFile}.wav`);
    const made = this.#inTurn(async () => {
      if (engine.command !== undefined) await this.#run(engine.command, file, values);
      else await this.#request(engine, file, values);
      const { size } = await stat(file);
      if (size > maxSound) throw new SpeechError("failed", `an engine gave more than ${maxSound} octets`);
      entry.size = size;
    });
    const entry: Entry = { file, size: 0, users: 0, made };
    this.#entries.set(key, entry);
    made.then(
      () => this.#evict(),
      (error: unknown) => {
        // The next one tries again.
        this.#entries.delete(key);
        void rm(file, { force: true }).catch(() => {});
        this.#log(error instanceof Error ? error.message : String(error));
      },
    );
    return entry;
  }

  /** Runs `work` when an engine is free. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#running >= this.#settings.atOnce) {
      if (this.#waiting.length >= maxWaiting) throw new SpeechError("busy", "too many texts wait to be spoken");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#closed) throw new SpeechError("aborted", "siproc is shutting down");
    this.#running++;
    try {
      await work();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #run(
    command: readonly string[],
    file: string,
    values: { text: string; voice: string; language: string },
  ): Promise<void> {
    const input = `${file}.txt`;
    const takes = (name: string) => command.some((part) => part.includes(`{${name}}`));
    if (takes("in")) await Bun.write(input, values.text);
    const line = commandLine(command, { ...values, in: input, out: file });
    const engine = startEngine(line, this.#settings.folder ?? tmpdir());
    this.#kill.add(engine.kill);
    const timer = setTimeout(engine.kill, patience);
    try {
      if (!takes("in") && !takes("text")) engine.stdin.write(new TextEncoder().encode(values.text));
      engine.stdin.end();
      const [sound] = await Promise.all([readAll(engine.stdout, maxSound), engine.ended]);
      if (!takes("out")) await Bun.write(file, whole(sound));
    } catch (error) {
      engine.kill();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#kill.delete(engine.kill);
      if (takes("in")) await rm(input, { force: true });
    }
  }

  async #request(engine: EngineSettings, file: string, values: object): Promise<void> {
    const response = await fetch(engine.url ?? "", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "audio/wav",
        ...(engine.token === undefined ? {} : { Authorization: `Bearer ${engine.token}` }),
      },
      body: JSON.stringify(values),
      signal: AbortSignal.timeout(patience),
      redirect: "error",
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new SpeechError("failed", `${engine.name} answers ${response.status}`);
    }
    await Bun.write(file, whole(await readAll(response.body, maxSound)));
  }

  #evict(): void {
    let size = 0;
    for (const entry of this.#entries.values()) size += entry.size;
    for (const [key, entry] of this.#entries) {
      if (size <= this.#settings.cache) return;
      if (entry.users > 0 || entry.size === 0) continue;
      size -= entry.size;
      this.#entries.delete(key);
      void rm(entry.file, { force: true }).catch(() => {});
    }
  }
}

/** A WAV that was written to a pipe, whose header could not be told its length: corrected. */
function whole(wav: Uint8Array): Uint8Array {
  const view = new DataView(wav.buffer, wav.byteOffset, wav.byteLength);
  const word = (at: number) => (at + 4 <= wav.length ? view.getUint32(at) : 0);
  if (word(0) !== 0x52494646 || word(8) !== 0x57415645) return wav;
  for (let at = 12; at + 8 <= wav.length; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) & 1)) {
    if (word(at) !== 0x64617461) continue;
    if (view.getUint32(at + 4, true) > wav.length - at - 8) {
      view.setUint32(4, wav.length - 8, true);
      view.setUint32(at + 4, wav.length - at - 8, true);
    }
    break;
  }
  return wav;
}
