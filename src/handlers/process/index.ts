/** The handler that gives each call to a program of its own, which reads events and writes commands, a line each. */
import { resolve } from "node:path";
import type { CallControl, Handler } from "../../call/control.ts";
import { isSoundUrl } from "../../call/remote-sounds.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../sip/clock.ts";
import { FileNames } from "../file-names.ts";
import { type Spawn, spawnChild } from "./child.ts";
import { environmentOf } from "./environment.ts";
import { ProcessCall } from "./process-call.ts";

export interface ProcessHandlerOptions {
  /** The program and its arguments. */
  argv: readonly string[];
  /** Where the program starts, and what its PLAY and RECORD count from: the working directory by default. */
  cwd?: string;
  log: Log;
  clock: Clock;
  /** Names of environment variables to pass on, besides PATH, HOME, LANG and their like. */
  env?: readonly string[];
  /** Milliseconds from SIGTERM to SIGKILL; 5000 by default. */
  graceMs?: number;
  /** Events as the original siproc wrote them, `DTMF 5` without a duration; true by default. */
  classic?: boolean;
  /** Our own environment; for tests. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Starts the program; for tests. */
  spawn?: Spawn;
}

/**
 * A handler that starts `argv` for each call. Its programs are the operator's own: no sandbox, but nothing that one of
 * them does, or that its caller sends, harms another call.
 */
export function createProcessHandler(options: ProcessHandlerOptions): Handler {
  const { argv, cwd = process.cwd(), log, clock, graceMs = 5000, classic = true, spawn = spawnChild } = options;
  const program = argv[0] ?? "";
  const start = (call: CallControl) => {
    const own = log.with({ call: call.facts.id, callId: call.facts.callId, program });
    try {
      const env = environmentOf(call.facts, options.environment ?? process.env, options.env ?? []);
      const child = spawn(argv, { cwd, env });
      own.debug("the handler started", { pid: child.pid });
      const files = new FileNames((name) => ({ ok: true, path: isSoundUrl(name) ? name : resolve(cwd, name) }));
      new ProcessCall({ program, call, child, files, log: own, clock, graceMs, classic }).start();
    } catch (error) {
      call.finish({ type: "failed", reason: `${program} cannot be started: ${reasonOf(error)}` });
      call.listen(() => {});
    }
  };
  return { start };
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOENT":
      return "there is no such program (or its working directory, or the interpreter in its first line, is missing)";
    case "EACCES":
      return "it is not executable";
    case "ENOEXEC":
      return "it is no program: does its first line name an interpreter (#!/bin/sh)?";
    case "EMFILE":
    case "ENFILE":
      return "too many files are open in this process or system";
    case "EAGAIN":
      return "the system allows no more processes";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
