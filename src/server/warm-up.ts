/** Runs a rehearsal in short slices, beside whatever comes: nobody waits for more than one of them. */

/** Milliseconds of one slice, and of the pause after it. */
const slice = 4;
const pause = 2;
/** Messages in a slice and its pause from which on the real ones are rehearsal enough. */
const busy = 5;

/** `messages`: how many have come so far. The returned function ends it with the step that is under way. */
export function warmUp(
  rehearsal: AsyncGenerator<void, unknown, void>,
  messages: () => number,
  sleep: (ms: number) => Promise<void> = Bun.sleep,
): () => void {
  let ended = false;
  const run = async () => {
    // First the server listens.
    await sleep(pause);
    let before = messages();
    let end = performance.now() + slice;
    while (!ended && (await rehearsal.next()).done !== true) {
      if (performance.now() < end) continue;
      await sleep(pause);
      const now = messages();
      if (now - before >= busy) break;
      before = now;
      end = performance.now() + slice;
    }
    await rehearsal.return(undefined);
  };
  // What is rehearsed is what is served: where it throws, somebody who comes is told.
  void run().catch(() => {});
  return () => {
    ended = true;
  };
}
