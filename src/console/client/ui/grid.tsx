/** A long list as a table of which only the rows in sight exist: sorted by its titles, walked through by keys. */
// The grid itself has the focus and names its active row (WAI-ARIA's aria-activedescendant); a <table> cannot leave out rows.
// biome-ignore-all lint/a11y/useFocusableInteractive: see above
// biome-ignore-all lint/a11y/useSemanticElements: see above
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { inSight, rowByKey, scrollTo } from "./window.ts";

export interface Column<T> {
  readonly title: string;
  /** As in grid-template-columns. */
  readonly width: string;
  readonly show: (row: T) => ComponentChildren;
  /** Makes the column one to sort by. */
  readonly by?: (row: T) => number | string | undefined;
  readonly align?: "right";
}

export interface GridProps<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly id: (row: T) => string;
  /** Where there is little room: two lines of two parts each. */
  readonly card: (
    row: T,
  ) => readonly [readonly [ComponentChildren, ComponentChildren], readonly [ComponentChildren, ComponentChildren]];
  /** Enter, or a click. */
  readonly open?: (row: T) => void;
  readonly empty: ComponentChildren;
}

/** Pixels; rem is 14 or 18 of them. */
const rowHeight = { wide: 2.45, narrow: 3.7 };
/** Narrower than so many rem there is a card for each row. */
const narrowBelow = 46;

const rem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

