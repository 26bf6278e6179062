/** The media worker's side of decoding: one thread, started when a compressed file is first played, and replaced when it hangs. */
import { compiled } from "../../own-program.ts";
import { SoundError } from "../wav-reader.ts";
import type { FromDecoder, ToDecoder } from "./protocol.ts";

/** What of a Worker is used here. */
interface Thread {
  postMessage(message: ToDecoder): void;
  onmessage: ((event: MessageEvent<FromDecoder>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

/** A file that takes longer than this for its next piece is given up, and the thread with it, ms of real time. */
const patience = 10_000;
/** Files that are decoded at once; more wait. */
const maxJobs = 16;

interface Job {
  deliver(message: FromDecoder): void;
}

/** In a compiled binary workers are named from the root of the embedded tree: see `media/index.ts`. */
function createThread(): Thread {
  return new Worker(
    compiled ? "file:///$bunfs/root/media/decode/worker.ts" : new URL("./worker.ts", import.meta.url).href,
  );
}

export class DecodingThread {
  readonly #create: () => Thread;
  #thread: Thread | undefined;
  #jobs = new Map<number, Job>();
  #lastId = 0;
  #waiting: (() => void)[] = [];

  constructor(create: () => Thread = createThread) {
    this.#create = create;
  }

  /**
   * The sound of a file as mono samples at `rate` Hz, piece by piece.
   * @throws SoundError
   */
  async *decode(path: string, rate: number): AsyncGenerator<Int16Array> {
    while (this.#jobs.size >= maxJobs) await new Promise<void>((go) => this.#waiting.push(go));
    const id = ++this.#lastId;
    let deliver: (message: FromDecoder) => void = () => {};
    this.#jobs.set(id, { deliver: (message) => deliver(message) });
    let over = false;
    try {
      for (let ask: ToDecoder = { type: "open", id, path, rate }; ; ask = { type: "next", id }) {
        const answer = await new Promise<FromDecoder>((resolve) => {
          const timer = setTimeout(() => this.#fail("it takes too long to decode"), patience);
          deliver = (message) => {
            clearTimeout(timer);
            resolve(message);
          };
          this.#start().postMessage(ask);
        });
        over = answer.type !== "sound";
        if (answer.type === "failed") throw new SoundError(answer.reason);
        if (answer.type === "end") return;
        yield answer.samples;
      }
    } finally {
      this.#jobs.delete(id);
      if (!over) this.#thread?.postMessage({ type: "cancel", id });
      this.#waiting.shift()?.();
    }
  }

  #start(): Thread {
    if (this.#thread !== undefined) return this.#thread;
    const thread = this.#create();
    this.#thread = thread;
    thread.onmessage = ({ data }) => this.#jobs.get(data.id)?.deliver(data);
    thread.onerror = (event) => {
      if (this.#thread === thread) this.#fail(`it cannot be decoded (${event.message.split("\n", 1)[0]})`);
    };
    return thread;
  }

  /** Ends the thread; all that it was decoding fails. */
  #fail(reason: string): void {
    this.#thread?.terminate();
    this.#thread = undefined;
    for (const [id, job] of this.#jobs) job.deliver({ type: "failed", id, reason });
  }

  close(): void {
    this.#fail("the media engine is closed");
  }
}
