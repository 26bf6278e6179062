/** The views by their names in the address, in the order of the navigation. */
import { computed, type ReadonlySignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { count } from "../format.ts";
import { server } from "../server.ts";
import { Accounts } from "./accounts.tsx";
import { Bans } from "./bans.tsx";
import { Calls } from "./calls.tsx";
import { Log } from "./log.tsx";
import { Overview } from "./overview.tsx";
import { Registrations } from "./registrations.tsx";
import { Routes } from "./routes.tsx";
import { Scripts } from "./scripts.tsx";
import { Trunks } from "./trunks.tsx";

export interface ViewArguments {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export interface ViewEntry {
  /** As in `#/calls`. */
  readonly name: string;
  readonly title: string;
  readonly view: ComponentType<ViewArguments>;
  /** Beside its name in the navigation. */
  readonly count?: ReadonlySignal<{ readonly text: string; readonly alert: boolean } | undefined>;
  /** Stands apart from the one before. */
  readonly begins?: boolean;
}

const counted = (text: () => number | undefined) =>
  computed(() => {
    const n = text();
    return n === undefined ? undefined : { text: count(n), alert: false };
  });

/** How many there are; how many of them fail, where some do. */
const trunkCount = computed(() => {
  const trunks = server.value?.trunks;
  if (trunks === undefined || trunks.length === 0) return undefined;
  const failed = trunks.filter(({ state }) => state === "failed").length;
  return failed > 0 ? { text: `${count(failed)} failed`, alert: true } : { text: count(trunks.length), alert: false };
});

export const views: readonly ViewEntry[] = [
  { name: "", title: "Overview", view: Overview },
  { name: "calls", title: "Calls", view: Calls, count: counted(() => server.value?.calls.handled) },
  {
    name: "registrations",
    title: "Registrations",
    view: Registrations,
    count: counted(() => server.value?.registrations?.contacts),
  },
  { name: "trunks", title: "Trunks", view: Trunks, count: trunkCount },
  { name: "accounts", title: "Accounts", view: Accounts, count: counted(() => server.value?.accounts), begins: true },
  { name: "routes", title: "Routes", view: Routes },
  { name: "scripts", title: "Scripts", view: Scripts },
  { name: "bans", title: "Bans", view: Bans },
  { name: "log", title: "Log", view: Log, begins: true },
];

const [first] = views;

export function viewOf(name: string): ViewEntry {
  const found = views.find((one) => one.name === name) ?? first;
  if (found === undefined) throw new TypeError("there are no views");
  return found;
}
