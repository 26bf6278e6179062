/** Runs a rehearsal in short slices, beside whatever comes: nobody waits for more than one of them. */

/** Milliseconds of one slice; after it whatever has come has its turn. */
const slice = 4;
/** Messages beside a slice from which on the real ones are rehearsal enough. */
const busy = 4;

/** `messages`: how many have come so far. The returned function ends it with the step that is under way. */
export function warmUp(
  rehearsal: AsyncGenerator<void, unknown, void>,
  messages: () => number,
  turn: () => Promise<void> = () => Bun.sleep(0),
): () => void {
  let ended = false;
  const run = async () => {
    // First the server says that it listens.
    await turn();
    let before = messages();
    let end = performance.now() + slice;
    while (!ended && (await rehearsal.next()).done !== true) {
      if (performance.now() < end) continue;
      await turn();
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
