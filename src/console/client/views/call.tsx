/** One call, while it is up and when it is over: its signalling as a ladder, its sound over time, its log, its recordings. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { CapturedMessage } from "../../../control/capture/capture.ts";
import type { KeptRecord } from "../../../control/records.ts";
import { callsFreshness, type ListedCall } from "../calls.ts";
import { clock, moment, shortUri } from "../format.ts";
import { Ladder } from "../ladder/ladder.tsx";
import { Reader } from "../ladder/reader.tsx";
import { type FeedEvent, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { to } from "../route.ts";
import type { LogLine } from "../shapes.ts";
import { Download } from "../ui/download.tsx";
import { LogLines } from "../ui/log-lines.tsx";
import { Card, Empty, Facts, type FactsProps, View } from "../ui/view.tsx";
import { CallActions } from "./call-actions.tsx";
import { Recordings } from "./call-recordings.tsx";
import { CallSound } from "./call-sound.tsx";
import { Since, State } from "./calls.tsx";
import { Outcome } from "./past-calls.tsx";

/** As many as the API takes at once. */
const mostCallIds = 16;

export function Call({ callId }: { callId: string }) {
  const { value: up, error } = useLive<readonly ListedCall[]>(paths.calls, callsFreshness);
  const found = up?.find((one) => one.callId === callId);
  // What was known of it stays when it is over, until its record is there.
  const kept = useRef<ListedCall | undefined>(undefined);
  if (found !== undefined) kept.current = found;
  const mine = (event: FeedEvent) => event.callId === callId;
  const { value: records } = useLive<readonly KeptRecord[]>(paths.records({ callId }), { every: 5000, on: mine });
  const record = found === undefined ? records?.[0] : undefined;
  const call = kept.current;

  // A proxy forwards it, or it was long ago: its messages may say more.
  const foreign = up !== undefined && records !== undefined && call === undefined && record === undefined;
  const family = useFamily(callId, up ?? [], found === undefined ? records?.[0] : undefined);
  const from = record?.caller ?? call?.from;
  const called = record?.callee ?? call?.to;
  return (
    <View
      title={from === undefined || called === undefined ? "Call" : `${shortUri(from)} → ${shortUri(called)}`}
      error={error}
      aside={<Standing call={found} record={record} />}
      tools={found !== undefined && <CallActions call={found} />}
    >
      <Card>
        {foreign ? (
          <Facts
            facts={[
              ["Handler", "none: it is forwarded, or over without a record"],
              ["Call-ID", <span class="mono">{callId}</span>],
            ]}
          />
        ) : (
          <Facts facts={found === undefined && record !== undefined ? factsOfRecord(record) : factsOfCall(call)} />
        )}
      </Card>
      <Signalling callIds={family} live={found !== undefined || foreign} />
      <CallSound call={call} asked={soundOf({ callId, call: found, foreign })} record={record} />
      <div class="split">
        <CallLog callId={callId} mine={mine} />
        <Recordings call={call?.id ?? record?.call} mine={mine} />
      </div>
    </View>
  );
}

/** What its sound is asked for by while it is up: our id, or the Call-ID of one that is forwarded. */
function soundOf({ callId, call, foreign }: { callId: string; call: ListedCall | undefined; foreign: boolean }) {
  return foreign ? callId : call?.id;
}

function Standing({ call, record }: { call: ListedCall | undefined; record: KeptRecord | undefined }) {
  if (call !== undefined)
    return (
      <span>
        <State call={call} /> <Since call={call} />
      </span>
    );
  if (record === undefined) return null;
  if (record.answer !== undefined) return <span class="quiet">ended after {clock(record.seconds)}</span>;
  return (
    <span>
      <Outcome record={record} />
    </span>
  );
}

type FactRows = FactsProps["facts"];

function factsOfCall(call: ListedCall | undefined): FactRows {
  if (call === undefined) return [];
  return [
    ["Name", call.name],
    ["Direction", call.direction],
    ["Handler", call.handler],
    ["Codec", call.codec],
    ["Encryption", securityOf(call.security)],
    ["Begun", moment(call.since)],
    ["Answered", call.answered === undefined ? undefined : moment(call.answered)],
    ["From the address", call.source],
    placedBy(call),
    ["Call-ID", <span class="mono">{call.callId}</span>],
  ];
}

