/** One call and its script, on the main thread: commands are checked and carried out, events passed on. */
import { dirname } from "node:path";
import type { CallControl, CallFacts } from "../../call/control.ts";
import { isSoundUrl } from "../../call/remote-sounds.ts";
import { parseStreamUrl } from "../../call/stream/target.ts";
import { type CallEvent, readCommand } from "../../call/vocabulary.ts";
import type { Log } from "../../log.ts";
import { FileNames, isFailure } from "../file-names.ts";
import { resolveReadable, resolveWritable } from "../files.ts";
import { isHostAllowed, resolveUrl } from "./net.ts";
import type { Program } from "./program.ts";
import type { RunId, ScriptFacts, ToMain, ToWorker } from "./protocol.ts";
import type { ScriptPermissions } from "./settings.ts";

export interface SessionLane {
  start(file: string, program: Program, message: ToWorker & { type: "start" }): void;
  send(message: ToWorker): void;
}

export class Session {
  readonly id: RunId;
  readonly lane: SessionLane;
  readonly file: string;
  readonly #call: CallControl;
  readonly #log: Log;
  readonly #names: FileNames;
  readonly #net: readonly string[];
  #over = false;
  /** The script was told that its call has ended. */
  #ended = false;

  constructor(parts: {
    id: RunId;
    lane: SessionLane;
    file: string;
    call: CallControl;
    allow: ScriptPermissions;
    log: Log;
  }) {
    this.id = parts.id;
    this.lane = parts.lane;
    this.file = parts.file;
    this.#call = parts.call;
    this.#log = parts.log;
    this.#net = parts.allow.net;
    const folder = dirname(parts.file);
    // A script may play what lies beside it; to read it as data is another permission.
    const read = [...parts.allow.read, folder];
    this.#names = new FileNames((name, purpose) =>
      purpose === "read" && isSoundUrl(name)
        ? resolveUrl(name, parts.allow.net)
        : purpose === "read"
          ? resolveReadable(name, { base: folder, allow: read })
          : resolveWritable(name, { base: folder, allow: parts.allow.write }),
    );
  }

  start(program: Program): void {
    const { id: run, file } = this;
    this.lane.start(file, program, {
      type: "start",
      run,
      program: program.id,
      folder: dirname(file),
      facts: factsOf(this.#call.facts),
    });
    this.#call.listen((event) => this.#tell(event));
  }

  /** What the worker says of this run; true when it was the last. */
  receive(message: ToMain): boolean {
    switch (message.type) {
      case "command":
        this.#perform(message.id, message.name, message.args);
        return false;
      case "log":
        this.#log[message.level](message.text);
        return false;
      case "returned":
        this.#over = true;
        this.#call.finish({ type: "returned", ...(message.value === undefined ? {} : { value: message.value }) });
        return true;
      case "failed": {
        const { reason, at, stack } = message;
        if (this.#ended && reason.startsWith("CallError: ")) {
          // The other side went away while the script waited for a command, and it did not care to catch that.
          this.stop(`${reason} (${at})`);
          return true;
        }
        this.fail(`${reason} (${at})`, {
          at,
          ...(message.limit && { limit: true }),
          ...(stack === "" ? {} : { stack }),
        });
        return true;
      }
    }
  }

  /** The script is over without having returned. */
  fail(reason: string, fields: Readonly<Record<string, string | boolean>> = {}): void {
    this.#over = true;
    this.#log.error(`the script failed: ${reason}`, fields);
    this.#call.finish({ type: "failed", reason, logged: true });
  }

  /** The host closes; that is nobody's fault. */
  stop(reason: string): void {
    this.#over = true;
    this.#log.debug(`the script was ended: ${reason}`);
    this.#call.finish({ type: "failed", reason });
  }

  #tell(event: CallEvent): void {
    if (this.#over) return;
    const { name, ...args } = this.#names.incoming(event);
    if (name === "ENDED") this.#ended = true;
    this.lane.send({
      type: "event",
      run: this.id,
      event: { type: name.toLowerCase(), ...args },
      ended: name === "ENDED",
    });
  }

  #perform(id: number, name: string, args: string): void {
    const failed = (reason: string) => this.#outcome({ type: "outcome", run: this.id, id, failed: reason });
    const given = argumentsFrom(args);
    if (given === undefined) return failed("its arguments must be one object with names");
    const read = readCommand(name, given);
    if (!read.ok) return failed(read.failure.reason);
    const command = this.#names.outgoing(read.command);
    if (isFailure(command)) return failed(command.reason);
    if (command.name === "STREAM" && !this.#mayStreamTo(command.url))
      return failed("its URL is not allowed: `allow: net` does not name the host");
    this.#call.perform(command, (outcome) => {
      if (!outcome.ok) return failed(outcome.failure.reason);
      const { value } = outcome;
      this.#outcome({ type: "outcome", run: this.id, id, ...(value === undefined ? {} : { value }) });
    });
  }

  #mayStreamTo(url: string | undefined): boolean {
    const target = url === undefined ? undefined : parseStreamUrl(url);
    return target === undefined || isHostAllowed(target.asHttp, this.#net);
  }

  #outcome(message: ToWorker): void {
    if (!this.#over) this.lane.send(message);
  }
}

function argumentsFrom(json: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
    return { ...parsed };
  } catch {
    return undefined;
  }
}

function factsOf(facts: CallFacts): ScriptFacts {
  return {
    id: facts.id,
    direction: facts.direction,
    remote: {
      uri: facts.remoteUri,
      id: facts.remoteId,
      contact: facts.remoteContact,
      name: facts.remoteName,
      user: facts.remoteUser,
      host: facts.remoteHost,
    },
    local: { uri: facts.localUri, user: facts.localUser, host: facts.localHost },
    headers: facts.headers,
    variables: facts.variables,
  };
}
