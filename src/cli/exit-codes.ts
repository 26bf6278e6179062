/** What `siproc` exits with. */

/** What the exit code says; docs/cli.md has the same table. */
export const exitCodes = {
  ok: 0,
  /** A check found something, a configuration is wrong. */
  failed: 1,
  usage: 2,
  /** The configuration is right, but this machine does not let it be: a port is taken. */
  setup: 3,
} as const;

export const exitCodeMeanings: readonly [code: number, meaning: string][] = [
  [exitCodes.ok, "All went well."],
  [exitCodes.failed, "A file is wrong, or something failed; stderr says what."],
  [exitCodes.usage, "The command line is wrong."],
  [exitCodes.setup, "The configuration cannot be had on this machine: a port is taken, an address is not ours."],
];
