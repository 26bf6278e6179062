/** What the words of tables/transfer.ts do. */
import type { Session } from "../../agent/index.ts";
import { InvalidHeaderValue } from "../../sip/errors.ts";
import { parseNameAddr } from "../../sip/name-addr.ts";
import type { Referred } from "../../sip/replaces.ts";
import { formatUri } from "../../sip/uri.ts";
import { type Call, failed } from "../call.ts";
import type { transferCommands } from "../tables/transfer.ts";
import { ok, type Performers, settled } from "./performer.ts";

export const transferPerformers: Performers<keyof typeof transferCommands> = {
  TRANSFER: (call, command, done) => {
    const { session } = call;
    const isUri = command.to.includes(":");
    if (session.phase.name === "incoming") {
      if (isUri) return session.redirect(command.to, settled(command, done));
      return done(failed(command, "ANSWER the call first: only who is in a call can be connected with another one"));
    }
    const target = isUri ? { uri: command.to, replaces: undefined } : otherEnd(call, command.to);
    if (typeof target === "string") return done(failed(command, target));
    const tell = (code: number, reason: string) => call.emit({ name: "TRANSFERRING", code, reason });
    try {
      session.refer(target, tell, (reason) => {
        settled(command, done)(reason);
        if (reason === undefined) session.end({ by: "local", cause: "transferred", code: 200 });
      });
    } catch (error) {
      if (!(error instanceof InvalidHeaderValue)) throw error;
      done(failed(command, error.message));
    }
  },
  FOLLOW: (call, command, done) => call.succession.follow(settled(command, done)),
  STAY: (call, command, done) =>
    done(call.succession.stay() ? ok : failed(command, "the other side has not asked to be transferred")),
};

/** The other end of another call, to be called in our place; or why it cannot be. */
function otherEnd(call: Call, id: string): Referred | string {
  const other = call.peers?.find(id);
  if (other === undefined) return `there is no other call “${id}”`;
  if (other === call) return "a call cannot be connected with itself";
  const { session } = other;
  const replaces = session.replaceable;
  if (replaces === undefined || session.phase.name !== "confirmed") return `the call ${id} is not connected`;
  return { uri: addressOf(session), replaces };
}

/** RFC 5589 §7.3: the very device that we talk to, where it can be reached without the proxies between it and us. */
function addressOf({ dialog }: Session): string {
  if (dialog === undefined) return "";
  const known = parseNameAddr(dialog.remoteId)?.uriText;
  return dialog.routeSet.length > 0 && known !== undefined ? known : formatUri(dialog.remoteTarget);
}
