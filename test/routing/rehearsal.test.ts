/** A rehearsal plays whole calls through both proxies, in small steps, and leaves nothing. */
import { expect, test } from "bun:test";
import { rehearsal } from "../../src/routing/rehearsal.ts";

test("each step is short, there are as many as calls, and each call goes through", () => {
  let steps = 0;
  let sent = 0;
  let longest = 0;
  const play = rehearsal(200);
  for (;;) {
    const start = performance.now();
    const next = play.next();
    if (next.done === true) {
      sent = next.value;
      break;
    }
    longest = Math.max(longest, performance.now() - start);
    steps++;
  }
  expect(steps).toBe(200);
  // INVITE, 180, 200, ACK, BYE, 200; and the 100 of the stateful proxy.
  expect(sent).toBe(100 * 6 + 100 * 7);
  expect(longest).toBeLessThan(200);
});
