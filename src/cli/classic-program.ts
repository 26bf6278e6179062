/** Whether the first word of a command line is a program that is to handle calls, as the original siproc had it. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The program or script that a first argument names; undefined: none. */
export function classicProgram(word: string, environment: Environment = process.env): string | undefined {
  if (word.startsWith("-") || word === "") return undefined;
  if (isProgram(resolve(word)) || isScript(word)) return resolve(word);
  // A name alone could be a mistyped command, unless there is an account to serve.
  if (word.includes("/") || environment.SIPROC_ID_URI === undefined) return undefined;
  const folders = (environment.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, word)).find((file) => isProgram(file));
}

/** A script of ours, unless it is a program of its own. */
export function isScript(file: string): boolean {
  return (
    /\.(m?[jt]s|cjs)$/.test(file) &&
    !isProgram(resolve(file)) &&
    statSync(file, { throwIfNoEntry: false }) !== undefined
  );
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
