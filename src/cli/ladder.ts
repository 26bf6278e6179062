/**
 * Messages as a ladder, line by line as they come: who speaks is a column, a message an arrow between two of them. siproc is
 * the second column, so that a call which passes through it reads from left to right.
 */
import type { CapturedMessage } from "../control/capture/capture.ts";

const timeWidth = 14;
const columnWidth = 26;
const own = 1;

export class Ladder {
  readonly #columns: number;
  /** Who stands where, siproc itself apart. */
  readonly #peers: (string | undefined)[] = [];
  /** Which peers spoke last, the last one last. */
  #spoke: string[] = [];
  #callId = "";

  /** @param width characters of a line */
  constructor(width: number) {
    this.#columns = Math.max(3, Math.min(8, Math.floor((width - timeWidth) / columnWidth) + 1));
  }

  /** The lines that a message adds. */
  lines(message: CapturedMessage): string[] {
    const { direction, remote, callId } = message;
    const peer = `${remote.host.includes(":") ? `[${remote.host}]` : remote.host}:${remote.port}`;
    const before = this.#peers.indexOf(peer);
    const at = before >= 0 ? before : this.#place(peer);
    this.#spoke = [...this.#spoke.filter((other) => other !== peer), peer];
    const lines: string[] = [];
    if (callId !== this.#callId && callId !== "") lines.push(`Call-ID ${printable(callId)}`);
    this.#callId = callId === "" ? this.#callId : callId;
    if (before < 0) lines.push(this.#head());
    const [from, to] = direction === "sent" ? [own, at] : [at, own];
    lines.push(`${timeOf(message.at)}  ${this.#arrow(from, to, label(message))}`);
    return lines;
  }

  /** The column of a new peer: a free one, or that of who was silent for longest. */
  #place(peer: string): number {
    for (let at = 0; at < this.#columns; at++) {
      if (at === own || this.#peers[at] !== undefined) continue;
      this.#peers[at] = peer;
      return at;
    }
    const silent = this.#spoke.find((other) => this.#peers.includes(other)) ?? "";
    const at = Math.max(0, this.#peers.indexOf(silent));
    this.#peers[at] = peer;
    return at;
  }

  get #used(): number {
    return Math.max(own + 1, this.#peers.length);
  }

  #head(): string {
    const names = Array.from({ length: this.#used }, (_, at) => (at === own ? "siproc" : (this.#peers[at] ?? "")));
    return `${" ".repeat(timeWidth)}${names.map((name) => name.slice(0, columnWidth - 1).padEnd(columnWidth)).join("")}`.trimEnd();
  }

  #arrow(from: number, to: number, text: string): string {
    const [left, right] = from < to ? [from, to] : [to, from];
    const lifeline = (at: number) => (at < this.#used - 1 ? `│${" ".repeat(columnWidth - 1)}` : "│");
    const before = Array.from({ length: left }, (_, at) => lifeline(at)).join("");
    const length = (right - left) * columnWidth - 1;
    const shown = ` ${text.slice(0, length - 5)} `;
    const body =
      from < to
        ? `──${shown}${"─".repeat(length - shown.length - 3)}▶`
        : `◀─${shown}${"─".repeat(length - shown.length - 2)}`;
    const after = Array.from({ length: this.#used - right - 1 }, (_, i) => lifeline(right + 1 + i)).join("");
    const end = right < this.#used - 1 ? `│${" ".repeat(columnWidth - 1)}` : "│";
    return `${before}│${body}${end}${after}`.trimEnd();
  }
}

function label({ status, summary, method }: CapturedMessage): string {
  if (status !== undefined) return printable(`${summary} (${method})`);
  return printable(summary.replace(/sips?:/i, "").replace(/;.*/, ""));
}

/** Nothing that a stranger wrote moves the cursor, or turns the direction of the text. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\xa1-\xac\xae-\xff]/g, "?");
}

function timeOf(ms: number): string {
  const time = new Date(ms);
  const two = (part: number) => String(part).padStart(2, "0");
  const millis = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${millis}`;
}
