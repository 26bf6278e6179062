/** What the whole console keeps up to date, whichever view is open: the server's state, for the overview and the navigation's counts. */
import { computed, signal } from "@preact/signals";
import type { Status } from "../../control/status.ts";
import { Live, of, onEvent } from "./live.ts";
import { paths } from "./paths.ts";

export const status = new Live<Status>(paths.status, {
  every: 2000,
  on: of("call.", "registration.", "trunk.", "ban.", "account.", "config.", "server.", "overload."),
});

export const server = computed(() => status.answer.value.value);

/** When the server began that is stopping. */
const stopping = signal<number | undefined>(undefined);
onEvent(({ type }) => {
  if (type === "server.draining") stopping.value = server.peek()?.started;
});

/** Whether it takes no new calls, and ends with those that are up. */
export const draining = computed(() => server.value !== undefined && server.value.started === stopping.value);
