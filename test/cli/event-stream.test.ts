/** Events to a reader that is slow, stops reading for a while, or goes away: none is lost that fits, and nobody waits. */
import { describe, expect, test } from "bun:test";
import { EventStream, type StreamLimits } from "../../src/cli/event-stream.ts";

type Done = (error: NodeJS.ErrnoException | null, taken: number) => void;

/** A pipe in the test's hand. */
class Pipe {
  readonly taken: Uint8Array[] = [];
  #write: { octets: Uint8Array; done: Done } | undefined;
  readonly stream: EventStream;
  closed: string | undefined;

  constructor(limits?: StreamLimits) {
    this.stream = new EventStream((octets, done) => {
      expect(this.#write).toBeUndefined();
      this.#write = { octets, done };
    }, limits);
    this.stream.onClosed = (reason) => {
      this.closed = reason;
    };
  }

  get busy(): boolean {
    return this.#write !== undefined;
  }

  /** Takes up to so many octets of the write that waits. */
  take(most = Number.POSITIVE_INFINITY): void {
    const { octets, done } = this.#waiting();
    const taken = octets.slice(0, most);
    this.taken.push(taken);
    done(null, taken.length);
  }

  takeAll(): void {
    while (this.busy) this.take();
  }

  fail(code: string): void {
    this.#waiting().done(Object.assign(new TypeError(code), { code }), 0);
  }

  get events(): unknown[] {
    const lines = Buffer.concat(this.taken).toString().split("\n");
    expect(lines.pop()).toBe("");
    return lines.map((line) => {
      const { time, ...rest } = JSON.parse(line);
      expect(Date.parse(time)).toBeNumber();
      return rest;
    });
  }

  #waiting(): { octets: Uint8Array; done: Done } {
    const waiting = this.#write;
    if (waiting === undefined) throw new TypeError("nothing is being written");
    this.#write = undefined;
    return waiting;
  }
}

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, n) => ({ event: "X", n: from + n }));

describe("events", () => {
  test("come in order, however little is taken at a time", () => {
    const pipe = new Pipe();
    for (const event of numbered(50)) pipe.stream.tell(event);
    while (pipe.busy) pipe.take(7);
    expect(pipe.events).toEqual(numbered(50));
  });

  test("wait while the pipe is full, and are all there when it is read again", async () => {
    const pipe = new Pipe();
    for (const event of numbered(5000)) pipe.stream.tell(event);
    expect(pipe.taken).toEqual([]);
    let flushed = false;
    const flushing = pipe.stream.flushed(60_000).then(() => {
      flushed = true;
    });
    pipe.take();
    await Promise.resolve();
    expect(flushed).toBe(false);
    pipe.takeAll();
    await flushing;
    expect(pipe.events).toEqual(numbered(5000));
  });

  test("that are not read let no call begin, and beyond the limit are counted", () => {
    const pipe = new Pipe({ crowded: 1000, most: 5000 });
    const crowdedAt = numbered(1000).findIndex((event) => {
      pipe.stream.tell(event);
      return pipe.stream.crowded;
    });
    expect(crowdedAt).toBeWithin(10, 30);
    for (const event of numbered(1000, crowdedAt + 1)) pipe.stream.tell(event);
    pipe.takeAll();
    expect(pipe.stream.crowded).toBe(false);
    pipe.stream.tell({ event: "AFTER" });
    pipe.takeAll();
    const { events } = pipe;
    const kept = events.length - 2;
    expect(events).toEqual([...numbered(kept), { event: "LOST", count: crowdedAt + 1001 - kept }, { event: "AFTER" }]);
    expect(kept).toBeGreaterThan(50);
  });

  test("are not written any more when the reader has gone", async () => {
    const pipe = new Pipe();
    for (const event of numbered(3)) pipe.stream.tell(event);
    pipe.fail("EPIPE");
    expect(pipe.closed).toBe("EPIPE");
    pipe.stream.tell({ event: "X" });
    expect(pipe.busy).toBe(false);
    expect(pipe.stream.crowded).toBe(false);
    await pipe.stream.flushed(1);
  });

  test("are given up at the end when nobody takes them", async () => {
    const pipe = new Pipe();
    pipe.stream.tell({ event: "X" });
    await pipe.stream.flushed(1);
    expect(pipe.busy).toBe(true);
  });
});
