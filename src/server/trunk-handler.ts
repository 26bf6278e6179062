/** What a `trunk:` route does with a call: calls the number through the trunk, and joins the two. */
import { type CallControl, type Handler, readCommand } from "../call/index.ts";
import { encodeUtf8 } from "../sip/text.ts";
import { escapeUser } from "../sip/uri.ts";
import type { ServerDialer } from "./dialer.ts";
import type { Trunk } from "./trunk.ts";

/** Milliseconds that the other side may ring. */
const ringTime = 180_000;

/** `user` as people write it: it becomes a user of the trunk's, whatever stands in it. */
export function trunkHandler(dialer: ServerDialer, trunk: Trunk | undefined, user: string): Handler {
  return {
    name: trunk === undefined ? undefined : `trunk ${trunk.name}`,
    start(call) {
      let answered = false;
      call.listen((event) => {
        answered ||= event.name === "CONNECTED";
      });
      if (trunk === undefined) return call.finish({ type: "failed", reason: "its trunk is gone" });
      const target = trunk.uriOf(escapeUser(encodeUtf8(user)));
      dialer.grant(call.facts, target, trunk.name);
      const read = readCommand("DIAL", { targets: target, timeout: ringTime });
      if (!read.ok) return call.finish({ type: "failed", reason: read.failure.reason });
      call.perform(read.command, (outcome) => {
        if (!outcome.ok) return call.finish({ type: "failed", reason: outcome.failure.reason });
        if (answered) return call.finish({ type: "returned" });
        refuse(call, outcome.value !== undefined && "code" in outcome.value ? outcome.value.code : 480);
      });
    },
  };
}

/** Hands on why the other side was not reached. */
function refuse(call: CallControl, code: number): void {
  const passed = code >= 400 && code < 700 && code !== 401 && code !== 407 ? code : 480;
  call.perform({ name: "REJECT", code: passed }, () => call.finish({ type: "returned" }));
}
