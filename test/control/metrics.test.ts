/** What metrics are counted with, and how Prometheus gets them. */
import { describe, expect, test } from "bun:test";
import { exposition, type Family } from "../../src/control/metrics/exposition.ts";
import { Busiest, Histogram, Histograms, Tally } from "../../src/control/metrics/instruments.ts";
import { metricsMount } from "../../src/control/metrics/mount.ts";
import type { Scope } from "../../src/control/settings.ts";
import { below, seeded } from "../support/random.ts";

function histogramOf(...values: number[]): Histogram {
  const histogram = new Histogram([0.1, 1]);
  for (const value of values) histogram.observe(value);
  return histogram;
}

describe("the text format", () => {
  const table: [what: string, family: Family, text: string][] = [
    [
      "a gauge without labels",
      { name: "a", help: "What it is.", type: "gauge", samples: [[{}, 1.5]] },
      "# HELP a What it is.\n# TYPE a gauge\na 1.5\n",
    ],
    [
      "labels that are escaped",
      { name: "a_total", help: 'a "b"\\\n', type: "counter", samples: [[{ x: 'q"\\\n' }, 2]] },
      '# HELP a_total a "b"\\\\\\n\n# TYPE a_total counter\na_total{x="q\\"\\\\\\n"} 2\n',
    ],
    [
      "a histogram, cumulative, a value on a bound in its bucket",
      { name: "s_seconds", help: "h", type: "histogram", samples: [[{ m: "x" }, histogramOf(0.05, 0.1, 0.5, 7)]] },
      [
        "# HELP s_seconds h",
        "# TYPE s_seconds histogram",
        's_seconds_bucket{m="x",le="0.1"} 2',
        's_seconds_bucket{m="x",le="1"} 3',
        's_seconds_bucket{m="x",le="+Inf"} 4',
        's_seconds_sum{m="x"} 7.65',
        's_seconds_count{m="x"} 4',
        "",
      ].join("\n"),
    ],
    ["nothing of a family without samples", { name: "a", help: "h", type: "gauge", samples: [] }, ""],
  ];
  test.each(table)("has %s", (_, family, text) => {
    expect(exposition([family])).toBe(text);
  });

  test("is answered to GET alone, as its own type", async () => {
    const mount = metricsMount(() => [{ name: "a", help: "h", type: "gauge", samples: [[{}, 1]] }]);
    const url = new URL("http://localhost/metrics");
    const asking = {
      address: "127.0.0.1",
      key: undefined,
      scopes: new Set<Scope>(["read"]),
      lasting: () => new AbortController().signal,
    };
    const answer = await mount.answer(new Request(url.href), url, asking);
    expect(answer?.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await answer?.text()).toContain("a 1\n");
    expect(await mount.answer(new Request(url.href, { method: "POST" }), url, asking)).toBeUndefined();
    expect(mount.scope).toBe("read");
  });
});

describe("instruments", () => {
  test("count by names, and keep times by name", () => {
    const tally = new Tally();
    tally.add("INVITE", "200");
    tally.add("INVITE", "200", 2);
    tally.add("BYE");
    expect([...tally.entries()]).toEqual([
      ["INVITE", "200", 3],
      ["BYE", "", 1],
    ]);
    expect([tally.get("INVITE", "200"), tally.get("BYE"), tally.get("constructor")]).toEqual([3, 1, 0]);
    const histograms = new Histograms([1]);
    histograms.observe("a", 0.5);
    histograms.observe("a", 3);
    expect([...histograms.entries()].map(([name, { counts, sum }]) => [name, counts, sum])).toEqual([
      ["a", [1, 1], 3.5],
    ]);
  });

  test("find whoever sends much among any number of others, with a bounded number of counters", () => {
    const random = seeded(7);
    const busiest = new Busiest(20);
    const heavy = ["h1", "h2", "h3"];
    let sent = 0;
    for (let i = 0; i < 30_000; i++) {
      const which = below(random, 10);
      if (which === 0) sent++;
      busiest.add(heavy[which] ?? `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    }
    const top = busiest.top(3);
    expect(top.map(([who]) => who).sort()).toEqual(heavy);
    const [, count = 0] = top.find(([who]) => who === "h1") ?? [];
    expect(count).toBeLessThanOrEqual(sent);
    expect(count).toBeGreaterThan(sent - 30_000 / 20);
    expect(busiest.top(1000).length).toBeLessThanOrEqual(20);
  });
});
