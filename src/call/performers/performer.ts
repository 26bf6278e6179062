/** What performs a command: one function, which reports its outcome once. */
import { type Call, failed } from "../call.ts";
import type { Outcome } from "../control.ts";
import type { Command, CommandName } from "../vocabulary.ts";

export type Done = (outcome: Outcome) => void;
export type Performers<Names extends CommandName> = {
  [N in Names]: (call: Call, command: Command & { name: N }, done: Done) => void;
};

export const ok: Outcome = { ok: true };

/** The outcome of a session's verb, which reports a reason when it could not be done. */
export const settled = (command: Command, done: Done) => (reason?: string) =>
  done(reason === undefined ? ok : failed(command, reason));
