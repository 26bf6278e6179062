/** A call without SIP or sound, for tests of handlers: it notes what it is told and says what the test has it say. */
import type { CallControl, CallFacts, Outcome } from "../../src/call/control.ts";
import type { CallEvent, Command } from "../../src/call/vocabulary.ts";

type Done = (outcome: Outcome) => void;
type Finish = Parameters<CallControl["finish"]>[0];

export class FakeCall implements CallControl {
  readonly facts: CallFacts;
  /** Every command so far, in order. */
  readonly commands: Command[] = [];
  /** How the handler finished, if it has. */
  finished: Finish | undefined;
  /** Answers commands; by default each one succeeds at once, and HANGUP ends the call. */
  answer: (command: Command, done: Done) => void = (_, done) => done({ ok: true });
  ended = false;
  #listener: ((event: CallEvent) => void) | undefined;
  #early: CallEvent[] = [];
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  constructor(facts: Partial<CallFacts> = {}) {
    this.facts = { ...someFacts, ...facts };
  }

  listen(listener: (event: CallEvent) => void): void {
    this.#listener = listener;
    for (const event of this.#early.splice(0)) listener(event);
  }

  perform(command: Command, done: Done): void {
    this.commands.push(command);
    if (this.ended) done({ ok: false, failure: { command: command.name, reason: "the call is over" } });
    else this.answer(command, done);
    if (command.name === "HANGUP") this.end();
    this.#wake();
  }

  finish(how: Finish): void {
    if (!this.ended) this.finished = how;
    this.end(how.type === "failed" ? "system" : "local");
  }

  /** Something happens in the call. */
  emit(event: CallEvent): void {
    if (this.#listener === undefined) this.#early.push(event);
    else this.#listener(event);
  }

  /** The call is over; no effect a second time. */
  end(by: "remote" | "local" | "system" = "remote"): void {
    if (this.ended) return;
    this.ended = true;
    this.emit({ name: "ENDED", by, cause: by === "system" ? "error" : "hangup", code: by === "system" ? 500 : 200 });
    this.#wake();
  }

  /** Resolves once `condition` holds; it is looked at after each command and at the end. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  /** Resolves with the names of the commands once there are `count`. */
  async performed(count: number): Promise<string[]> {
    await this.until(() => this.commands.length >= count);
    return this.commands.map(({ name }) => name);
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter(({ condition, resolve }) => {
      if (!condition()) return true;
      resolve();
      return false;
    });
  }
}

export const someFacts: CallFacts = {
  id: "a1",
  direction: "incoming",
  callId: "call-id@192.0.2.1",
  remoteUri: "sip:alice@example.com",
  remoteId: '"Alice" <sip:alice@example.com>',
  remoteContact: "sip:alice@192.0.2.1:5060",
  localUri: "sip:echo@example.com",
  remoteName: "Alice",
  remoteUser: "alice",
  remoteHost: "example.com",
  localUser: "echo",
  localHost: "example.com",
  headers: [],
};
