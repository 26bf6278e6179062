/** This program: what it is made of, where it starts itself again or a part of itself. */

/** Whether it is a compiled binary, which has its modules in a tree of its own. */
export const compiled = import.meta.url.includes("/$bunfs/");

/** What `process.execPath` is to be given before the arguments: a binary is its own program; otherwise Bun is it, and wants the source. */
export function ownSource(): string[] {
  const [, source = ""] = process.argv;
  return compiled ? [] : [source];
}
