/** Short messages of what was done, or could not be: seen in a corner, and read out. */
import { signal } from "@preact/signals";
import { reasonOf } from "../api.ts";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

const toasts = signal<readonly Toast[]>([]);
let last = 0;
/** ms that one stays; what went wrong stays longer. */
const stays = { good: 5000, bad: 12_000 };

export function say(text: string, bad = false): void {
  const toast = { id: ++last, text, bad };
  toasts.value = [...toasts.value.slice(-3), toast];
  setTimeout(
    () => {
      toasts.value = toasts.value.filter((one) => one !== toast);
    },
    bad ? stays.bad : stays.good,
  );
}

/** Does something, and says how it went. False: it went wrong. */
export async function doing(done: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    if (done !== "") say(done);
    return true;
  } catch (error) {
    say(reasonOf(error), true);
    return false;
  }
}

export function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, text, bad }) => (
        <p key={id} class={bad ? "bad" : ""}>
          {text}
        </p>
      ))}
    </div>
  );
}
