/** A call that the server places, for whom a handler or the operator decides what happens in it. */
import type { CallView } from "../../../control/calls.ts";
import { get } from "../api.ts";
import { paths } from "../paths.ts";
import { go, to } from "../route.ts";
import { Dialog, textOf } from "../ui/dialog.tsx";
import { say } from "../ui/toast.tsx";

export function PlaceCall({ close }: { close: () => void }) {
  return (
    <Dialog
      title="Place a call"
      action="Call"
      close={close}
      send={async (form) => {
        const optional = (name: string) => {
          const text = textOf(form, name);
          return text === "" ? {} : { [name]: text };
        };
        const order = { to: textOf(form, "to"), ...optional("from"), ...optional("trunk"), ...optional("script") };
        const placed = await get<CallView>(paths.calls, { method: "POST", body: order });
        say(`Calling ${order.to}`);
        go(to("calls", "call", placed.callId));
      }}
    >
      <label class="field">
        To: an address such as alice@example.com, or with a trunk a number
        <input name="to" required autoComplete="off" autoCapitalize="none" spellcheck={false} />
      </label>
      <label class="field">
        From (optional)
        <input name="from" autoComplete="off" autoCapitalize="none" spellcheck={false} />
      </label>
      <label class="field">
        Trunk (optional)
        <input name="trunk" autoComplete="off" autoCapitalize="none" spellcheck={false} />
      </label>
      <label class="field">
        Script that handles it (optional; else you do, from here)
        <input
          name="script"
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          placeholder="scripts/echo.ts"
        />
      </label>
    </Dialog>
  );
}
