/** `siproc trace`: messages of a running server as they pass, as a ladder in the terminal, as lines of JSON, or as a capture file. */
import { writeFile } from "node:fs/promises";
import type { CapturedMessage, CaptureState } from "../control/capture/capture.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { Ladder, printable } from "./ladder.ts";
import { durationExpected, optionValue, orUsage } from "./option-value.ts";
import { readCount, readDuration } from "./quantities.ts";
import { ask, askOctets, configurationOf, json, stream, unreachable } from "./running.ts";
import type { Terminal } from "./terminal.ts";

/** Characters of a line where there is no terminal. */
const pipeWidth = 120;

export async function trace(given: Arguments, terminal: Terminal): Promise<number> {
  return await orUsage(terminal, async () => {
    const { options, operands } = given;
    const file = configurationOf(operands);
    const query = new URLSearchParams();
    for (const name of ["user", "call-id", "method", "host"]) {
      const value = options.get(name)?.[0];
      if (value !== undefined) query.set(name.replace("-", "_"), value);
    }
    const count = optionValue(given, "count", "a number from 1 on", (text) => readCount(text, 1, 999_999_999));
    const time = optionValue(given, "for", durationExpected, readDuration);
    try {
      const [pcap] = options.get("pcap") ?? [];
      if (pcap !== undefined) return await writePcap(file, query, pcap, terminal);
      query.set("follow", "");
      if (options.has("past")) query.set("after", "0");
      const show = shower(given, terminal);
      let shown = 0;
      await stream(
        file,
        `/trace?${query}`,
        (value) => {
          show(value);
          return ++shown !== count;
        },
        time,
      );
      return exitCodes.ok;
    } catch (error) {
      terminal.complain(unreachable(file, error));
      return exitCodes.failed;
    }
  });
}

/** What is done with each line of the stream. The server is of this version, or says so: its socket is no input from outside. */
function shower({ options }: Arguments, terminal: Terminal): (value: unknown) => void {
  if (options.has("json")) return (value) => terminal.print(json(value));
  const ladder = new Ladder(process.stdout.columns ?? pipeWidth);
  const whole = options.has("messages");
  return (value) => {
    const message = value as CapturedMessage | { readonly lost: number };
    if ("lost" in message) return terminal.print(`(${message.lost} messages came faster than they could be shown)\n`);
    terminal.print(`${ladder.lines(message).join("\n")}\n`);
    if (whole) terminal.print(`${indented(message.text)}\n`);
  };
}

function indented(text: string): string {
  const lines = text.trimEnd().split(/\r?\n/);
  return lines.map((line) => `    ${printable(line)}\n`).join("");
}

async function writePcap(file: string, query: URLSearchParams, path: string, terminal: Terminal): Promise<number> {
  const state = (await ask(file, "/capture")) as CaptureState;
  if (!state.active) {
    terminal.complain("siproc: nothing of what passes is kept; say how much is to be, as in capture: { size: 16MB }");
    return exitCodes.failed;
  }
  const octets = await askOctets(file, `/pcap?${query}`);
  try {
    await writeFile(path, octets);
  } catch (error) {
    terminal.complain(`siproc: ${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
    return exitCodes.failed;
  }
  return exitCodes.ok;
}