export function Grid<T>({ label, rows, columns, id, card, open, empty }: GridProps<T>) {
  const name = useId();
  const box = useRef<HTMLDivElement>(null);
  const titles = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 1000, height: 600 });
  const [top, setTop] = useState(0);
  const [active, setActive] = useState<string | undefined>(undefined);
  const [order, setOrder] = useState<{ column: number; down: boolean } | undefined>(undefined);

  const unit = rem();
  const narrow = size.width < narrowBelow * unit;
  const height = Math.round((narrow ? rowHeight.narrow : rowHeight.wide) * unit);
  const sorted = useMemo(() => inOrder(rows, columns, order), [rows, columns, order]);
  const extent = { rows: sorted.length, height };
  const { first, end } = inSight(extent, top, size.height);
  const at = active === undefined ? -1 : sorted.findIndex((row) => id(row) === active);

  useLayoutEffect(() => {
    const { current } = box;
    if (current === null) return;
    const observer = new ResizeObserver(() => {
      // The titles stay where they are, above the rows.
      const head = titles.current?.offsetHeight ?? 0;
      setSize({ width: current.clientWidth, height: current.clientHeight - head });
    });
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    // A list that became shorter than where we were.
    if (box.current !== null) setTop(box.current.scrollTop);
  }, [sorted.length]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || box.current === null) return;
    const row = sorted[at];
    if (event.key === "Enter" && row !== undefined) {
      open?.(row);
      return;
    }
    const next = rowByKey(event.key, at, sorted.length, Math.max(1, Math.floor(size.height / height) - 1));
    const chosen = next === undefined ? undefined : sorted[next];
    if (next === undefined || chosen === undefined) return;
    event.preventDefault();
    setActive(id(chosen));
    box.current.scrollTop = scrollTo(extent, next, box.current.scrollTop, size.height);
  };
  const template = columns.map(({ width }) => width).join(" ");
  const idOf = (row: T) => `${name}-${id(row).replace(/[^\w-]/g, (c) => `.${c.charCodeAt(0)}`)}`;
  const activeRow = sorted[at];

  return (
    <div
      class="grid"
      role="grid"
      aria-label={label}
      aria-rowcount={sorted.length + 1}
      aria-colcount={narrow ? 1 : columns.length}
      aria-activedescendant={activeRow !== undefined && at >= first && at < end ? idOf(activeRow) : undefined}
      tabIndex={0}
      ref={box}
      onKeyDown={onKeyDown}
      onScroll={({ currentTarget }) => setTop(Math.floor(currentTarget.scrollTop / height) * height)}
    >
      <div
        class={narrow ? "hidden-text" : "row titles"}
        role="row"
        ref={titles}
        aria-rowindex={1}
        style={narrow ? {} : { gridTemplateColumns: template }}
      >
        {narrow ? (
          <div role="columnheader">{label}</div>
        ) : (
          columns.map((column, index) => (
            <Title
              key={column.title}
              column={column}
              down={order?.column === index ? order.down : undefined}
              sort={(down) => setOrder({ column: index, down })}
            />
          ))
        )}
      </div>
      <div class="rows" role="rowgroup">
        {sorted.length === 0 && (
          <div role="row">
            <div role="gridcell">{empty}</div>
          </div>
        )}
        <div class="all" role="presentation" style={{ height: `${sorted.length * height}px` }}>
          {sorted.slice(first, end).map((row, index) => (
            // The keyboard reaches rows by the grid's own keys.
            // biome-ignore lint/a11y/useKeyWithClickEvents: see above
            <div
              key={id(row)}
              id={idOf(row)}
              class={`row${open ? " opens" : ""}${id(row) === active ? " active" : ""}`}
              role="row"
              aria-rowindex={first + index + 2}
              aria-selected={id(row) === active}
              style={{
                height: `${height}px`,
                transform: `translateY(${(first + index) * height}px)`,
                gridTemplateColumns: narrow ? "minmax(0, 1fr)" : template,
              }}
              onClick={(event) => {
                if (event.target instanceof Element && event.target.closest("button, a") !== null) return;
                setActive(id(row));
                open?.(row);
              }}
            >
              <Cells row={row} columns={columns} card={narrow ? card : undefined} />
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

interface CellsProps<T> extends Pick<GridProps<T>, "columns"> {
  readonly row: T;
  readonly card: GridProps<T>["card"] | undefined;
}

/** Drawn anew only when the row itself is another: scrolling moves rows that stay as they are. */
function Cells<T>({ row, columns, card }: CellsProps<T>) {
  return useMemo(() => {
    if (card !== undefined) return <CardRow parts={card(row)} />;
    return (
      <>
        {columns.map(({ title, show, align }) => (
          <div key={title} role="gridcell" class={align === "right" ? "num" : ""}>
            {show(row)}
          </div>
        ))}
      </>
    );
  }, [row, columns, card === undefined]);
}

function CardRow({ parts }: { parts: ReturnType<GridProps<unknown>["card"]> }) {
  return (
    <div role="gridcell" class="card-row">
      {parts.map(([left, right], line) => (
        <div key={line}>
          <span>{left}</span>
          <span>{right}</span>
        </div>
      ))}
    </div>
  );
}

function Title<T>({
  column,
  down,
  sort,
}: {
  column: Column<T>;
  down: boolean | undefined;
  sort: (down: boolean) => void;
}) {
  const { title, by, align } = column;
  const sorted = down === undefined ? "none" : down ? "descending" : "ascending";
  return (
    <div
      role="columnheader"
      class={`${align === "right" ? "num" : ""}${down === undefined ? "" : " sorted"}`}
      {...(by && { "aria-sort": sorted })}
    >
      {by === undefined ? (
        title
      ) : (
        <button type="button" onClick={() => sort(!(down ?? align !== "right"))}>
          {title}
          {down !== undefined && <span aria-hidden="true"> {down ? "↓" : "↑"}</span>}
        </button>
      )}
    </div>
  );
}

/** Rows that compare equal stay as they came; what is undefined comes last. */
function inOrder<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  order: { column: number; down: boolean } | undefined,
): readonly T[] {
  const by = order === undefined ? undefined : columns[order.column]?.by;
  if (order === undefined || by === undefined) return rows;
  const sign = order.down ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [by(one), by(other)];
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    if (typeof a === "string" && typeof b === "string") return sign * a.localeCompare(b, "en", { numeric: true });
    return a < b ? -sign : a > b ? sign : 0;
  });
}
