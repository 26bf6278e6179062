/** The ladder as a drawing that one can walk through: arrow keys or a click choose a message. */
// A drawing that is a list: the svg has the focus and names its active step, what is drawn around the steps is nothing to be told.
// biome-ignore-all lint/a11y/noNoninteractiveElementToInteractiveRole: see above
// biome-ignore-all lint/a11y/noInteractiveElementToNoninteractiveRole: see above
// biome-ignore-all lint/a11y/useAriaActivedescendantWithTabindex: it has one, in SVG's own spelling
import { useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CapturedMessage } from "../../../control/capture/capture.ts";
import { preciseTime } from "../format.ts";
import { rowByKey } from "../ui/window.ts";
import { type Ladder as LadderModel, ladderOf, lines, type Step } from "./model.ts";

export interface LadderProps {
  readonly messages: readonly CapturedMessage[];
  readonly chosen: number | undefined;
  readonly choose: (id: number) => void;
}

/** rem */
const sizes = { row: 2.5, head: 3.1, times: 7.2, narrowTimes: 4.2, narrow: 38 };

export function Ladder({ messages, chosen, choose }: LadderProps) {
  const name = useId();
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const ladder = useMemo(() => ladderOf(messages), [messages]);
  useLayoutEffect(() => {
    const { current } = place;
    if (current === null) return;
    const observer = new ResizeObserver(() => setWidth(current.clientWidth));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);

  const unit = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const narrow = width < sizes.narrow * unit;
  const left = (narrow ? sizes.narrowTimes : sizes.times) * unit;
  const row = sizes.row * unit;
  const head = sizes.head * unit;
  // Many parties: rather scrolled than unreadable.
  const drawn = Math.max(width, left + ladder.parties.length * (narrow ? 7 : 11) * unit);
  const at = lines(ladder.parties.length, left, drawn);
  const height = head + ladder.steps.length * row + unit;
  const index = ladder.steps.findIndex(({ message }) => message.id === chosen);

  const onKeyDown = (event: KeyboardEvent) => {
    const next = rowByKey(event.key, index, ladder.steps.length, 10);
    const step = next === undefined ? undefined : ladder.steps[next];
    if (step === undefined || next === undefined) return;
    event.preventDefault();
    choose(step.message.id);
    document.getElementById(`${name}-${step.message.id}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <div class="ladder" ref={place}>
      <svg
        width={drawn}
        height={height}
        role="listbox"
        aria-label={`${ladder.steps.length} messages`}
        aria-activedescendant={index < 0 ? undefined : `${name}-${chosen}`}
        // In SVG names of attributes keep their case: tabIndex would be none.
        tabindex={0}
        onKeyDown={onKeyDown}
      >
        <Lifelines ladder={ladder} at={at} head={head} height={height} unit={unit} narrow={narrow} />
        {ladder.steps.map((step, n) => (
          <Arrow
            key={step.message.id}
            id={`${name}-${step.message.id}`}
            step={step}
            x1={at[step.from] ?? 0}
            x2={at[step.to] ?? 0}
            y={head + n * row}
            row={row}
            width={drawn}
            unit={unit}
            time={narrow ? elapsed(step, ladder) : preciseTime(step.message.at)}
            chosen={step.message.id === chosen}
            choose={() => choose(step.message.id)}
            least={left}
            parties={[ladder.parties[step.from]?.label ?? "", ladder.parties[step.to]?.label ?? ""]}
          />
        ))}
      </svg>
    </div>
  );
}

interface LifelinesProps {
  readonly ladder: LadderModel;
  readonly at: readonly number[];
  readonly head: number;
  readonly height: number;
  readonly unit: number;
  readonly narrow: boolean;
}

function Lifelines({ ladder, at, head, height, unit, narrow }: LifelinesProps) {
  return (
    <g role="presentation">
      {ladder.parties.map(({ key, label, detail }, index) => (
        <g key={key} class={key === "siproc" ? "party us" : "party"} role="presentation">
          <line x1={at[index]} x2={at[index]} y1={head - unit * 0.4} y2={height} />
          <text x={at[index]} y={unit * 1.15} class="name" text-anchor="middle">
            {narrow ? label.replace(/:\d+$/, "") : label}
          </text>
          <text x={at[index]} y={unit * 2.2} class="detail" text-anchor="middle">
            {detail}
          </text>
        </g>
      ))}
    </g>
  );
}

interface ArrowProps {
  readonly id: string;
  readonly step: Step;
  readonly x1: number;
  readonly x2: number;
  readonly y: number;
  readonly row: number;
  readonly width: number;
  readonly unit: number;
  readonly time: string;
  readonly chosen: boolean;
  readonly choose: () => void;
  /** The label begins no farther to the left. */
  readonly least: number;
  readonly parties: readonly [string, string];
}

function Arrow({ id, step, x1, x2, y, row, width, unit, time, chosen, choose, least, parties }: ArrowProps) {
  const { label, kind, again, sdp } = step;
  const line = y + row * 0.74;
  // Half a rem is about what a character takes.
  const middle = Math.max((x1 + x2) / 2, least + (label.length + (sdp ? 4 : 0) + (again ? 6 : 0)) * unit * 0.25);
  const tip = Math.sign(x2 - x1) * unit * 0.55;
  return (
    <g
      id={id}
      role="option"
      aria-selected={chosen}
      class={`step ${kind}${again ? " again" : ""}${chosen ? " chosen" : ""}`}
      onClick={choose}
    >
      <rect x={0} y={y} width={width} height={row} class="ground" />
      <text x={unit * 0.5} y={line - unit * 0.1} class="time">
        {`${time} `}
      </text>
      <text x={middle} y={line - unit * 0.4} class="label" text-anchor="middle">
        {label}
        {sdp && <tspan class="sdp"> SDP</tspan>}
        {again && <tspan class="sdp"> again</tspan>}
      </text>
      {/* For those who hear it: the arrow says it to those who see. */}
      <text x={unit * 0.5} y={line} class="unseen">
        {` from ${parties[0]} to ${parties[1]}`}
      </text>
      <line x1={x1} x2={x2 - tip * 0.6} y1={line} y2={line} class="shaft" />
      <path d={`M${x2} ${line}l${-tip} ${-unit * 0.28}v${unit * 0.56}z`} class="tip" />
    </g>
  );
}

/** Since the first message: `+0.512`. */
function elapsed(step: Step, { steps }: LadderModel): string {
  const [first] = steps;
  const ms = first === undefined ? 0 : step.message.at - first.message.at;
  return `+${(ms / 1000).toFixed(ms < 100_000 ? 2 : 0)}`;
}
