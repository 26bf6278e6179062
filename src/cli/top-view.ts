/** What `siproc top` shows: two overviews of a server, some seconds apart, as lines that fit the terminal. */
import type { CodeCount, Overview } from "../control/overview.ts";
import type { StatusTrunk } from "../control/status.ts";
import { spell } from "./quantities.ts";

/** Rows are sorted by how much there is now, or by name. */
export type Order = "rate" | "name";
export const orders: readonly Order[] = ["rate", "name"];

export interface View {
  /** Columns and rows that there are. */
  readonly width: number;
  readonly height: number;
  readonly order: Order;
  /** Marks words; gives them back as they are where there are no colours. */
  readonly mark: (kind: "head" | "bad", text: string) => string;
  /** What stands in the last line, such as the keys. */
  readonly foot?: string | undefined;
}

/** Lines without their ends; none is longer than the width, and there are no more than fit. */
export function topLines(before: Overview, now: Overview, view: View): string[] {
  const seconds = Math.max(0.001, (now.time - before.time) / 1000);
  const rate = (count: (of: Overview) => number) => Math.max(0, count(now) - count(before)) / seconds;
  const room = Math.max(1, view.height - (view.foot === undefined ? 0 : 1));
  const lines = [
    ...summary(before, now, rate, seconds),
    ...section(
      ["FAILURES", "METHOD", "PER SECOND", "TOTAL"],
      failures(before, now, seconds, view.order),
      "no failures",
    ),
    ...section(["BUSIEST", "MESSAGES PER SECOND"], sources(now, view.order), "nobody sends anything"),
    ...(now.status.trunks.length === 0 ? [] : trunkLines(now.status.trunks)),
  ];
  const shown = lines.slice(0, room).map(({ text, kind }: Line) => {
    const cut = fit(text, view.width);
    return kind === undefined ? cut : view.mark(kind, cut);
  });
  return view.foot === undefined ? shown : [...shown, fit(view.foot, view.width)];
}

interface Line {
  readonly text: string;
  readonly kind?: "head" | "bad" | undefined;
}

function summary(
  before: Overview,
  now: Overview,
  rate: (count: (of: Overview) => number) => number,
  seconds: number,
): Line[] {
  const { status, packets } = now;
  const { version, pid, file, started, calls, registrations, store, process } = status;
  const lost = packets.lost - before.packets.lost;
  const received = packets.received - before.packets.received;
  const share = received + lost > 0 ? `, ${((100 * Math.max(0, lost)) / (received + lost)).toFixed(1)} % lost` : "";
  const busy = (100 * (process.cpu - before.status.process.cpu)) / seconds;
  const methods = Object.keys(now.requests).map((method) => {
    const each = rate(({ requests }) => requests[method] ?? 0);
    return each > 0 ? ` ${method} ${figure(each)}` : "";
  });
  const rows: [name: string, value: string, bad?: boolean][] = [
    ["siproc", `${version}, process ${pid}, up ${spell((now.time - started) / 1000)}, ${file}`],
    [
      "machine",
      `CPU ${busy.toFixed(1)} %, ${Math.round(process.memory / 1_048_576)} MB, loop late by ${Math.round(now.late)} ms at worst`,
    ],
    ["calls", `${calls.handled} handled, ${calls.forwarding} being forwarded, ${calls.relayed} relayed`],
    [
      "calls/s",
      `${figure(rate((of) => of.calls.begun))} begun, ${figure(rate((of) => of.calls.answered))} answered, ${figure(rate((of) => of.calls.refused))} refused with 503`,
    ],
    ["requests/s", methods.join("").trim() || "0"],
    ["packets/s", `${figure(received / seconds)} received${share}, ${figure(rate((of) => of.packets.sent))} sent`],
    [
      "phones",
      registrations === undefined
        ? "none register here"
        : `${registrations.contacts} contacts of ${registrations.users} users`,
    ],
    [
      "open",
      `${status.transactions} transactions, ${status.connections} connections; store ${store.kind}${store.failure === undefined ? "" : ` (${store.failure})`}, ${store.waiting} waiting`,
      store.failure !== undefined,
    ],
  ];
  return rows.map(([name, value, bad]) => ({ text: `${name.padEnd(11)} ${value}`, kind: bad ? "bad" : undefined }));
}

/** Responses of 400 and more, given and got; a challenge is none, and 487 is how a cancelled call ends. */
function failures(before: Overview, now: Overview, seconds: number, order: Order): string[][] {
  const rows = [
    ...failing(before.answers, now.answers, "we said", seconds),
    ...failing(before.results, now.results, "they said", seconds),
  ];
  rows.sort((a, b) => (order === "name" ? 0 : b.rate - a.rate || b.total - a.total) || a.name.localeCompare(b.name));
  return rows.slice(0, 8).map(({ name, method, rate, total }) => [name, method, figure(rate), String(total)]);
}

function failing(before: readonly CodeCount[], now: readonly CodeCount[], who: string, seconds: number) {
  return now
    .filter(({ code }) => code >= 400 && ![401, 407, 487].includes(code))
    .map(({ method, code, count }) => {
      const earlier = before.find((one) => one.method === method && one.code === code)?.count ?? 0;
      return { name: `${code} ${who}`, method, rate: Math.max(0, count - earlier) / seconds, total: count };
    });
}

function sources({ sources }: Overview, order: Order): string[][] {
  const sorted = order === "rate" ? sources : [...sources].sort((a, b) => a.source.localeCompare(b.source));
  return sorted.slice(0, 8).map(({ source, rate }) => [source, figure(rate)]);
}

function trunkLines(trunks: readonly StatusTrunk[]): Line[] {
  const rows = trunks.map(({ name, state, failure, seconds }) => [
    name,
    failure === undefined ? `${state}, for ${spell(seconds)}` : `${state}: ${failure.reason}`,
  ]);
  const [space, head, ...lines] = section(["TRUNK", "STATE"], rows, "");
  const told = lines.map((line, i): Line => (trunks[i]?.failure === undefined ? line : { ...line, kind: "bad" }));
  return [space, head, ...told].filter((line) => line !== undefined);
}

function section(head: readonly string[], rows: readonly (readonly string[])[], none: string): Line[] {
  const table = rows.length === 0 ? [head.slice(0, 1)] : [head, ...rows];
  const widths = head.map((_, i) => Math.max(...table.map((row) => clean(row[i] ?? "").length)));
  const lines = table.map((row) => row.map((cell, i) => clean(cell).padEnd(widths[i] ?? 0)).join("  "));
  const [first = "", ...rest] = lines.map((line) => line.trimEnd());
  const kept = rows.length === 0 && none !== "" ? [none] : rest;
  return [{ text: "" }, { text: first, kind: "head" }, ...kept.map((text) => ({ text }))];
}

/** What strangers chose cannot move the cursor. */
function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?");
}

function fit(text: string, width: number): string {
  const safe = clean(text);
  return safe.length <= width ? safe : `${safe.slice(0, Math.max(0, width - 1))}…`;
}

function figure(rate: number): string {
  if (rate === 0) return "0";
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}