function factsOfRecord(record: KeptRecord): FactRows {
  return [
    ["Direction", record.direction],
    ["Handler", record.handler ?? (record.kind === "forwarded" ? "forwarded" : undefined)],
    ["Codec", record.codec],
    ["Encryption", securityOf(record.security)],
    ["Begun", moment(record.begin)],
    ["Answered", record.answer === undefined ? undefined : moment(record.answer)],
    ["Ended", moment(record.end)],
    ["Duration", record.answer === undefined ? undefined : clock(record.seconds)],
    ["Ended by", record.cause === undefined ? record.ending : `${record.ending}, ${record.cause}`],
    ["Let in as", record.user],
    ["Source", record.source],
    placedBy(record),
    [
      "Sent to",
      record.targets
        .map(({ uri, status }) => `${shortUri(uri)}${status === undefined ? "" : ` (${status})`}`)
        .join(", "),
    ],
    ["Call-ID", <span class="mono">{record.callId}</span>],
  ];
}

/** The way to the call whose handler placed this one. */
function placedBy({ placedBy: by }: { readonly placedBy?: string | undefined }): FactRows[number] {
  return ["Placed by", by === undefined ? undefined : <a href={to("calls", "call", by)}>another call</a>];
}

function securityOf(security: string | undefined): string | undefined {
  const words: Readonly<Record<string, string>> = {
    none: "none",
    sdes: "SRTP, keys by SDES",
    dtls: "SRTP, keys by DTLS",
  };
  return security === undefined ? undefined : (words[security] ?? security);
}

/**
 * The Call-IDs of a call and of those that its handler placed, or whose handler placed it: their messages are one story.
 * A Call-ID with a comma, which RFC 3261 allows in none, could not be asked for.
 */
function useFamily(callId: string, up: readonly ListedCall[], record: KeptRecord | undefined): readonly string[] {
  const around =
    record === undefined
      ? undefined
      : paths.records({ from: record.begin - 1000, until: record.end + 1000, limit: 500 });
  const { value: records } = useLive<readonly KeptRecord[]>(around, {});
  const relatives = useRef(new Set<string>());
  const all = [...up, ...(records ?? [])];
  const mine = all.find((one) => one.callId === callId);
  if (mine?.placedBy !== undefined) relatives.current.add(mine.placedBy);
  for (const one of all) if (one.placedBy === callId) relatives.current.add(one.callId);
  return [callId, ...relatives.current].filter((id) => !id.includes(",")).slice(0, mostCallIds);
}

function Signalling({ callIds, live }: { callIds: readonly string[]; live: boolean }) {
  const [callId = ""] = callIds;
  const { value, error } = useLive<readonly CapturedMessage[]>(
    callIds.length === 0 ? undefined : paths.capture({ callId: callIds.join(","), limit: 500 }),
    {
      ...(live && { every: 2000 }),
      on: (event) => event.callId !== undefined && callIds.includes(event.callId),
    },
  );
  const [chosen, choose] = useState<number | undefined>(undefined);
  const first = value?.[0]?.id;
  useEffect(() => {
    if (chosen === undefined && first !== undefined) choose(first);
  }, [first, chosen]);
  return (
    <section class="card" aria-label="Signalling">
      <header>
        <h2>Signalling</h2>
        {value !== undefined && value.length > 0 && (
          <Download path={paths.pcap(callId)} name={`${callId.replace(/[^\w.-]+/g, "_")}.pcap`}>
            Download as pcap
          </Download>
        )}
      </header>
      {value === undefined || value.length === 0 ? (
        <Empty hint={error?.message ?? "Write capture: true into the configuration to keep the messages of calls."}>
          No message of this call is kept.
        </Empty>
      ) : (
        <div class="signalling">
          <Ladder messages={value} chosen={chosen} choose={choose} />
          <Reader message={value.find(({ id }) => id === chosen)} />
        </div>
      )}
    </section>
  );
}

function CallLog({ callId, mine }: { callId: string; mine: (event: FeedEvent) => boolean }) {
  const { value } = useLive<readonly LogLine[]>(paths.log({ call: callId, limit: 500 }), { every: 5000, on: mine });
  return (
    <Card title="Log">
      {value === undefined || value.length === 0 ? (
        <Empty>The log says nothing of this call.</Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is one that the keyboard must reach
        <section class="bounded" tabIndex={0} aria-label="Log of the call">
          <LogLines lines={value} without={["callId", "call"]} />
        </section>
      )}
    </Card>
  );
}
