/** `siproc calls` and `siproc trace` without a server: what they take, and how messages look as a ladder. */
import { describe, expect, test } from "bun:test";
import { readTime } from "../../src/cli/calls.ts";
import { Ladder } from "../../src/cli/ladder.ts";
import { main } from "../../src/cli/main.ts";
import type { CapturedMessage } from "../../src/control/capture/capture.ts";

async function siproc(...argv: string[]): Promise<{ code: number; err: string }> {
  const err: string[] = [];
  const code = await main(argv, { print: () => {}, complain: (line) => void err.push(line), mark: (_, word) => word });
  return { code, err: err.join("\n") };
}

test.each([
  [["calls", "--from", "yesterday"], 2, "--from is a time such as 2h (ago), 3d, 2026-01-31 or 2026-01-31T12:00"],
  [["calls", "--status", "9xx"], 2, "--status is a status such as 486 or 4xx"],
  [["calls", "--mos-below", "7"], 2, "--mos-below is a score such as 3.5"],
  [["calls", "--limit", "0"], 2, "--limit is a number from 1 to 1000"],
  [["calls", "--answered", "--failed"], 2, "not to be given together"],
  [["trace", "--for", "2 days"], 2, "--for is a time such as 30s"],
  [["trace", "--count", "none"], 2, "--count is a number from 1 on"],
  [["calls", "nowhere.yaml"], 1, "there is no such file"],
  [["trace", "nowhere.yaml", "--pcap", "x.pcap"], 1, "there is no such file"],
])("siproc %j", async (argv, code, says) => {
  const { code: found, err } = await siproc(...argv);
  expect(err).toContain(says);
  expect(found).toBe(code);
});

test.each([
  ["2h", 1_000_000_000_000 - 7_200_000],
  ["3d", 1_000_000_000_000 - 3 * 86_400_000],
  ["2001-09-09T01:46:40Z", 1_000_000_000_000],
  ["2001-09-09 01:46:40Z", 1_000_000_000_000],
  ["2001-09-09T03:46:40+02:00", 1_000_000_000_000],
  ["2001-13-09", undefined],
  ["2x", undefined],
  ["", undefined],
])("the time %p", (text, expected) => {
  expect(readTime(text, 1_000_000_000_000)).toBe(expected);
});

describe("a ladder", () => {
  const message = (
    direction: "received" | "sent",
    host: string,
    summary: string,
    more: Partial<CapturedMessage> = {},
  ): CapturedMessage => ({
    ...{ id: 1, at: 0, direction, transport: "udp", local: { host: "192.0.2.1", port: 5060 } },
    ...{
      remote: { host, port: 5060 },
      callId: "one",
      summary,
      method: "INVITE",
      status: undefined,
      users: [],
      text: "",
    },
    ...more,
  });
  const drawn = (width: number, messages: readonly CapturedMessage[]) => {
    const ladder = new Ladder(width);
    return messages.flatMap((each) => ladder.lines(each)).map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3}/, "TIME"));
  };

  test("reads from left to right through the server", () => {
    expect(
      drawn(100, [
        message("received", "192.0.2.7", "INVITE sip:bob@example.com;transport=udp"),
        message("sent", "192.0.2.9", "INVITE sip:bob@192.0.2.9"),
        message("received", "192.0.2.9", "180 Ringing", { status: 180 }),
        message("sent", "192.0.2.7", "180 Ringing", { status: 180 }),
      ]),
    ).toEqual([
      "Call-ID one",
      "              192.0.2.7:5060            siproc",
      "TIME  │── INVITE bob@example.c ▶│",
      "              192.0.2.7:5060            siproc                    192.0.2.9:5060",
      "TIME  │                         │── INVITE bob@192.0.2.9 ▶│",
      "TIME  │                         │◀─ 180 Ringing (INVITE) ─│",
      "TIME  │◀─ 180 Ringing (INVITE) ─│                         │",
    ]);
  });

  test("has no more columns than the terminal: who was silent for longest makes room", () => {
    const hosts = Array.from({ length: 30 }, (_, i) => `192.0.2.${i}`);
    const lines = drawn(
      80,
      hosts.map((host) => message("received", host, "OPTIONS sip:x")),
    );
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(14 + 3 * 26);
    expect(lines.filter((line) => line.includes("OPTIONS")).length).toBe(30);
  });

  test("shows nothing of a stranger's that could drive a terminal", () => {
    const hostile = "\x1b]0;x\x07INVITE \x9b2J\u202e\r\n";
    const lines = drawn(80, [message("received", "2001:db8::7", hostile, { callId: `${hostile}\x00` })]);
    expect(lines.join("")).toMatch(/^[\x20-\x7e│─▶◀]*$/);
    expect(lines.join("")).toContain("[2001:db8::7]:5060");
  });
});
