/** Several questions at a time, and the moment from which the answers that are still out are no longer worth waiting for. */
import type { Clock, Timer } from "../../sip/clock.ts";

/**
 * Calls `ask` for each of `subjects`, and `done` once, with the answers in the order of the subjects: in the same turn
 * when all come in it. From the first answer that is `enough` on, the others have `grace` ms left; then they are
 * undefined.
 */
export function together<S, A>(
  clock: Clock,
  subjects: readonly S[],
  ask: (subject: S, answer: (answer: A) => void) => void,
  options: { enough: (answer: A) => boolean; grace: number },
  done: (answers: readonly (A | undefined)[]) => void,
): void {
  const answers: (A | undefined)[] = subjects.map(() => undefined);
  let left = subjects.length;
  let settled = false;
  let grace: Timer | undefined;
  const settle = () => {
    if (settled) return;
    settled = true;
    grace?.cancel();
    done(answers);
  };
  if (left === 0) return settle();
  for (const [at, subject] of subjects.entries()) {
    ask(subject, (answer) => {
      if (settled) return;
      answers[at] = answer;
      if (--left === 0) settle();
      else if (grace === undefined && options.enough(answer)) grace = clock.after(options.grace, settle);
    });
  }
}
