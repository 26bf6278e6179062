/** How long the binary takes from its start to listening. */
import type { Row } from "./load.ts";
import { answer, memory, server } from "./load.ts";

const runs = 7;

export async function* startupBench(): AsyncIterable<Row> {
  const times: number[] = [];
  let idle = 0;
  for (let run = 0; run < runs; run++) {
    const subject = await server(answer, { quiet: false });
    times.push(subject.startup);
    await Bun.sleep(300);
    idle = memory(subject.program.pid);
    await subject.stop();
  }
  times.sort((a, b) => a - b);
  const median = times[runs >> 1] ?? Number.NaN;
  yield {
    bench: "startup",
    subject: "start to listening",
    result: `${median.toFixed(0)} ms (median of ${runs}; ${times[0]?.toFixed(0)} to ${times.at(-1)?.toFixed(0)}), then ${(idle / 1024).toFixed(0)} MB`,
    against: `${(median / 150).toFixed(2)} × the limit of 150 ms`,
  };
}
