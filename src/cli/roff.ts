/** Text as roff's man macros want it (man(7)), for the manual pages. */

/** Characters that classic roff has names for, so that a page needs no particular locale. */
const named: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "~": "\\(ti",
  "^": "\\(ha",
  "`": "\\(ga",
  "'": "\\(aq",
  "“": "\\(lq",
  "”": "\\(rq",
  "’": "\\(cq",
  "…": "\\&...",
  "–": "\\(en",
  µ: "\\(mc",
};

/** One line of text as a line of roff that shows just that. */
export function plain(text: string): string {
  const escaped = text
    .replace(/[\x00-\x1f\x7f]/g, " ")
    .replace(/[\\\-~^`'“”’…–µ]/g, (character) => named[character] ?? character)
    .replace(
      /[^\x20-\x7e]/gu,
      (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}]`,
    );
  // A line that begins with one of these would be a request.
  return /^[.\\]/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Like `plain`; what stands between backquotes is bold, and `[title](place)` is its title. */
export function prose(markdown: string): string {
  const text = markdown.replace(/\[([^\]]+)\]\([^)]*\)/g, "$1");
  return text
    .split("`")
    .map((part, i) => (i % 2 === 1 ? bold(part) : plain(part).replace(/^\\&(?!\.)/, "")))
    .join("");
}

export const bold = (text: string): string => `\\fB${plain(text)}\\fR`;
export const italic = (text: string): string => `\\fI${plain(text)}\\fR`;

/** Words with spaces between them that no line break parts from each other. */
export const quoted = (text: string): string => `"${plain(text).replaceAll('"', "\\(dq")}"`;

/** A term and what it means. Neither is roff yet when they are plain text: pass them through the functions above. */
export function item(term: string, meaning: string): string {
  return `.TP\n${term}\n${meaning}`;
}

/** Paragraphs: an empty line between two, and a break at each other line end. */
export function paragraphs(text: string): string {
  return text
    .split(/\n\n+/)
    .map((paragraph) => `.PP\n${paragraph.split("\n").map(prose).join("\n.br\n")}`)
    .join("\n");
}

/** Lines that stay as they are. */
export function example(text: string): string {
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => (line === "" ? "\\&" : plain(line)));
  return `.PP\n.RS 4\n.nf\n${lines.join("\n")}\n.fi\n.RE`;
}

export const section = (title: string, body: string): string => `.SH ${quoted(title)}\n${body}`;
export const subsection = (title: string, body: string): string => `.SS ${quoted(title)}\n${body}`;
