/** Calls that are over: the records, the newest first, found by user, outcome and quality. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { poorMos } from "../../../control/quality.ts";
import type { KeptRecord } from "../../../control/records.ts";
import { ApiError, get } from "../api.ts";
import { clock, count, moment, shortUri } from "../format.ts";
import { of, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { go, to } from "../route.ts";
import { phraseOf } from "../sip.ts";
import { type Column, Grid } from "../ui/grid.tsx";
import { Empty, Tag, View } from "../ui/view.tsx";
import { CallLists, Mos, Party } from "./calls.tsx";

const user = signal("");
const outcome = signal<"all" | "answered" | "failed" | "poor">("all");
/** Records of one request. */
const pageSize = 200;

export function PastCalls() {
  const query = queryOf(user.value.trim(), outcome.value);
  const path = paths.records({ ...query, limit: pageSize });
  const { value, error } = useLive<readonly KeptRecord[]>(path, {
    every: 15_000,
    on: of("call.ended", "call.recorded"),
  });
  const [older, setOlder] = useState<readonly KeptRecord[]>([]);
  useEffect(() => setOlder([]), [path]);
  const rows = useMemo(() => joined(value ?? [], older), [value, older]);
  const more = async () => {
    const last = rows.at(-1);
    if (last === undefined) return;
    try {
      const next = await get<readonly KeptRecord[]>(paths.records({ ...query, limit: pageSize, before: last.id }));
      setOlder(joined(rows, next));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  };
  return (
    <View
      title="Calls"
      error={error}
      aside={<CallLists current="past" />}
      tools={
        <>
          <input
            type="search"
            aria-label="User of caller or callee"
            placeholder="User, exactly"
            defaultValue={user.value}
            onChange={({ currentTarget }) => {
              user.value = currentTarget.value;
            }}
          />
          <select
            aria-label="Which calls"
            value={outcome.value}
            onChange={({ currentTarget: { value } }) => {
              outcome.value = value === "answered" || value === "failed" || value === "poor" ? value : "all";
            }}
          >
            <option value="all">All calls</option>
            <option value="answered">Answered</option>
            <option value="failed">Not answered</option>
            <option value="poor">Of poor quality</option>
          </select>
        </>
      }
    >
      {value !== undefined && (
        <>
          <Grid
            label={`Past calls, ${count(rows.length)}`}
            rows={rows}
            columns={columns}
            id={({ id }) => String(id)}
            card={(record) => [
              [`${shortUri(record.caller)} → ${shortUri(record.callee)}`, clock(record.seconds)],
              [<Outcome key="outcome" record={record} />, moment(record.begin)],
            ]}
            open={({ callId }) => go(to("calls", "call", callId))}
            empty={
              <Empty>
                {path === paths.records({ limit: pageSize }) ? "No call has ended yet." : "No record matches."}
              </Empty>
            }
          />
          {rows.length >= pageSize && rows.length % pageSize === 0 && (
            <p>
              <button type="button" onClick={() => void more()}>
                Show older calls
              </button>
            </p>
          )}
        </>
      )}
    </View>
  );
}

const columns: readonly Column<KeptRecord>[] = [
  { title: "Begun", width: "9rem", show: ({ begin }) => moment(begin), by: ({ begin }) => begin },
  {
    title: "From",
    width: "minmax(8rem, 1.3fr)",
    show: ({ caller, callId }) => (
      <a href={to("calls", "call", callId)} tabIndex={-1}>
        <Party uri={caller} />
      </a>
    ),
    by: ({ caller }) => shortUri(caller),
  },
  {
    title: "To",
    width: "minmax(8rem, 1.3fr)",
    show: ({ callee }) => <Party uri={callee} />,
    by: ({ callee }) => shortUri(callee),
  },
  { title: "Outcome", width: "minmax(9rem, 1fr)", show: (record) => <Outcome record={record} />, by: (r) => r.status },
  { title: "Ended by", width: "6rem", show: ({ ending }) => ending, by: ({ ending }) => ending },
  {
    title: "Handler",
    width: "minmax(6rem, 1fr)",
    show: ({ handler, kind }) => handler ?? (kind === "forwarded" ? "forwarded" : "–"),
    by: ({ handler }) => handler,
  },
  { title: "Codec", width: "4.5rem", show: ({ codec }) => codec ?? "–", by: ({ codec }) => codec },
  {
    title: "Worst MOS",
    width: "5.5rem",
    align: "right",
    show: ({ worstMos }) => <Mos value={worstMos} />,
    by: ({ worstMos }) => worstMos,
  },
  {
    title: "Duration",
    width: "5rem",
    align: "right",
    show: ({ seconds }) => clock(seconds),
    by: ({ seconds }) => seconds,
  },
];

export function Outcome({ record: { answer, status } }: { record: KeptRecord }) {
  if (answer !== undefined) return <span class="quiet">answered</span>;
  return (
    <Tag mood={status === 487 ? "" : status >= 500 && status < 600 ? "bad" : "warn"}>
      {status} {phraseOf(status)}
    </Tag>
  );
}

function queryOf(name: string, which: "all" | "answered" | "failed" | "poor") {
  return {
    user: name === "" ? undefined : name,
    answered: which === "answered" ? true : which === "failed" ? false : undefined,
    mosBelow: which === "poor" ? poorMos : undefined,
  };
}

function joined(newer: readonly KeptRecord[], older: readonly KeptRecord[]): readonly KeptRecord[] {
  const least = newer.at(-1)?.id ?? Number.POSITIVE_INFINITY;
  return [...newer, ...older.filter(({ id }) => id < least)];
}
