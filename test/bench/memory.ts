/** What a held call takes, and whether 20,000 ended calls leave anything behind. */
import { answer, load, memory, type Row, server, startLoad } from "./load.ts";

const held = 1000;
const many = 20_000;
const rate = 400;
/** ms until what RFC 3261 has us remember of a call (32 s, twice that for merged requests) is forgotten and collected. */
const rest = 70_000;
/** ms until a server's start, or a load's, is over. */
const settled = 3000;

export async function* heldBench(): AsyncIterable<Row> {
  const subject = await server(answer, { mediaPorts: 4000 });
  try {
    await load({ scenario: "uac-early-hangup", remote: subject.address, rate: 200, calls: 400 });
    await Bun.sleep(settled);
    const before = memory(subject.program.pid);
    const run = await startLoad({
      scenario: "uac-call",
      values: { pause: `${(held / 200) * 1000 + 6000}` },
      remote: subject.address,
      rate: 200,
      calls: held,
    });
    await Bun.sleep((held / 200) * 1000 + settled);
    const during = memory(subject.program.pid);
    const { successful } = await run.result;
    const each = (during - before) / held;
    yield {
      bench: "held",
      subject: `${held} calls held`,
      result: `${each.toFixed(0)} KB each (${kilobytes(before)} before, ${kilobytes(during)} with them), ${held - successful} failed`,
      against: `${(each / 300).toFixed(2)} × the limit of 300 KB`,
    };
  } finally {
    await subject.stop();
  }
}

export async function* leakBench(): AsyncIterable<Row> {
  const subject = await server(answer, { mediaPorts: 4000 });
  try {
    await load({ scenario: "uac-early-hangup", remote: subject.address, rate, calls: many / 2 });
    await Bun.sleep(rest);
    const before = memory(subject.program.pid);
    const { successful } = await load({ scenario: "uac-early-hangup", remote: subject.address, rate, calls: many });
    await Bun.sleep(rest);
    const after = memory(subject.program.pid);
    yield {
      bench: "leak",
      subject: `${many} calls ended`,
      result: `${kilobytes(before)} before, ${kilobytes(after)} after, ${many - successful} failed`,
      against: `${(((after - before) * 1024) / many).toFixed(0)} octets left per call`,
    };
  } finally {
    await subject.stop();
  }
}

function kilobytes(count: number): string {
  return `${(count / 1024).toFixed(1)} MB`;
}
