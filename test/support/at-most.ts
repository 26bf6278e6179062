/** Concurrent tests that do not starve each other of processor time: only so many at once. */

/** A function that runs what it is given, at most `limit` (by default: one per core) at a time, in the order of being asked. */
export function atMost(limit = navigator.hardwareConcurrency): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running === limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
