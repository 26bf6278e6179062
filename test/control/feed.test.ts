/** The feed: numbers that grow, a bounded memory, and who comes back hears what was missed. */
import { describe, expect, test } from "bun:test";
import { Feed, type FeedEntry } from "../../src/control/feed.ts";
import { feedTypeMatches, feedTypes, isFeedPattern } from "../../src/control/feed-events.ts";

function activeFeed(options: ConstructorParameters<typeof Feed>[0] = {}): Feed {
  const feed = new Feed({ now: () => 1_700_000_000_000, ...options });
  feed.active = true;
  return feed;
}

const tell = (feed: Feed, n: number) => feed.publish("server.draining", { calls: n });
const callsOf = (entries: readonly FeedEntry[]) =>
  entries.map(({ type, json }) => (type === "feed.gap" ? "gap" : JSON.parse(json).data.calls));

describe("a feed", () => {
  test("tells whoever listens, until they go", () => {
    const feed = activeFeed();
    const heard: FeedEntry[] = [];
    const stop = feed.subscribe({ heard: (entry) => heard.push(entry) });
    feed.publish("call.answered", {}, { call: "ab12", callId: "x@y" });
    stop();
    tell(feed, 1);
    expect(heard.map(({ json }) => JSON.parse(json))).toEqual([
      {
        id: 1_700_000_000_000_001,
        time: 1_700_000_000_000,
        type: "call.answered",
        call: "ab12",
        callId: "x@y",
        data: {},
      },
    ]);
    expect(feed.listeners).toBe(0);
  });

  test("keeps nothing while nobody may listen", () => {
    const feed = new Feed();
    const before = feed.last;
    tell(feed, 1);
    expect(feed.last).toBe(before);
  });

  test("numbers its events above those of an earlier run", () => {
    const earlier = activeFeed({ now: () => 1_700_000_000_000 });
    for (let n = 0; n < 1000; n++) tell(earlier, n);
    const later = activeFeed({ now: () => 1_700_000_001_000 });
    tell(later, 1);
    expect(later.last).toBeGreaterThan(earlier.last);
    expect(Number.isSafeInteger(later.last)).toBe(true);
  });

  test("tells first what was missed", () => {
    const feed = activeFeed();
    for (const n of [1, 2, 3]) tell(feed, n);
    const heard: FeedEntry[] = [];
    feed.subscribe({ after: feed.last - 2, heard: (entry) => heard.push(entry) });
    tell(feed, 4);
    expect(callsOf(heard)).toEqual([2, 3, 4]);
  });

  test("tells of a gap to who was ahead", () => {
    const feed = activeFeed();
    tell(feed, 1);
    const heard: FeedEntry[] = [];
    feed.subscribe({ after: feed.last + 5, heard: (entry) => heard.push(entry) });
    tell(feed, 2);
    expect(callsOf(heard)).toEqual(["gap", 2]);
    expect(heard[0]?.id).toBe(feed.last - 1);
  });

  test.each([
    ["number", { entries: 5 }],
    ["size", { characters: 600 }],
  ] as const)("is bounded by %s, and tells of the gap", (_, bound) => {
    const feed = activeFeed(bound);
    for (let n = 0; n < 5000; n++) tell(feed, n);
    const kept = feed.read(0, 10_000);
    expect(kept.length).toBeLessThan(12);
    expect(callsOf(kept).at(0)).toBe("gap");
    expect(callsOf(kept).at(-1)).toBe(4999);
    // Whoever comes back with the gap's number gets what is kept, and no gap again.
    expect(callsOf(feed.read(kept[0]?.id ?? 0, 10_000))).toEqual(callsOf(kept).slice(1));
  });

  test("is read in parts", () => {
    const feed = activeFeed();
    const start = feed.last;
    for (let n = 0; n < 25; n++) tell(feed, n);
    const seen: unknown[] = [];
    for (let after = start; after < feed.last; ) {
      const part = feed.read(after, 10);
      expect(part.length).toBeLessThanOrEqual(10);
      seen.push(...callsOf(part));
      after = part.at(-1)?.id ?? feed.last;
    }
    expect(seen).toEqual([...Array(25).keys()]);
    expect(feed.read(feed.last, 10)).toEqual([]);
    expect(feed.read(feed.last + 1000, 10)).toEqual([]);
  });
});

test.each([
  ["*", "ban.began", true],
  ["call.*", "call.ended", true],
  ["call.*", "config.reloaded", false],
  ["call.ended", "call.ended", true],
  ["call", "call.ended", false],
  ["call.e", "call.ended", false],
] as const)("the pattern %s means %s: %p", (pattern, type, meant) => {
  expect(feedTypeMatches(pattern, type)).toBe(meant);
});

test("what means no event is no pattern", () => {
  expect(["*", "call.*", ...feedTypes].filter((pattern) => !isFeedPattern(pattern))).toEqual([]);
  expect(["", "cal.*", "call.", ".*", "**", "constructor"].filter(isFeedPattern)).toEqual([]);
});
