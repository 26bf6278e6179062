/** Leaves the terminal: the same command again in a session of its own, which says by a pipe when it is ready, or why not. */
import { spawn } from "node:child_process";
import { closeSync, writeSync } from "node:fs";
import { Readable } from "node:stream";
import { engineSettings } from "../engine.ts";
import { ownSource } from "../own-program.ts";

/** In the environment of the process that stays. */
const mark = "SIPROC_DAEMON";
/** The descriptor of the pipe there; stdin, stdout and stderr are /dev/null. */
const pipe = 3;
/** Characters that it may say. */
const most = 10_000;

/** What a daemon says to who has started it: that it is ready, or complaints and the exit code. */
type Word = { readonly ready: true } | { readonly exit: number; readonly said: readonly string[] };

export type Started =
  | { readonly ok: true; readonly pid: number }
  | { readonly ok: false; readonly exit: number | undefined; readonly said: readonly string[] };

/** Whether this process is the one that stays. */
export function isDaemon(): boolean {
  return process.env[mark] !== undefined;
}

/** Starts this very command as a daemon; resolves when it is ready or has failed. */
export async function startDaemon(command: string): Promise<Started> {
  const given = process.argv.slice(2);
  // A link may stand for the command.
  const words = given[0] === command ? given : [command, ...given];
  const child = spawn(process.execPath, [...ownSource(), ...words], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    env: { ...process.env, ...engineSettings, [mark]: "1" },
  });
  const failed = new Promise<undefined>((resolve) => child.once("error", () => resolve(undefined)));
  const text = await Promise.race([everythingOf(child.stdio[pipe]), failed]);
  child.unref();
  const word = wordOf(text ?? "");
  if (word !== undefined && "ready" in word && child.pid !== undefined) return { ok: true, pid: child.pid };
  if (word === undefined || "ready" in word) return { ok: false, exit: undefined, said: [] };
  return { ok: false, exit: word.exit, said: word.said };
}

/** Says that the daemon is ready, or why it ends. What is said later nobody hears. */
export function tellStarter(word: Word): void {
  delete process.env[mark];
  try {
    writeSync(pipe, JSON.stringify(word));
    closeSync(pipe);
  } catch {
    // It did not wait.
  }
}

async function everythingOf(stream: unknown): Promise<string> {
  let text = "";
  if (!(stream instanceof Readable)) return text;
  for await (const part of stream) text = (text + String(part)).slice(0, most);
  return text;
}

function wordOf(text: string): Word | undefined {
  try {
    // It is this very program that has written it.
    return JSON.parse(text) as Word;
  } catch {
    return undefined;
  }
}
