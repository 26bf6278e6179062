/** Which rows of a long list are in sight: arithmetic alone. */

export interface Extent {
  /** Rows in all, and the height of each in pixels. */
  readonly rows: number;
  readonly height: number;
}

export interface InSight {
  /** The first row that is drawn, and the one after the last. */
  readonly first: number;
  readonly end: number;
}

/** Rows beyond both edges, so that a quick scroll shows no gap. */
const spare = 8;

/** @param top - pixels scrolled @param seen - pixels in sight */
export function inSight({ rows, height }: Extent, top: number, seen: number): InSight {
  const first = Math.max(0, Math.floor(top / height) - spare);
  const end = Math.min(rows, Math.ceil((top + seen) / height) + spare);
  return { first: Math.min(first, Math.max(0, end)), end: Math.max(0, end) };
}

/** Where to scroll so that a row is in sight, as little as possible. */
export function scrollTo({ height }: Extent, row: number, top: number, seen: number): number {
  const begin = row * height;
  if (begin < top) return begin;
  if (begin + height > top + seen) return begin + height - seen;
  return top;
}

/** The row that a key leads to; undefined: the key leads nowhere. */
export function rowByKey(key: string, active: number, rows: number, page: number): number | undefined {
  const last = rows - 1;
  switch (key) {
    case "ArrowDown":
      return Math.min(last, active + 1);
    case "ArrowUp":
      return Math.max(0, active - 1);
    case "PageDown":
      return Math.min(last, active + page);
    case "PageUp":
      return Math.max(0, active - page);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return undefined;
  }
}
