/** Calls: those that are up, those that are over, and one of them. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { poorMos } from "../../../control/quality.ts";
import { callsFreshness, type ListedCall, leastMos, moodOfMos } from "../calls.ts";
import { clock, count, measure, percent, shortUri } from "../format.ts";
import { useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { go, to } from "../route.ts";
import { type Column, Grid } from "../ui/grid.tsx";
import { now } from "../ui/now.ts";
import { Search } from "../ui/search.tsx";
import { Empty, Tag, View } from "../ui/view.tsx";
import { Call } from "./call.tsx";
import { ForwardedCalls } from "./forwarded-calls.tsx";
import type { ViewArguments } from "./index.ts";
import { PastCalls } from "./past-calls.tsx";
import { PlaceCall } from "./place-call.tsx";

const wanted = signal("");
const placing = signal(false);

export function Calls({ path, query }: ViewArguments) {
  const [which, callId] = path;
  if (which === "past") return <PastCalls />;
  if (which === "forwarded") return <ForwardedCalls />;
  if (which === "call" && callId !== undefined) return <Call callId={callId} />;
  return <LiveCalls poor={query.has("poor")} />;
}

/** The way between the lists. */
export function CallLists({ current }: { current: "live" | "forwarded" | "past" }) {
  const lists = [
    ["live", "Up now", to("calls")],
    ["forwarded", "Forwarded", to("calls", "forwarded")],
    ["past", "Past", to("calls", "past")],
  ] as const;
  return (
    <nav class="tabs" aria-label="Calls">
      {lists.map(([name, title, href]) => (
        <a key={name} href={href} {...(current === name && { "aria-current": "page" })}>
          {title}
        </a>
      ))}
    </nav>
  );
}

function LiveCalls({ poor }: { poor: boolean }) {
  const { value, error } = useLive<readonly ListedCall[]>(paths.calls, callsFreshness);
  const rows = useMemo(() => {
    const all = matching(value ?? [], wanted.value);
    return poor ? all.filter(({ quality }) => (leastMos(quality) ?? poorMos) < poorMos) : all;
  }, [value, wanted.value, poor]);
  return (
    <View
      title="Calls"
      error={error}
      aside={<CallLists current="live" />}
      tools={
        <>
          {poor && <a href={to("calls")}>Show those that sound well, too</a>}
          <Search text={wanted} label="Find calls" placeholder="Find by party, handler, codec…" />
          <button
            type="button"
            onClick={() => {
              placing.value = true;
            }}
          >
            Place a call
          </button>
        </>
      }
    >
      {value !== undefined && (
        <Grid
          label={`Calls that are up, ${count(rows.length)}`}
          rows={rows}
          columns={columns}
          id={({ id }) => id}
          card={(call) => [
            [`${shortUri(call.from)} → ${shortUri(call.to)}`, <Since key="since" call={call} />],
            [
              <State key="state" call={call} />,
              call.quality === undefined ? (
                (call.handler ?? "")
              ) : (
                <Mos key="mos" value={leastMos(call.quality)} words />
              ),
            ],
          ]}
          open={({ callId }) => go(to("calls", "call", callId))}
          empty={
            <Empty hint={value.length === 0 ? "They appear here as they come." : undefined}>
              {value.length === 0 ? "No call is up." : `None of ${count(value.length)} calls matches.`}
            </Empty>
          }
        />
      )}
      {placing.value && (
        <PlaceCall
          close={() => {
            placing.value = false;
          }}
        />
      )}
    </View>
  );
}

const columns: readonly Column<ListedCall>[] = [
  { title: "State", width: "6.5rem", show: (call) => <State call={call} />, by: ({ state }) => state },
  {
    title: "From",
    width: "minmax(8rem, 1.4fr)",
    show: ({ from, callId }) => (
      <a href={to("calls", "call", callId)} tabIndex={-1}>
        <Party uri={from} />
      </a>
    ),
    by: ({ from }) => shortUri(from),
  },
  {
    title: "To",
    width: "minmax(8rem, 1.4fr)",
    show: (call) => <Party uri={call.to} />,
    by: (call) => shortUri(call.to),
  },
  { title: "Handler", width: "minmax(6rem, 1fr)", show: ({ handler }) => handler ?? "–", by: ({ handler }) => handler },
  { title: "Codec", width: "4.5rem", show: ({ codec }) => codec ?? "–", by: ({ codec }) => codec },
  {
    title: "Jitter in / out",
    width: "7.5rem",
    align: "right",
    show: ({ quality }) => pair(quality?.received.jitter, quality?.sent.jitter, (n) => measure(n), "ms"),
    by: ({ quality }) => quality?.received.jitter,
  },
  {
    title: "Loss in / out",
    width: "7.5rem",
    align: "right",
    show: ({ quality }) => pair(quality?.received.loss, quality?.sent.loss, percent, ""),
    by: ({ quality }) => quality?.received.loss,
  },
  {
    title: "MOS in / out",
    width: "6.5rem",
    align: "right",
    show: ({ quality }) =>
      quality === undefined ? (
        "–"
      ) : (
        <>
          <Mos value={quality.received.mos} /> / <Mos value={quality.sent.mos} />
        </>
      ),
    by: ({ quality }) => leastMos(quality),
  },
  {
    title: "Duration",
    width: "5rem",
    align: "right",
    show: (call) => <Since call={call} />,
    by: ({ answered, since }) => -(answered ?? since),
  },
];

function pair(
  one: number | undefined,
  other: number | undefined,
  show: (n: number) => string,
  unit: string,
): ComponentChildren {
  if (one === undefined && other === undefined) return "–";
  const shown = (n: number | undefined) => (n === undefined ? "–" : show(n).replace(/ %$/, ""));
  return `${shown(one)} / ${shown(other)} ${unit === "" ? "%" : unit}`;
}

/** Most calls are answered: what is not that stands out. */
export function State({ call: { state } }: { call: ListedCall }) {
  if (state === "answered") return <span class="quiet">answered</span>;
  return <Tag mood={state === "ringing" ? "warn" : ""}>{state}</Tag>;
}

/** A party by its user, with the domain beside it. */
export function Party({ uri }: { uri: string }) {
  const [user = "", ...domain] = shortUri(uri).split("@");
  return (
    <>
      {user}
      {domain.length > 0 && <span class="quiet">@{domain.join("@")}</span>}
    </>
  );
}

export function Mos({ value, words = false }: { value: number | undefined; words?: boolean }) {
  return (
    <span class={moodOfMos(value)}>
      {words && "MOS "}
      {value === undefined ? "–" : value.toFixed(1)}
    </span>
  );
}

/** How long it is up; while it rings, how long it rings. */
export function Since({ call: { answered, since } }: { call: ListedCall }) {
  return <>{clock((now.value - (answered ?? since)) / 1000)}</>;
}

function matching(calls: readonly ListedCall[], text: string): readonly ListedCall[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return calls;
  return calls.filter(({ from, to: called, handler, codec, state, name, callId, source }) => {
    const all = [from, called, handler, codec, state, name, callId, source].join("\n").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}
