/** An account, as it is added or changed. A password is written only: nobody reads it back. */
import type { AccountView } from "../../../control/accounts.ts";
import { ask } from "../api.ts";
import { paths } from "../paths.ts";
import { Dialog, textOf } from "../ui/dialog.tsx";
import { say } from "../ui/toast.tsx";

export interface AccountFormProps {
  /** Undefined: a new one. */
  readonly account?: AccountView;
  readonly close: () => void;
  readonly sent: () => void;
}

export function AccountForm({ account, close, sent }: AccountFormProps) {
  const send = async (form: FormData) => {
    const text = (name: string) => textOf(form, name);
    const password = form.get("password");
    const secret = typeof password === "string" && password !== "" ? { password } : {};
    const disabled = form.get("disabled") !== null;
    if (account === undefined) {
      const given = Object.fromEntries(
        ["user", "domain", "name", "description"].map((name) => [name, text(name)]).filter(([, value]) => value !== ""),
      );
      await ask(paths.accounts, { method: "POST", body: { ...given, ...secret, disabled } });
      say(`${text("user")} is added`);
    } else {
      const orNull = (name: string) => (text(name) === "" ? null : text(name));
      await ask(paths.account(account.user, account.domain), {
        method: "PATCH",
        body: { name: orNull("name"), description: orNull("description"), ...secret, disabled },
      });
      say(`${account.user} is changed`);
    }
    sent();
  };
  return (
    <Dialog
      title={account === undefined ? "Add an account" : `Edit ${account.user}`}
      action={account === undefined ? "Add" : "Save"}
      close={close}
      send={send}
    >
      {account === undefined && (
        <>
          <label class="field">
            User
            <input name="user" required autoComplete="off" autoCapitalize="none" spellcheck={false} />
          </label>
          <label class="field">
            Domain (optional; else any of ours)
            <input
              name="domain"
              autoComplete="off"
              autoCapitalize="none"
              spellcheck={false}
              placeholder="example.com"
            />
          </label>
        </>
      )}
      <label class="field">
        {account === undefined ? "Password" : "New password (empty: as it is)"}
        <input name="password" type="password" autoComplete="new-password" required={account === undefined} />
      </label>
      <label class="field">
        Name that people see (optional)
        <input name="name" autoComplete="off" defaultValue={account?.name ?? ""} />
      </label>
      <label class="field">
        Description (optional)
        <input name="description" autoComplete="off" defaultValue={account?.description ?? ""} />
      </label>
      <label class="check">
        <input name="disabled" type="checkbox" defaultChecked={account?.disabled ?? false} />
        Disabled: nobody gets in with it
      </label>
    </Dialog>
  );
}
