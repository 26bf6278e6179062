/** `siproc calls`: the records of calls that are over, asked of a running server. */
import type { CallRecord, KeptRecord } from "../control/records.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { OptionValueError, optionValue, orUsage } from "./option-value.ts";
import { readCount } from "./quantities.ts";
import { ask, configurationOf, json, stream, table, unreachable } from "./running.ts";
import type { Terminal } from "./terminal.ts";

export async function calls(given: Arguments, terminal: Terminal): Promise<number> {
  return await orUsage(terminal, async () => {
    const file = configurationOf(given.operands);
    const query = readQuery(given, Date.now());
    const asJson = given.options.has("json");
    try {
      if (given.options.has("follow")) {
        query.set("follow", "");
        let head = asJson;
        await stream(file, `/calls?${query}`, (value) => {
          // The server is of this version, or says so: its socket is no input from outside.
          if (asJson) terminal.print(json(value));
          else {
            const rows = [row(value as CallRecord)];
            terminal.print(fixed(head ? rows : [heads, ...rows]));
            head = true;
          }
        });
        return exitCodes.ok;
      }
      const records = (await ask(file, `/calls?${query}`)) as KeptRecord[];
      if (asJson) for (const record of records) terminal.print(json(record));
      else terminal.print(table([heads, ...records.map(row)], 40));
      return exitCodes.ok;
    } catch (error) {
      terminal.complain(unreachable(file, error));
      return exitCodes.failed;
    }
  });
}

function readQuery(given: Arguments, now: number): URLSearchParams {
  const { options } = given;
  const query = new URLSearchParams();
  const set = (name: string, value: string | number | undefined) => {
    if (value !== undefined) query.set(name, String(value));
  };
  set("user", options.get("user")?.[0]);
  set("call_id", options.get("call-id")?.[0]);
  set("handler", options.get("handler")?.[0]);
  const time = (text: string) => readTime(text, now);
  const timeExpected = "a time such as 2h (ago), 3d, 2026-01-31 or 2026-01-31T12:00";
  set("from", optionValue(given, "from", timeExpected, time));
  set("until", optionValue(given, "until", timeExpected, time));
  set(
    "limit",
    optionValue(given, "limit", "a number from 1 to 1000", (text) => readCount(text, 1, 1000)),
  );
  set("status", optionValue(given, "status", "a status such as 486 or 4xx", readStatus));
  set("mos_below", optionValue(given, "mos-below", "a score such as 3.5", readScore));
  if (options.has("answered") && options.has("failed"))
    throw new OptionValueError("failed", "both", "not to be given together with --answered");
  if (options.has("answered")) set("answered", "true");
  if (options.has("failed")) set("answered", "false");
  return query;
}

const ago: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** ms since 1970 of `2h` (ago), a date, or a date and a time, both of this machine's zone. */
export function readTime(text: string, now: number): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) return now - Number(count) * (ago[unit] ?? 0);
  if (!/^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?$/.test(text)) return undefined;
  const time = new Date(text.length === 10 ? `${text}T00:00` : text.replace(" ", "T")).getTime();
  return Number.isNaN(time) ? undefined : time;
}

function readStatus(text: string): number | undefined {
  if (/^[1-6]xx$/i.test(text)) return Number(text[0]);
  return /^[1-6]\d\d$/.test(text) ? Number(text) : undefined;
}

function readScore(text: string): number | undefined {
  const score = /^\d(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  return score >= 1 && score <= 5 ? score : undefined;
}

const heads = ["BEGIN", "CALLER", "CALLEE", "HANDLER", "SECONDS", "STATUS", "ENDED", "CODEC", "MOS"];
/** Columns where the rows to come are not known. */
const widths = [19, 28, 28, 20, 8, 6, 9, 6, 4];

function row(record: CallRecord): string[] {
  const { begin, caller, callee, kind, handler, seconds, status, ending, codec, worstMos } = record;
  return [
    localTime(begin),
    short(caller),
    short(callee),
    kind === "forwarded" ? "(forwarded)" : (handler ?? ""),
    seconds.toFixed(1),
    String(status),
    ending,
    codec ?? "",
    worstMos === undefined ? "" : worstMos.toFixed(1),
  ];
}

function fixed(rows: readonly (readonly string[])[]): string {
  const padded = rows.map((cells) => cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)));
  return table(padded, 40);
}

function localTime(ms: number): string {
  const two = (part: number) => String(part).padStart(2, "0");
  const time = new Date(ms);
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** A URI as people read it. */
function short(uri: string): string {
  return uri.replace(/^sips?:/i, "").replace(/;.*/, "");
}
