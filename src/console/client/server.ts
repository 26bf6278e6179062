/** What the whole console keeps up to date, whichever view is open: the server's state, for the overview and the navigation's counts. */
import { computed } from "@preact/signals";
import type { Status } from "../../control/status.ts";
import { Live, of } from "./live.ts";
import { paths } from "./paths.ts";

export const status = new Live<Status>(paths.status, {
  every: 2000,
  on: of("call.", "registration.", "trunk.", "ban.", "account.", "config.", "server.", "overload."),
});

export const server = computed(() => status.answer.value.value);
