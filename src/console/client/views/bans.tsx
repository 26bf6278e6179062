/** Addresses that are not answered: why, until when; banned and let in again by hand. */
import { signal } from "@preact/signals";
import type { StatusBan } from "../../../control/status.ts";
import { ask } from "../api.ts";
import { count, moment, span } from "../format.ts";
import { of, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { Dialog, textOf } from "../ui/dialog.tsx";
import { type Column, Grid } from "../ui/grid.tsx";
import { now } from "../ui/now.ts";
import { doing, say } from "../ui/toast.tsx";
import { Empty, View } from "../ui/view.tsx";

const adding = signal(false);

export function Bans() {
  const { value, error, again } = useLive<readonly StatusBan[]>(paths.bans, { every: 10_000, on: of("ban.") });
  const lift = (source: string) =>
    void doing(`${source} is let in again`, () => ask(paths.ban(source), { method: "DELETE" })).then(again);
  return (
    <View
      title="Bans"
      error={error}
      tools={
        <button
          type="button"
          onClick={() => {
            adding.value = true;
          }}
        >
          Ban an address
        </button>
      }
    >
      {value !== undefined && (
        <Grid
          label={`Bans, ${count(value.length)}`}
          rows={value}
          columns={columns(lift)}
          id={({ source }) => source}
          card={(ban) => [
            [ban.source, <Lift key="lift" ban={ban} lift={lift} />],
            [ban.why, <Left key="left" until={ban.until} />],
          ]}
          empty={
            <Empty hint="Addresses that guess passwords or scan for numbers appear here.">No address is banned.</Empty>
          }
        />
      )}
      {adding.value && (
        <Dialog
          title="Ban an address"
          action="Ban"
          danger
          close={() => {
            adding.value = false;
          }}
          send={async (form) => {
            const source = textOf(form, "source");
            const seconds = Math.round(Number(textOf(form, "hours")) * 3600);
            await ask(paths.bans, { method: "POST", body: { source, seconds } });
            say(`${source} is banned`);
            again();
          }}
        >
          <label class="field">
            IP address
            <input name="source" required autoComplete="off" spellcheck={false} placeholder="203.0.113.7" />
          </label>
          <label class="field">
            For so many hours
            <input name="hours" type="number" min="0.1" step="0.1" max="8760" defaultValue="24" required />
          </label>
          <p class="quiet">Its connections are closed. Addresses that the configuration trusts are never banned.</p>
        </Dialog>
      )}
    </View>
  );
}

const columns = (lift: (source: string) => void): readonly Column<StatusBan>[] => [
  {
    title: "Address",
    width: "minmax(10rem, 1fr)",
    show: ({ source }) => <span class="mono">{source}</span>,
    by: ({ source }) => source,
  },
  { title: "Why", width: "minmax(10rem, 2fr)", show: ({ why }) => why, by: ({ why }) => why },
  { title: "Until", width: "9rem", show: ({ until }) => moment(until), by: ({ until }) => until },
  {
    title: "Time left",
    width: "7rem",
    align: "right",
    show: ({ until }) => <Left until={until} />,
    by: ({ until }) => until,
  },
  { title: "Action", width: "6rem", align: "right", show: (ban) => <Lift ban={ban} lift={lift} /> },
];

function Left({ until }: { until: number }) {
  return <>{span((until - now.value) / 1000)}</>;
}

function Lift({ ban: { source }, lift }: { ban: StatusBan; lift: (source: string) => void }) {
  return (
    <button type="button" class="small" aria-label={`End the ban of ${source}`} onClick={() => lift(source)}>
      End
    </button>
  );
}
