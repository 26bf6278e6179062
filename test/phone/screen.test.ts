/** The terminal's screen: what is typed survives what arrives; and the line that says how it stands. */
import { describe, expect, test } from "bun:test";
import { printable } from "../../src/phone/messages.ts";
import { TerminalScreen } from "../../src/phone/screen.ts";
import { clockText, statusLine } from "../../src/phone/status-line.ts";
import { below, seeded } from "../support/random.ts";

function bench(columns = 80) {
  const lines: string[] = [];
  const keys: string[] = [];
  const written: string[] = [];
  const user = { line: (text: string) => void lines.push(text), key: (key: string) => void keys.push(key) };
  const write = (text: string | Uint8Array) => written.push(String(text)) > 0;
  return { screen: new TerminalScreen({ columns, write }, user), lines, keys, written };
}

describe("the screen", () => {
  test.each([
    ["hello\r", ["hello"], []],
    ["helo\x7flo\r", ["hello"], []],
    ["wrong\x15right\r", ["right"], []],
    ["\r\r", [], []],
    ["a\x1b[Ab\x1bOCc\r", ["abc"], []],
    ["schön\r", ["schön"], []],
    ["half\x03", [], ["interrupt"]],
    ["\x04", [], ["end"]],
    ["half\x04", [], []],
    ["one\rtwo\r", ["one", "two"], []],
  ])("%j typed", (typed, lines, keys) => {
    const { screen, ...seen } = bench();
    screen.type(typed);
    expect(seen.lines).toEqual(lines);
    expect(seen.keys).toEqual(keys);
  });

  test("what arrives is printed above what is being typed", () => {
    const { screen, written } = bench();
    screen.status("connected");
    screen.type("half");
    screen.print("<<< hello");
    // In one write: nobody sees the line gone.
    expect(written.at(-1)).toBe("\r\x1b[K<<< hello\r\n\r[connected] > half\x1b[K");
  });

  test("of a long line its end is seen, and the line never wraps", () => {
    const { screen, written, lines } = bench(40);
    screen.status("connected");
    screen.type("x".repeat(100));
    screen.type("end");
    const last = (written.at(-1) ?? "").replace("\r", "").replace("\x1b[K", "");
    expect(last.length).toBeLessThan(40);
    expect(last).toEndWith("xend");
    screen.type("\r");
    expect(lines[0]?.length).toBe(103);
  });

  test("random keys, quickly: no line has control characters", () => {
    const random = seeded(7);
    const started = performance.now();
    const { screen, lines } = bench();
    for (let i = 0; i < 5000; i++) screen.type(String.fromCharCode(below(random, 160)));
    for (const line of lines) expect(line).toMatch(/^[^\x00-\x1f\x7f]+$/);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("a peer's text on a terminal", () => {
  test.each([
    ["hello", "hello"],
    ["a\x1b[2Jb", "a\ufffd[2Jb"],
    ["a\n<<< b", "a\n    <<< b"],
    ["a\r\nb", "a\n    b"],
    ["a\rb", "a\ufffdb"],
    ["\u009b2J", "\ufffd2J"],
    ["a\u202eb", "a\ufffdb"],
    ["schön 😀", "schön 😀"],
  ])("%j", (text, shown) => expect(printable(text)).toBe(shown));

  test("is cut", () => expect(printable("x".repeat(100_000)).length).toBe(16_384));
});

describe("the line that says how it stands", () => {
  const stats = {
    ...{ sentPackets: 0, sentOctets: 0, receivedPackets: 995, receivedOctets: 0, lost: 5, jitter: 2.125 },
    ...{ roundTrip: undefined, remoteLost: undefined, remoteJitter: undefined, dropped: 0 },
  };
  test.each([
    [{ state: "ready" }, "ready"],
    [{ state: "ringing", peer: "bob@example.com" }, "ringing bob@example.com"],
    [
      { state: "connected", peer: "bob@b", duration: 65_000, codec: "PCMU", stats },
      "connected bob@b 1:05 PCMU loss 0.5% jitter 2.1 ms",
    ],
    [{ state: "connected", stats: { ...stats, receivedPackets: 0, lost: -3 } }, "connected loss 0% jitter 2.1 ms"],
  ])("%j", (standing, text) => expect(statusLine(standing)).toBe(text));

  test.each([
    [0, "0:00"],
    [59_999, "0:59"],
    [3_605_000, "1:00:05"],
  ])("%d ms is %s", (ms, text) => expect(clockText(ms)).toBe(text));
});
