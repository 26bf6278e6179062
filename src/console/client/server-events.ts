/** Server-sent events (WHATWG HTML §9.2) read from a response: EventSource itself cannot send a key. */

export interface ServerEvent {
  readonly id: string;
  readonly type: string;
  readonly text: string;
}

/** An event longer than this is nobody's, and the stream is given up. */
const longest = 1_000_000;

/** Gives each event of a stream, until it ends. @throws RangeError when an event is too long. */
export async function* serverEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* parser.take(decoder.decode(value, { stream: true }));
  }
}

export class EventParser {
  #rest = "";
  #id = "";
  #type = "";
  #lines: string[] = [];
  #length = 0;

  /** What of the events is whole by now. */
  take(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length + this.#length > longest) throw new RangeError("an event is too long");
    for (const line of lines) {
      if (line !== "") {
        this.#field(line);
        continue;
      }
      if (this.#lines.length > 0)
        events.push({ id: this.#id, type: this.#type === "" ? "message" : this.#type, text: this.#lines.join("\n") });
      this.#type = "";
      this.#lines = [];
      this.#length = 0;
    }
    return events;
  }

  #field(line: string): void {
    const [, name = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "id") this.#id = value;
    else if (name === "event") this.#type = value;
    else if (name === "data") {
      this.#lines.push(value);
      this.#length += value.length;
      if (this.#length > longest) throw new RangeError("an event is too long");
    }
  }
}
