/** Calls that a proxy of ours forwards and whose sound goes through us. */
import type { StatusRelay } from "../../../control/status.ts";
import { clock, count, percent } from "../format.ts";
import { useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { go, to } from "../route.ts";
import { type Column, Grid } from "../ui/grid.tsx";
import { Empty, View } from "../ui/view.tsx";
import { CallLists } from "./calls.tsx";

export function ForwardedCalls() {
  const { value, error } = useLive<readonly StatusRelay[]>(paths.relays, { every: 3000 });
  return (
    <View title="Calls" error={error} aside={<CallLists current="forwarded" />}>
      {value !== undefined && (
        <Grid
          label={`Forwarded calls whose sound goes through the server, ${count(value.length)}`}
          rows={value}
          columns={columns}
          id={({ callId }) => callId}
          card={(relay) => [
            [relay.callId, clock(relay.age)],
            [`${count(relay.packets[0] + relay.packets[1])} packets`, `${lossOf(relay, 0)} / ${lossOf(relay, 1)} lost`],
          ]}
          open={({ callId }) => go(to("calls", "call", callId))}
          empty={
            <Empty hint="Routes with nat: relay, or that lead pages to phones, take calls' sound through the server.">
              No sound is forwarded.
            </Empty>
          }
        />
      )}
    </View>
  );
}

const columns: readonly Column<StatusRelay>[] = [
  {
    title: "Call-ID",
    width: "minmax(10rem, 2fr)",
    show: ({ callId }) => (
      <a class="mono" href={to("calls", "call", callId)} tabIndex={-1}>
        {callId}
      </a>
    ),
    by: ({ callId }) => callId,
  },
  ...([0, 1] as const).flatMap((side): Column<StatusRelay>[] => {
    const who = side === 0 ? "caller" : "callee";
    return [
      {
        title: `Packets of the ${who}`,
        width: "minmax(7rem, 1fr)",
        align: "right",
        show: ({ packets }) => count(packets[side]),
        by: ({ packets }) => packets[side],
      },
      {
        title: `Lost of the ${who}`,
        width: "8rem",
        align: "right",
        show: (relay) => lossOf(relay, side),
        by: ({ lost }) => lost[side],
      },
    ];
  }),
  { title: "Duration", width: "5rem", align: "right", show: ({ age }) => clock(age), by: ({ age }) => age },
];

function lossOf({ packets, lost }: StatusRelay, side: 0 | 1): string {
  const all = packets[side] + lost[side];
  return percent(all === 0 ? undefined : lost[side] / all);
}
