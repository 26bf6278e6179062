/** Who may register and call: accounts of the configuration, and of the store, where they are added, changed and removed. */
import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { AccountView } from "../../../control/accounts.ts";
import { ask } from "../api.ts";
import { count } from "../format.ts";
import { of, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { Dialog } from "../ui/dialog.tsx";
import { type Column, Grid } from "../ui/grid.tsx";
import { Search } from "../ui/search.tsx";
import { say } from "../ui/toast.tsx";
import { Empty, Tag, View } from "../ui/view.tsx";
import { AccountForm } from "./account-form.tsx";

const wanted = signal("");
/** What is being done: a new account, one that is changed, one that is removed. */
const task = signal<{ type: "add" } | { type: "edit" | "remove"; account: AccountView } | undefined>(undefined);
const close = () => {
  task.value = undefined;
};

export function Accounts() {
  const { value, error, again } = useLive<readonly AccountView[]>(paths.accounts, {
    every: 30_000,
    on: of("account.", "config."),
  });
  const rows = useMemo(() => {
    const text = wanted.value.toLowerCase();
    return (value ?? []).filter(({ user, domain, name, description }) =>
      [user, domain, name, description].join("\n").toLowerCase().includes(text),
    );
  }, [value, wanted.value]);
  const current = task.value;
  return (
    <View
      title="Accounts"
      error={error}
      tools={
        <>
          <Search text={wanted} label="Find accounts" placeholder="Find by user, name…" />
          <button
            type="button"
            onClick={() => {
              task.value = { type: "add" };
            }}
          >
            Add an account
          </button>
        </>
      }
    >
      {value !== undefined && (
        <Grid
          label={`Accounts, ${count(rows.length)}`}
          rows={rows}
          columns={columns}
          id={({ user, domain }) => `${user}@${domain ?? ""}`}
          card={(account) => [
            [nameOf(account), account.disabled ? <Tag mood="warn">disabled</Tag> : ""],
            [account.name ?? "", <Actions key="actions" account={account} />],
          ]}
          open={(account) => {
            if (account.kept === "store") task.value = { type: "edit", account };
          }}
          empty={
            <Empty
              hint={
                wanted.value === "" ? "Add one here, or name them under accounts: in the configuration." : undefined
              }
            >
              {wanted.value === "" ? "There are no accounts." : `None of ${count(value.length)} matches.`}
            </Empty>
          }
        />
      )}
      {current?.type === "add" && <AccountForm close={close} sent={again} />}
      {current?.type === "edit" && <AccountForm account={current.account} close={close} sent={again} />}
      {current?.type === "remove" && <Remove account={current.account} sent={again} />}
    </View>
  );
}

function Remove({ account, sent }: { account: AccountView; sent: () => void }) {
  return (
    <Dialog
      title={`Remove ${nameOf(account)}?`}
      action="Remove"
      danger
      close={close}
      send={async () => {
        await ask(paths.account(account.user, account.domain), { method: "DELETE" });
        say(`${nameOf(account)} is removed`);
        sent();
      }}
    >
      <p>Its phones are registered no longer, and cannot register again. Calls that are up go on.</p>
    </Dialog>
  );
}

const columns: readonly Column<AccountView>[] = [
  { title: "User", width: "minmax(8rem, 1fr)", show: ({ user }) => user, by: ({ user }) => user },
  {
    title: "Domain",
    width: "minmax(8rem, 1fr)",
    show: ({ domain }) => domain ?? <span class="quiet">any of ours</span>,
    by: ({ domain }) => domain,
  },
  { title: "Name", width: "minmax(8rem, 1.2fr)", show: ({ name }) => name ?? "–", by: ({ name }) => name },
  {
    title: "Description",
    width: "minmax(8rem, 1.2fr)",
    show: ({ description }) => description ?? "–",
    by: ({ description }) => description,
  },
  {
    title: "Kept in",
    width: "8rem",
    show: ({ kept }) => <span class="quiet">{kept}</span>,
    by: ({ kept }) => kept,
  },
  {
    title: "State",
    width: "6rem",
    show: ({ disabled }) => (disabled ? <Tag mood="warn">disabled</Tag> : <span class="quiet">enabled</span>),
    by: ({ disabled }) => Number(disabled),
  },
  { title: "Actions", width: "10.5rem", align: "right", show: (account) => <Actions account={account} /> },
];

function Actions({ account }: { account: AccountView }) {
  if (account.kept === "configuration") return <span class="quiet">in the file</span>;
  const name = nameOf(account);
  return (
    <span class="actions tight">
      <button
        type="button"
        class="small"
        aria-label={`Edit ${name}`}
        onClick={() => {
          task.value = { type: "edit", account };
        }}
      >
        Edit
      </button>
      <button
        type="button"
        class="small"
        aria-label={`Remove ${name}`}
        onClick={() => {
          task.value = { type: "remove", account };
        }}
      >
        Remove
      </button>
    </span>
  );
}

function nameOf({ user, domain }: AccountView): string {
  return domain === undefined ? user : `${user}@${domain}`;
}
