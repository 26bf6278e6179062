/** Lines to a process that may read slowly, or not at all, or may have closed its input: bounded, never waiting, never throwing. */
import type { ChildInput } from "./child.ts";

const maxLines = 1000;
const maxOctets = 1024 * 1024;
/** So much at a time: while it waits in the pipe, the rest is counted here. */
const batch = 64 * 1024;

export class EventWriter {
  readonly #input: ChildInput;
  readonly #stalled: () => void;
  #waiting: Uint8Array[] = [];
  #octets = 0;
  #state: "open" | "full" | "ending" | "closed" = "open";

  /** @param stalled called once, when more waits than may wait: the process does not read. */
  constructor(input: ChildInput, stalled: () => void) {
    this.#input = input;
    this.#stalled = stalled;
  }

  write(line: string): void {
    if (this.#state === "closed" || this.#state === "ending") return;
    const octets = Buffer.from(`${line}\n`);
    this.#waiting.push(octets);
    this.#octets += octets.length;
    if (this.#state === "open") this.#pump();
    if (this.#waiting.length <= maxLines && this.#octets <= maxOctets) return;
    this.#close();
    this.#stalled();
  }

  /** Closes the process's input once what waits is written. */
  end(): void {
    if (this.#state === "open") this.#close();
    else if (this.#state === "full") this.#state = "ending";
  }

  #pump(): void {
    while (this.#waiting.length > 0) {
      try {
        const written = this.#input.write(this.#nextBatch());
        if (written === undefined) continue;
        if (this.#state === "open") this.#state = "full";
        written.then(
          () => this.#drained(),
          () => this.#close(),
        );
        return;
      } catch {
        // The process has closed its input. It may still give commands; events are nothing to it any more.
        this.#close();
        return;
      }
    }
    if (this.#state === "ending") this.#close();
  }

  #drained(): void {
    if (this.#state === "full") this.#state = "open";
    if (this.#state !== "closed") this.#pump();
  }

  #nextBatch(): Uint8Array {
    let count = 0;
    let octets = 0;
    while (count < this.#waiting.length && (count === 0 || octets < batch))
      octets += this.#waiting[count++]?.length ?? 0;
    const taken = this.#waiting.splice(0, count);
    this.#octets -= octets;
    return Buffer.concat(taken);
  }

  #close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#waiting = [];
    this.#octets = 0;
    this.#input.end();
  }
}
