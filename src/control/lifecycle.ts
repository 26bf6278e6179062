/** A server's life as those see it who run it: whether it serves, whether that goes well, reading its files again, its end. */
import type { Status } from "./status.ts";

/** `draining`: calls that are up go on, new ones are refused. */
export type Stage = "serving" | "reloading" | "draining";

/** What is wrong with a file, and where. */
export interface FileProblem {
  readonly message: string;
  /** An absolute path. */
  readonly file: string;
  /** From 1; 0 for what concerns all of it. */
  readonly line: number;
  readonly column: number;
}

/** How the reading of a configuration went. */
export interface Reloaded {
  /** False: it has mistakes, or could not be taken over; the old one holds. */
  readonly taken: boolean;
  readonly problems: readonly FileProblem[];
  readonly warnings: readonly FileProblem[];
  /** Keys that have changed and count after a restart only. */
  readonly restart: readonly string[];
}

export interface Lifecycle {
  readonly stage: Stage;
  /** Reads the configuration again. One after the other: whoever asks meanwhile waits for the next reading. */
  reload(): Promise<Reloaded>;
  /** Ends the server: once calls have ended, after `limits.drain` at the latest; asked again, at once. */
  stop(): void;
}

/** Whether a server serves. `degraded`: it does, and something needs attention. */
export interface Health {
  readonly health: "ok" | "degraded" | "draining";
  readonly reasons: readonly string[];
}

/** What to tell a load balancer or a container's keeper: only a server that drains should get no calls any more. */
export function healthOf({ store, trunks }: Pick<Status, "store" | "trunks">, stage: Stage): Health {
  if (stage === "draining") return { health: "draining", reasons: ["the server is stopping"] };
  const reasons = [
    ...(store.failure === undefined ? [] : [`the store: ${store.failure}`]),
    ...trunks
      .filter(({ state }) => state === "failed")
      .map(({ name, failure }) => `trunk ${name} is not registered: ${failure?.reason ?? "no answer"}`),
  ];
  return { health: reasons.length === 0 ? "ok" : "degraded", reasons };
}
