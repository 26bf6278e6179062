/** How a call's sound arrives, both ways: now, and over time. */
import { useRef } from "preact/hooks";
import type { LiveQuality, Quality, QualityMoment, QualitySample } from "../../../control/quality.ts";
import type { KeptRecord } from "../../../control/records.ts";
import { type ListedCall, moodOfMos } from "../calls.ts";
import { count, measure, percent } from "../format.ts";
import { useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { Chart, type ChartProps } from "../ui/chart.tsx";
import { Empty } from "../ui/view.tsx";

export interface CallSoundProps {
  readonly call: ListedCall | undefined;
  /** What a call that is up is asked for by; undefined: it is over. */
  readonly asked: string | undefined;
  readonly record: KeptRecord | undefined;
}

export function CallSound({ call, asked, record }: CallSoundProps) {
  const { value: now } = useLive<LiveQuality>(asked === undefined ? undefined : paths.quality(asked), { every: 2500 });
  // What was drawn while it was up stays when it is over.
  const kept = useRef<LiveQuality | undefined>(undefined);
  if (now !== undefined) kept.current = now;
  const value = kept.current;
  const quality = record?.quality ?? value?.now ?? call?.quality;
  return (
    <section class="card" aria-label="Sound">
      <header>
        <h2>Sound</h2>
        {quality?.roundTrip !== undefined && <span class="quiet">round trip {measure(quality.roundTrip, " ms")}</span>}
      </header>
      <div class="body sound">
        {quality === undefined ? (
          <Empty>No packets of this call were counted.</Empty>
        ) : (
          <QualityTable quality={quality} />
        )}
        {value !== undefined && value.series.length > 1 && <SoundCharts series={value.series} />}
      </div>
    </section>
  );
}

function QualityTable({ quality }: { quality: Quality }) {
  const rows = [
    ["Received", quality.received],
    ["Sent", quality.sent],
  ] as const;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is one that the keyboard must reach
    <section class="scroller" tabIndex={0} aria-label="Both directions">
      <table>
        <thead>
          <tr>
            <th scope="col">Direction</th>
            <th scope="col" class="num">
              Packets
            </th>
            <th scope="col" class="num">
              Lost
            </th>
            <th scope="col" class="num">
              Loss
            </th>
            <th scope="col" class="num">
              Jitter
            </th>
            <th scope="col" class="num">
              MOS
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, stream]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="num">{count(stream.packets)}</td>
              <td class="num">{stream.lost === undefined ? "–" : count(stream.lost)}</td>
              <td class="num">{percent(stream.loss)}</td>
              <td class="num">{measure(stream.jitter, " ms")}</td>
              <td class={`num ${moodOfMos(stream.mos)}`}>{measure(stream.mos)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function SoundCharts({ series }: { series: readonly QualitySample[] }) {
  const times = series.map(({ at }) => at);
  const both = (of: (moment: QualityMoment) => number | undefined) => [
    { label: "received", color: "--series-1", values: series.map(({ received }) => of(received)) },
    { label: "sent", color: "--series-2", values: series.map(({ sent }) => of(sent)) },
  ];
  return (
    <div class="figures">
      <Figure
        times={times}
        label="Jitter"
        series={both(({ jitter }) => jitter)}
        show={(n) => measure(n, " ms")}
        atLeast={5}
      />
      <Figure times={times} label="Packets lost" series={both(({ loss }) => loss)} show={percent} atLeast={0.02} />
      <Figure
        times={times}
        label="Mean opinion score"
        series={both(({ mos }) => mos)}
        show={(n) => measure(n)}
        from={1}
        atLeast={4.5}
      />
      <Figure times={times} label="Packets a second" series={both(({ rate }) => rate)} show={count} atLeast={60} />
    </div>
  );
}

/** One chart of several that share their times, and what is pointed at. */
function Figure(props: Omit<ChartProps, "sync">) {
  return (
    <figure>
      <figcaption>{props.label}</figcaption>
      <Chart {...props} sync="sound" />
    </figure>
  );
}
