/** What an operator does to a call: the commands that handlers have. */
import { ask } from "../api.ts";
import type { ListedCall } from "../calls.ts";
import { paths } from "../paths.ts";
import { doing } from "../ui/toast.tsx";

export function CallActions({ call }: { call: ListedCall }) {
  const command = (name: string, done: string) => () =>
    void doing(done, () => ask(paths.commands(call.id), { method: "POST", body: { command: name } }));
  return (
    <>
      {call.state === "held" ? (
        <button type="button" onClick={command("RESUME", "The call goes on")}>
          Resume
        </button>
      ) : (
        <button type="button" disabled={call.state === "ringing"} onClick={command("HOLD", "On hold")}>
          Hold
        </button>
      )}
      <button type="button" class="stop" onClick={command("HANGUP", "Hung up")}>
        Hang up
      </button>
    </>
  );
}
