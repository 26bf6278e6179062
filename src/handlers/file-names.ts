/**
 * Handlers name files in their own words; the call wants absolute paths. One FileNames per call turns names into paths
 * on the way to the call, and paths into the handler's own spelling on the way back.
 */
import type { CallEvent, Command, CommandFailure } from "../call/vocabulary.ts";

export type Resolved = { ok: true; path: string } | { ok: false; reason: string };
export type ResolveFile = (name: string, purpose: "read" | "write") => Resolved;

/** A handler that names ever new files must not fill the memory: the spelling of the oldest is forgotten. */
const maxPaths = 1000;
const maxSpellings = 8;

export class FileNames {
  readonly #resolve: ResolveFile;
  /** Path to the spellings in use for it. More than one only when a handler writes the same file in several ways. */
  readonly #spellings = new Map<string, string[]>();

  constructor(resolve: ResolveFile) {
    this.#resolve = resolve;
  }

  /** The command with an absolute path in place of the handler's file name, or why that file is not to be had. */
  outgoing(command: Command): Command | CommandFailure {
    switch (command.name) {
      case "PLAY":
        return this.#translate(command, command.file, "read");
      case "RECORD":
        return command.file === undefined ? command : this.#translate(command, command.file, "write");
      default:
        return command;
    }
  }

  /** The event with the file's name as the handler wrote it. */
  incoming(event: CallEvent): CallEvent {
    switch (event.name) {
      case "STOPPED":
      case "RECORDED":
        return { ...event, file: this.#spelling(event.file) };
      default:
        return event;
    }
  }

  #translate<C extends Command & { name: "PLAY" | "RECORD" }>(
    command: C,
    name: string,
    purpose: "read" | "write",
  ): C | CommandFailure {
    const resolved = this.#resolve(name, purpose);
    if (!resolved.ok) return { command: command.name, reason: resolved.reason };
    this.#remember(resolved.path, name);
    return { ...command, file: resolved.path };
  }

  #remember(path: string, name: string): void {
    const known = this.#spellings.get(path) ?? [];
    // The path moves to the young end of the map.
    this.#spellings.delete(path);
    this.#spellings.set(path, known.includes(name) ? known : [...known, name].slice(-maxSpellings));
    if (this.#spellings.size <= maxPaths) return;
    const [oldest] = this.#spellings.keys();
    if (oldest !== undefined) this.#spellings.delete(oldest);
  }

  #spelling(path: string): string {
    const known = this.#spellings.get(path);
    const [first, ...rest] = known ?? [];
    if (first === undefined) return path;
    // The same file under several names: each has its turn.
    if (rest.length > 0) this.#spellings.set(path, [...rest, first]);
    return first;
  }
}

/** Tells what `FileNames.outgoing` gave. */
export function isFailure(outcome: Command | CommandFailure): outcome is CommandFailure {
  return "reason" in outcome && !("name" in outcome);
}
