/** Values over time, drawn by uPlot: what one points at in one chart shows in all. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { time } from "../format.ts";
import { shade } from "../theme.ts";

export interface Series {
  readonly label: string;
  /** A name of tokens.css: `--series-1`. */
  readonly color: string;
  /** One for each time; undefined: not known. */
  readonly values: readonly (number | undefined)[];
  readonly fill?: boolean;
}

export interface ChartProps {
  /** What it shows, for those who do not see it. */
  readonly label: string;
  /** ms since 1970. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly show: (value: number) => string;
  /** Takes more of a wall's height than others. */
  readonly tall?: boolean;
  /** The axis reaches at least so high, and begins at so much: 0 by default. */
  readonly atLeast?: number;
  readonly from?: number;
  /** Both ends of the time axis, ms since 1970; without: those of `times`. */
  readonly range?: readonly [number, number] | undefined;
  /** Charts of one name share what is pointed at. */
  readonly sync?: string;
}

export function Chart(props: ChartProps) {
  const { label, times, series, show, tall = false, range } = props;
  const height = heightHere(tall);
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const shape = `${shade.value}/${series.map((one) => `${one.label}${one.color}`).join()}/${height}`;

  useLayoutEffect(() => {
    const { current } = place;
    if (current === null) return;
    const made = new uPlot(optionsOf(current, latest, setPointed), dataOf(latest.current), current);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: current.clientWidth, height: made.height }));
    observer.observe(current);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [shape]);
  useLayoutEffect(() => {
    plot.current?.setData(dataOf(props));
  }, [times, series, range?.[0], range?.[1]]);

  const at = pointed ?? times.length - 1;
  const when = times[at];
  return (
    <>
      <div ref={place} class="chart" role="img" aria-label={`${label}: ${spoken(series, show)}`} />
      <p class="key" aria-hidden="true">
        {series.map(({ label: name, color, values }) => (
          <span key={name}>
            <i style={{ background: `var(${color})` }} />
            {series.length > 1 || pointed !== undefined ? `${name} ` : name}
            {(series.length > 1 || pointed !== undefined) && valueAt(values, at, show)}
          </span>
        ))}
        {pointed !== undefined && when !== undefined && <span>{time(when)}</span>}
      </p>
    </>
  );
}

function valueAt(values: Series["values"], at: number, show: (value: number) => string): string {
  const value = values[at];
  return value === undefined ? "–" : show(value);
}

function spoken(series: readonly Series[], show: (value: number) => string): string {
  return series
    .map(({ label, values }) => {
      const known = values.filter((value) => value !== undefined);
      const last = known.at(-1);
      if (last === undefined) return `${label} not known yet`;
      return `${label} now ${show(last)}, between ${show(Math.min(...known))} and ${show(Math.max(...known))}`;
    })
    .join("; ");
}

function dataOf({ times, series }: ChartProps): uPlot.AlignedData {
  return [times.map((ms) => ms / 1000), ...series.map(({ values }) => values.map((value) => value ?? null))];
}

function optionsOf(
  place: HTMLElement,
  latest: { readonly current: ChartProps },
  point: (index: number | undefined) => void,
): uPlot.Options {
  const { series, tall = false, sync } = latest.current;
  const height = heightHere(tall);
  const unit = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const color = (name: string) => colorOf(place, name);
  const font = `${Math.round(unit * 0.8)}px ${getComputedStyle(document.body).fontFamily}`;
  const axis = {
    stroke: color("--quiet"),
    font,
    ticks: { show: false },
    gap: 4,
  };
  return {
    width: place.clientWidth || 300,
    height: Math.round(height * unit),
    legend: { show: false },
    padding: [Math.round(unit * 0.6), Math.round(unit * 0.7), 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 6 },
      ...(sync !== undefined && { sync: { key: sync, setSeries: false } }),
    },
    scales: {
      x: {
        range: (_, min, max) => [...(latest.current.range?.map((ms) => ms / 1000) ?? [min, max])] as [number, number],
      },
      y: {
        range: (_, __, max) => {
          const { from = 0, atLeast = 1 } = latest.current;
          return [from, Math.max(atLeast, Number.isFinite(max) ? from + (max - from) * 1.12 : atLeast)];
        },
      },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: Math.round(unit * 1.4),
        space: unit * 5.5,
        values: (_, splits) =>
          splits.map((seconds) => time(seconds * 1000).slice(0, splitsNeedSeconds(splits) ? 8 : 5)),
      },
      {
        ...axis,
        grid: { stroke: color("--line"), width: 1 },
        size: (_, values) => Math.round(unit * (1 + 0.5 * Math.max(2, ...(values ?? []).map((text) => text.length)))),
        space: unit * 2,
        values: (_, splits) => splits.map((value) => latest.current.show(value)),
      },
    ],
    series: [
      {},
      ...series.map(({ label, color: name, fill = false }) => ({
        label,
        stroke: color(name),
        width: 1.5,
        points: { show: false },
        ...(fill && { fill: color(name).replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)") }),
      })),
    ],
    hooks: {
      setCursor: [(self) => point(self.cursor.idx ?? undefined)],
    },
  };
}

/** rem: on a wall there is room for taller ones. */
function heightHere(tall: boolean): number {
  return matchMedia("(min-width: 160rem)").matches ? (tall ? 18 : 12) : 7.5;
}

function splitsNeedSeconds(splits: readonly number[]): boolean {
  return splits.length > 1 && (splits[1] ?? 0) - (splits[0] ?? 0) < 60;
}

/** A canvas knows no variables of CSS: the colour as the element would have it. */
function colorOf(element: HTMLElement, name: string): string {
  const before = element.style.color;
  element.style.color = `var(${name})`;
  const color = getComputedStyle(element).color;
  element.style.color = before;
  return color;
}
