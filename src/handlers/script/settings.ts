/** What a script host is told: limits and permissions of all its scripts. */
import type { Log } from "../../log.ts";

export interface ScriptPermissions {
  /** Absolute paths of folders and files. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Hosts that fetch may reach, lower case: `api.example.com`, `*.example.com`, `api.example.com:8443`. */
  readonly net: readonly string[];
  /** Names of environment variables. */
  readonly env: readonly string[];
}

export interface ScriptLimits {
  /** Octets that one script may allocate. */
  readonly memory: number;
  /** Milliseconds of processor time that a script may take without waiting for anything. */
  readonly cpu: number;
  /** Milliseconds that a script may live. */
  readonly timeout: number;
}

export interface ScriptHostOptions extends Partial<ScriptLimits> {
  readonly allow?: Partial<ScriptPermissions>;
  readonly log: Log;
  /** Threads that scripts share, one script always on the same. One by default. */
  readonly workers?: number;
  /** How often a script's files are looked at for changes, in ms: 250 by default, 0 for each call. */
  readonly checkEvery?: number;
  /** How long a worker that is stuck in one operation may stay so until it is ended with all its calls, in ms: 1,500. */
  readonly patience?: number;
}

export const defaultLimits: ScriptLimits = { memory: 16 * 1024 * 1024, cpu: 50, timeout: 3_600_000 };
export const noPermissions: ScriptPermissions = { read: [], write: [], net: [], env: [] };

/** Bounds that nobody has asked to configure yet. */
export const bounds = {
  timers: 1_000,
  /** Commands, fetches and file accesses under way at once. */
  pending: 1_000,
  fetches: 16,
  /** Octets of a fetched body, of a file read or written at once. */
  body: 4 * 1024 * 1024,
  fetchMilliseconds: 30_000,
  redirects: 5,
  /** Console lines at once, and per second in the long run; characters per line. */
  consoleBurst: 200,
  consoleRate: 50,
  consoleLine: 8_192,
  /** Characters of what a script returns, as JSON. */
  returned: 65_536,
  /** Milliseconds that a script may go on after its call has ended. */
  afterEnd: 30_000,
} as const;
