/** `siproc run --events`: all that happens as lines of JSON on stdout, and what to do as lines on stdin. */
import { resolve } from "node:path";
import type { RegistrationState } from "../agent/index.ts";
import type { Call, CallEvent, Handler } from "../call/index.ts";
import type { Config } from "../config/index.ts";
import { FileNames, isFailure } from "../handlers/file-names.ts";
import type { Line } from "../handlers/process/lines.ts";
import type { Log } from "../log.ts";
import type { Server } from "../server/index.ts";
import { withoutPassword } from "../sip/uri.ts";
import { formatAddress } from "../transport/index.ts";
import type { EventStream } from "./event-stream.ts";
import { readLines } from "./line-input.ts";
import { type MainCommand, maxMainLine, readMainCommand } from "./main-commands.ts";

/** ms that a reader may take for the next of the last events. */
const patience = 5000;
/** Commands of one call that have not been answered yet. */
const maxRunning = 256;

export interface EventsOptions {
  readonly config: Config;
  readonly log: Log;
  readonly stream: EventStream;
  /** Somebody says QUIT. */
  readonly quit: () => void;
}

/** A call that nobody handles but who writes the lines. */
const driven: Handler = { start: (control) => control.listen(() => {}) };

/** Joins a running server with whoever reads its events and writes its commands. */
export class Events {
  readonly #options: EventsOptions;
  #server: Server | undefined;
  /** Files are called as those who named them did. */
  readonly #files = new Map<Call, FileNames>();
  readonly #running = new Map<Call, number>();
  /** What the sender of a CALL calls it, until it has begun. */
  #ref: string | undefined;

  constructor(options: EventsOptions) {
    this.#options = options;
    options.stream.onClosed = (reason) => options.log.warn("nobody reads the events any more; calls go on", { reason });
  }

  /** The server is up. */
  serve(server: Server): void {
    this.#server = server;
    const { stream } = this.#options;
    const urls = server.listening.map(({ transport, local }) => `${transport}://${formatAddress(local)}`);
    stream.tell({ event: "LISTENING", urls });
    for (const trunk of server.trunks.status()) this.trunkChanged(trunk.name, server.trunks.find(trunk.name)?.state);
    server.calls.crowded = () => stream.crowded;
    server.calls.watch = (call, event) => (event === undefined ? this.#begun(call) : this.#happened(call, event));
  }

  /** A trunk's registration has changed. */
  trunkChanged(trunk: string, state: RegistrationState | undefined): void {
    if (this.#server === undefined) return;
    const { name, ...more } = state ?? { name: "unregistered" };
    this.#options.stream.tell({ event: "TRUNK", trunk, state: name, ...more });
  }

  /** Reads what to do, line by line, from now on. */
  read(input: ReadableStream<Uint8Array>): void {
    void readLines(input, maxMainLine, (line) => this.line(line));
  }

  /** The server has stopped. Resolves when its last events are written, or will not be read. */
  async end(): Promise<void> {
    this.#options.stream.tell({ event: "END" });
    await this.#options.stream.flushed(patience);
  }

  /** Takes one line of stdin. */
  line(line: Line): void {
    const reason = this.#obey(line);
    if (reason !== undefined) this.#options.stream.tell({ event: "ERROR", reason });
  }

  #begun(call: Call): void {
    const { direction, remoteUri, remoteName, localUri, callId } = call.facts;
    const ref = this.#ref === undefined ? {} : { ref: this.#ref };
    this.#ref = undefined;
    this.#tell(call, "CALL", {
      ...ref,
      direction,
      remote: withoutPassword(remoteUri),
      ...(remoteName === "" ? {} : { name: remoteName }),
      local: withoutPassword(localUri),
      callId,
    });
  }

  #happened(call: Call, event: CallEvent): void {
    const { name, ...more } = this.#files.get(call)?.incoming(event) ?? event;
    this.#tell(call, name, more);
    if (name !== "ENDED") return;
    this.#files.delete(call);
    this.#running.delete(call);
  }

  #tell(call: Call, event: string, more: object): void {
    // Of an event that names another call, that name is `other`: `call` is always whose event it is.
    const { call: other, ...rest } = { call: undefined, ...more };
    this.#options.stream.tell({ event, call: call.facts.id, ...(other === undefined ? {} : { other }), ...rest });
  }

  /** What is wrong with a line; undefined when it was obeyed, or is blank. */
  #obey(line: Line): string | undefined {
    if (line.type !== "text") return line.type === "not-utf8" ? "a line is not UTF-8" : "a line is too long";
    const read = readMainCommand(line.text);
    if (read === undefined) return undefined;
    if (!read.ok) return read.reason;
    const { command } = read;
    switch (command.type) {
      case "quit":
        this.#options.quit();
        return undefined;
      case "call":
        return this.#call(command);
      case "tell":
        return this.#perform(command);
    }
  }

  #call({ uri, trunk, from, ref, script, exec }: MainCommand & { type: "call" }): string | undefined {
    const server = this.#server;
    if (server === undefined) return "siproc has not started yet";
    const { config, stream } = this.#options;
    if (server.calls.size >= server.calls.limits.calls) return "too many calls are up";
    if (stream.crowded) return "the events are not read; no call begins before they are";
    const way = server.dialer.wayTo(uri, { trunk, from });
    if ("failure" in way) return way.failure;
    const folder = (file: string) => resolve(config.folder, file);
    const [program = "", ...args] = exec ?? [];
    const argv = [program.includes("/") ? folder(program) : program, ...args];
    const handler =
      script !== undefined
        ? server.handler({ type: "script", file: folder(script) })
        : exec !== undefined
          ? server.handler({ type: "exec", argv })
          : driven;
    this.#ref = ref;
    const placed = server.call(way, handler);
    this.#ref = undefined;
    return "failure" in placed ? placed.failure : undefined;
  }

  #perform({ call: id, command }: MainCommand & { type: "tell" }): string | undefined {
    const call = this.#server?.calls.find(id);
    if (call === undefined) return `${command.name}: there is no call ${id.replace(/[^\w-]/g, "?").slice(0, 40)}`;
    const running = this.#running.get(call) ?? 0;
    if (running >= maxRunning) return `${command.name}: ${maxRunning} commands are running already`;
    const { folder } = this.#options.config;
    const files = this.#files.get(call) ?? new FileNames((name) => ({ ok: true, path: resolve(folder, name) }));
    this.#files.set(call, files);
    const translated = files.outgoing(command);
    if (isFailure(translated)) return `${command.name}: ${translated.reason}`;
    this.#running.set(call, running + 1);
    call.perform(translated, (outcome) => {
      const left = this.#running.get(call);
      if (left !== undefined) this.#running.set(call, left - 1);
      if (!outcome.ok) this.#tell(call, "ERROR", { ...outcome.failure });
    });
    return undefined;
  }
}
