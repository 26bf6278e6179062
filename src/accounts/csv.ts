/** Accounts in a table: a header line, one account per line, commas or semicolons between, quotes by RFC 4180. */
import { lineFinder } from "./lines.ts";
import { columnNames, type Field, isColumn, type Row, type Rows, shown } from "./rows.ts";

/** A text that is no table, and where it stops being one. */
export interface FormatProblem {
  readonly at: number;
  readonly message: string;
}

interface Cell {
  text: string;
  at: number;
  quoted: boolean;
}

/** Reads a whole file; gives the first thing that is wrong with its form. */
export function readCsv(text: string): Rows | FormatProblem {
  const start = text.startsWith("\ufeff") ? 1 : 0;
  const firstLine = text.slice(start, endOfLine(text, start));
  const separator = firstLine.includes(";") && !firstLine.includes(",") ? ";" : ",";
  const header: Cell[] = [];
  let at = readLine(text, start, separator, header);
  if (typeof at !== "number") return at;
  const names = header.map((cell) => cell.text.trim().toLowerCase());
  for (const [i, name] of names.entries()) {
    const cell = header[i];
    if (cell === undefined) continue;
    if (!isColumn(name))
      return {
        at: cell.at,
        message:
          i === 0
            ? `the first line names the columns, such as user,password,name; found “${shown(name)}”`
            : `there is no column “${shown(name)}”; expected ${columnNames}`,
      };
  }
  const rows: Row[] = [];
  while (at < text.length) {
    const cells: Cell[] = [];
    const from: number = at;
    const next = readLine(text, from, separator, cells);
    if (typeof next !== "number") return next;
    at = next;
    if (cells.length === 1 && cells[0]?.text.trim() === "") continue;
    if (cells.length !== names.length)
      return { at: from, message: `found ${cells.length} values; the first line names ${names.length} columns` };
    const fields: Field[] = [];
    for (const [i, cell] of cells.entries()) {
      const name = names[i] ?? "";
      const trimmed = cell.quoted ? cell.text : cell.text.trim();
      if (name === "password" && trimmed !== cell.text)
        return { at: cell.at, message: "spaces stand around this password; put it in quotes if they belong to it" };
      // A column that this account has nothing in.
      if (trimmed === "" && !cell.quoted && name === "password" && names.some((one) => one.startsWith("ha1"))) continue;
      fields.push({ name, nameAt: cell.at, text: trimmed, at: cell.at });
    }
    rows.push({ at: from, fields });
  }
  return { rows, position: lineFinder(text) };
}

/** Reads one line (a quoted cell may go over several); where the next one starts. */
function readLine(text: string, from: number, separator: string, into: Cell[]): number | FormatProblem {
  let at = from;
  for (;;) {
    const start = at;
    if (text[at] === '"') {
      let cell = "";
      for (;;) {
        const quote = text.indexOf('"', at + 1);
        if (quote < 0) return { at: start, message: "these quotes are not closed" };
        cell += text.slice(at + 1, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        cell += '"';
      }
      into.push({ text: cell, at: start, quoted: true });
      if (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r")
        return { at, message: "expected the end of the value after its quotes; a quote inside it is written twice" };
    } else {
      while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") {
        if (text[at] === '"')
          return { at, message: "a quote stands inside a value; put the value in quotes and write the quote twice" };
        at++;
      }
      into.push({ text: text.slice(start, at), at: start, quoted: false });
    }
    if (text[at] !== separator) break;
    at++;
  }
  if (text[at] === "\r") at++;
  if (text[at] === "\n") at++;
  return at;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}
