/** The log as it is written: by level, by call, by words; it follows the newest line until one scrolls away from it. */
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { get } from "../api.ts";
import { count } from "../format.ts";
import { useLive } from "../live.ts";
import { paths } from "../paths.ts";
import type { LogLine } from "../shapes.ts";
import { LogLines } from "../ui/log-lines.tsx";
import { Search } from "../ui/search.tsx";
import { Empty, Switch, View } from "../ui/view.tsx";

const levels = [
  ["debug", "All"],
  ["info", "Info"],
  ["warn", "Warnings"],
  ["error", "Errors"],
] as const;
const level = signal<(typeof levels)[number][0]>("info");
const words = signal("");
/** Lines that are shown at most. */
const most = 1000;

export function Log() {
  const { lines, error } = useTail(level.value, useSettled(words.value.trim(), 250));
  const box = useRef<HTMLElement>(null);
  const [following, setFollowing] = useState(true);
  const last = lines.at(-1)?.id;
  useLayoutEffect(() => {
    const { current } = box;
    if (following && current !== null) current.scrollTop = current.scrollHeight;
  }, [last, following]);
  return (
    <View
      title="Log"
      error={error}
      tools={
        <>
          <Switch
            label="Level"
            options={levels}
            value={level.value}
            choose={(value) => {
              level.value = value;
            }}
          />
          <Search text={words} label="Find in the log" placeholder="Find text or Call-ID…" />
          <button type="button" aria-pressed={following} onClick={() => setFollowing(!following)}>
            {following ? "Following" : "Follow"}
          </button>
        </>
      }
    >
      <section
        class="card tail"
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is one that the keyboard must reach
        tabIndex={0}
        aria-label={`Log, ${count(lines.length)} lines`}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
          setFollowing(scrollTop + clientHeight >= scrollHeight - 24)
        }
      >
        {lines.length === 0 ? <Empty>No line matches.</Empty> : <LogLines lines={lines} />}
      </section>
    </View>
  );
}

/** The last lines that match, and those that come: only what is new is fetched. */
function useTail(of: string, text: string) {
  const base = { level: of, text, limit: most };
  const { value, error } = useLive<readonly LogLine[]>(paths.log(base), {});
  const [more, setMore] = useState<readonly LogLine[]>([]);
  const lines = useMemo(() => [...(value ?? []), ...more].slice(-most), [value, more]);
  const last = useRef<number | undefined>(undefined);
  last.current = lines.at(-1)?.id;
  useEffect(() => {
    setMore([]);
    let stopped = false;
    const timer = setInterval(() => {
      if (document.hidden || value === undefined) return;
      void get<readonly LogLine[]>(paths.log({ ...base, after: last.current }))
        .then((next) => {
          const after = last.current ?? 0;
          const fresh = next.filter(({ id }) => id > after);
          if (!stopped && fresh.length > 0) setMore((before) => [...before, ...fresh].slice(-most));
        })
        // The connection's own state says what is wrong.
        .catch(() => {});
    }, 1000);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, [value]);
  return { lines, error };
}

/** A value that has not changed for so many ms: not each letter is a request. */
function useSettled<T>(value: T, ms: number): T {
  const [settled, settle] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(value), ms);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
