/** This program, where it starts itself again. */

/** What `process.execPath` is to be given before the arguments: a binary is its own program; otherwise Bun is it, and wants the source. */
export function ownSource(): string[] {
  const [, source = ""] = process.argv;
  return source.startsWith("/$bunfs/") ? [] : [source];
}
