/** What a server keeps of a call that is over, for the 32 s in which its messages may come once more: little. */

import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { startServer } from "../../src/server/index.ts";
import { rehearsal } from "../../src/server/rehearsal.ts";

const calls = 2000;

/** Objects in the heap, and their octets, for each call that went through a stateful proxy. */
async function kept(): Promise<{ objects: number; octets: number }> {
  const start: typeof startServer = (config, options) => {
    // The time in which they are kept does not pass.
    if (options.world !== undefined) options.world.clock.skip = () => {};
    return startServer(config, options);
  };
  const steps = rehearsal(["stateful"], start, 3 * calls);
  const play = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await steps.next();
      await new Promise((resolve) => setImmediate(resolve));
    }
    Bun.gc(true);
    const { objectCount, heapSize } = heapStats();
    return { objectCount, heapSize };
  };
  // Each of the two servers keeps its last 1,000 to 2,000 records: 1,500 at both times, a few more or less.
  const before = await play(1.5 * calls);
  const after = await play(calls);
  await steps.return(0);
  return {
    objects: (after.objectCount - before.objectCount) / calls,
    octets: (after.heapSize - before.heapSize) / calls,
  };
}

test("of a call that is over some twenty objects are kept, as what is kept is looked at by each garbage collection", async () => {
  const { objects, octets } = await kept();
  // Four transactions with a timer and a key each, what forwards further answers to the INVITE, and the answer to the BYE.
  expect(objects).toBeWithin(8, 26);
  expect(octets).toBeWithin(500, 3500);
});
