/** What a `trunk:` route does with a call: calls the number through the trunk, and joins the two. */
import { type CallControl, type CommandFailure, type Handler, readCommand } from "../call/index.ts";
import { encodeUtf8 } from "../sip/text.ts";
import { escapeUser } from "../sip/uri.ts";
import type { ServerDialer } from "./dialer.ts";
import type { Trunk } from "./trunk.ts";

/** `user` as people write it: it becomes a user of the trunk's, whatever stands in it. */
export function trunkHandler(dialer: ServerDialer, trunk: Trunk | undefined, user: string): Handler {
  return {
    start(call) {
      call.listen(() => {});
      if (trunk === undefined) return refuse(call, { command: "DIAL", reason: "the trunk is gone" });
      const target = trunk.uriOf(escapeUser(encodeUtf8(user)));
      dialer.grant(call.facts, target);
      const read = readCommand("DIAL", { target, trunk: trunk.name });
      if (!read.ok) return refuse(call, read.failure);
      call.perform(read.command, (outcome) => {
        if (outcome.ok) call.finish({ type: "returned" });
        else refuse(call, outcome.failure);
      });
    },
  };
}

function refuse(call: CallControl, { reason }: CommandFailure): void {
  call.finish({ type: "failed", reason });
}
