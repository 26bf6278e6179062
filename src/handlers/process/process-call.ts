/** One call and its process: lines in, commands out, and an orderly end for whichever of the two outlives the other. */
import type { CallControl } from "../../call/control.ts";
import { formatEvent, maxLineOctets, parseLine } from "../../call/line-protocol.ts";
import type { CallEvent, CommandFailure } from "../../call/vocabulary.ts";
import type { Log } from "../../log.ts";
import type { Clock, Timer } from "../../sip/clock.ts";
import { type FileNames, isFailure } from "../file-names.ts";
import type { Child, Exit } from "./child.ts";
import { EventWriter } from "./event-writer.ts";
import { type Line, LineSplitter } from "./lines.ts";
import { StderrLog } from "./stderr.ts";

/** So many commands at once, then a pause: 2,500 a second are plenty, and a flood leaves the loop to other calls. */
const linesPerTurn = 50;
const pause = 20;
/** Commands that have not been answered yet. */
const maxRunning = 256;
/**
 * How long, in ms, the input stays open after SIGTERM: a shell that reads the end of its input before it sees the signal
 * would leave without running its trap.
 */
const inputTime = 200;
/** How long, in ms, to go on reading what an exited process has written, when something it started holds the pipe open. */
const drainTime = 250;

export interface ProcessCallOptions {
  /** How the program is called in reasons and logs. */
  program: string;
  call: CallControl;
  child: Child;
  files: FileNames;
  log: Log;
  clock: Clock;
  /** Milliseconds from SIGTERM to SIGKILL. */
  graceMs: number;
  classic: boolean;
}

export class ProcessCall {
  readonly #options: ProcessCallOptions;
  readonly #events: EventWriter;
  #callEnded = false;
  #exited = false;
  /** The SIGKILL that follows a SIGTERM. */
  #killer: Timer | undefined;
  #closer: Timer | undefined;
  #running = 0;

  constructor(options: ProcessCallOptions) {
    this.#options = options;
    this.#events = new EventWriter(options.child.stdin, () =>
      this.#giveUp(`${options.program} does not read its events`),
    );
  }

  start(): void {
    const { call, child } = this.#options;
    const commandsRead = this.#readCommands();
    void this.#readStderr();
    void child.exited.then((exit) => this.#onExit(exit, commandsRead));
    call.listen((event) => this.#onEvent(event));
  }

  // --- the call ---

  #onEvent(event: CallEvent): void {
    this.#send(event);
    if (event.name !== "ENDED" || this.#callEnded) return;
    this.#callEnded = true;
    this.#terminate();
  }

  #send(event: CallEvent): void {
    const { files, classic } = this.#options;
    this.#events.write(formatEvent(files.incoming(event), { classic }));
  }

  #sendError(failure: CommandFailure): void {
    this.#options.log.debug("a command failed", { command: failure.command, reason: failure.reason });
    this.#send({ name: "ERROR", command: failure.command, reason: failure.reason });
  }

  #giveUp(reason: string): void {
    this.#options.call.finish({ type: "failed", reason });
    this.#terminate();
  }

  // --- the process ---

  #terminate(): void {
    const { child, clock, graceMs, log, program } = this.#options;
    if (this.#exited || this.#killer !== undefined) return;
    child.signal("SIGTERM");
    this.#closer = clock.after(inputTime, () => this.#events.end());
    this.#killer = clock.after(graceMs, () => {
      if (child.signal("SIGKILL")) log.warn("the handler outlived its call and was killed", { program });
    });
  }

  async #onExit(exit: Exit, commandsRead: Promise<void>): Promise<void> {
    const { call, child, log, program } = this.#options;
    this.#exited = true;
    this.#closer?.cancel();
    log.debug("the handler exited", exit.type === "status" ? { status: exit.status } : { signal: exit.signal });
    // Whoever else of its group is left when the time is up is killed; with nobody left there is nothing to wait for.
    if (!child.alive()) this.#killer?.cancel();
    await this.#orTimeout(commandsRead, drainTime);
    this.#events.end();
    const how = exit.type === "status" ? `exited with status ${exit.status}` : `was ended by ${exit.signal}`;
    const well = exit.type === "status" && exit.status === 0;
    call.finish(well ? { type: "returned" } : { type: "failed", reason: `${program} ${how}` });
  }

  async #readCommands(): Promise<void> {
    const lines = new LineSplitter(maxLineOctets);
    await this.#read(this.#options.child.stdout, async (chunk) => {
      let taken = 0;
      for (const line of lines.push(chunk)) {
        if (taken++ === linesPerTurn) {
          await this.#wait(pause);
          taken = 1;
        }
        if (this.#callEnded) return;
        this.#onLine(line);
      }
    });
    // `printf HANGUP` is what people write: the last line needs no end.
    for (const line of lines.end()) if (!this.#callEnded) this.#onLine(line);
  }

  async #readStderr(): Promise<void> {
    const { log, clock, child } = this.#options;
    const relay = new StderrLog(log, clock);
    await this.#read(child.stderr, async (chunk) => {
      relay.write(chunk);
      // A chunk this large is a flood: it is slowed to what a log can bear.
      if (chunk.length > 32 * 1024) await this.#wait(pause);
    });
    relay.end();
  }

  async #read(stream: ReadableStream<Uint8Array>, take: (chunk: Uint8Array) => Promise<void>): Promise<void> {
    try {
      for await (const chunk of stream) await take(chunk);
    } catch (error) {
      this.#options.log.warn("cannot read from the handler", { reason: String(error) });
    }
  }

  // --- commands ---

  #onLine(line: Line): void {
    const failure = this.#perform(line);
    if (failure !== undefined) this.#sendError(failure);
  }

  /** Starts the command of a line; gives what is wrong with it when it cannot be started. */
  #perform(line: Line): CommandFailure | undefined {
    if (line.type === "too-long") return { command: "?", reason: `a line is longer than ${maxLineOctets} octets` };
    if (line.type === "not-utf8") return { command: "?", reason: "a line is not UTF-8" };
    const parsed = parseLine(line.text);
    if (parsed === undefined) return undefined;
    if (!parsed.ok) return parsed.failure;
    const command = this.#options.files.outgoing(parsed.command);
    if (isFailure(command)) return command;
    if (this.#running >= maxRunning)
      return { command: command.name, reason: `${maxRunning} commands are running already` };
    this.#running++;
    this.#options.call.perform(command, (outcome) => {
      this.#running--;
      if (!outcome.ok && !this.#callEnded) this.#sendError(outcome.failure);
    });
    return undefined;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }

  #orTimeout(work: Promise<void>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(ms, resolve);
      void work.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}
