/** What the main thread and a script worker tell each other: lists of these messages, once per turn of the event loop, as JSON. */
import type { Program } from "./program.ts";
import type { ScriptLimits, ScriptPermissions } from "./settings.ts";

/** A call's number within the script host. */
export type RunId = number;

/** CallFacts in the shape of the script's `call`. */
export interface ScriptFacts {
  id: string;
  direction: "incoming" | "outgoing";
  remote: { uri: string; id: string; contact: string; name: string; user: string; host: string };
  local: { uri: string; user: string; host: string };
  headers: readonly (readonly [name: string, value: string])[];
  variables?: Readonly<Record<string, string>> | undefined;
}

export interface WorkerSetup {
  limits: ScriptLimits;
  allow: ScriptPermissions;
  /** The values of the allowed variables. */
  env: Readonly<Record<string, string>>;
  /** See heartbeat.ts. */
  heartbeat: SharedArrayBuffer;
}

export type ToWorker =
  | { type: "program"; program: Program }
  | { type: "start"; run: RunId; program: number; folder: string; facts: ScriptFacts }
  /** `event` as the script sees it: `{"type":"dtmf",…}`. */
  | { type: "event"; run: RunId; event: Readonly<Record<string, unknown>>; ended: boolean }
  | { type: "outcome"; run: RunId; id: number; value?: unknown; failed?: string }
  | { type: "stop"; run: RunId }
  | { type: "forget"; program: number };

export type ToMain =
  | { type: "command"; run: RunId; id: number; name: string; args: string }
  | { type: "log"; run: RunId; level: "debug" | "info" | "warn" | "error"; text: string }
  /** `value`: what the script returned, as JSON. */
  | { type: "returned"; run: RunId; value?: string }
  /** `at`: the source line, such as `ivr.ts:12:5`; `stack` has it all. `limit`: the script hit one, it did not just throw. */
  | { type: "failed"; run: RunId; reason: string; at: string; stack: string; limit: boolean };
