/** Who is registered, from where, for how long. */
import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { StatusContact } from "../../../control/status.ts";
import { count, shortUri, span } from "../format.ts";
import { of, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { type Column, Grid } from "../ui/grid.tsx";
import { Search } from "../ui/search.tsx";
import { Empty, View } from "../ui/view.tsx";
import { Party } from "./calls.tsx";

const wanted = signal("");

export function Registrations() {
  const { value, error } = useLive<readonly StatusContact[]>(paths.bindings, {
    every: 10_000,
    on: of("registration.", "account."),
  });
  const rows = useMemo(() => {
    const text = wanted.value.toLowerCase();
    return (value ?? []).filter((row) => Object.values(row).join("\n").toLowerCase().includes(text));
  }, [value, wanted.value]);
  return (
    <View
      title="Registrations"
      error={error}
      tools={<Search text={wanted} label="Find registrations" placeholder="Find by user, address, phone…" />}
    >
      {value !== undefined && (
        <Grid
          label={`Registrations, ${count(rows.length)}`}
          rows={rows}
          columns={columns}
          id={({ user, contact, source }) => `${user} ${contact} ${source}`}
          card={(row) => [
            [row.user, `${span(row.expires)} left`],
            [row.agent ?? shortUri(row.contact), `${row.transport} ${row.source}`],
          ]}
          empty={
            <Empty hint={wanted.value === "" ? "They appear here as phones register." : undefined}>
              {wanted.value === "" ? "Nobody is registered." : `None of ${count(value.length)} matches.`}
            </Empty>
          }
        />
      )}
    </View>
  );
}

const columns: readonly Column<StatusContact>[] = [
  { title: "User", width: "minmax(9rem, 1.2fr)", show: ({ user }) => <Party uri={user} />, by: ({ user }) => user },
  {
    title: "Contact",
    width: "minmax(9rem, 1.8fr)",
    show: ({ contact }) => <span title={contact}>{contact.replace(/^sips?:/, "")}</span>,
    by: ({ contact }) => contact,
  },
  { title: "Transport", width: "5.5rem", show: ({ transport }) => transport, by: ({ transport }) => transport },
  { title: "From", width: "minmax(8rem, 1fr)", show: ({ source }) => source, by: ({ source }) => source },
  {
    title: "Phone",
    width: "minmax(8rem, 1.2fr)",
    show: ({ agent }) => <span title={agent}>{agent ?? "–"}</span>,
    by: ({ agent }) => agent,
  },
  {
    title: "Time left",
    width: "6rem",
    align: "right",
    show: ({ expires }) => span(expires),
    by: ({ expires }) => expires,
  },
];
