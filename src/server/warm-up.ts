/** Runs rehearsals in short slices, beside whatever comes: nobody waits for more than one of them. */

/** Milliseconds of one slice, and of the pause after it. */
const slice = 4;
const pause = 4;

/** Plays one rehearsal after the other; the returned function ends it at once. */
export function warmUp(rehearsals: readonly Generator<void, unknown, void>[]): () => void {
  const waiting = [...rehearsals];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const step = () => {
    const end = performance.now() + slice;
    for (let [first] = waiting; first !== undefined && performance.now() < end; [first] = waiting)
      if (first.next().done === true) waiting.shift();
    timer = waiting.length === 0 ? undefined : setTimeout(step, pause);
  };
  timer = setTimeout(step, 0);
  return () => clearTimeout(timer);
}
