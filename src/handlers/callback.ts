/**
 * Calls for programs that embed siproc: the commands of the vocabulary as methods that give promises, the events as an async
 * iterator. It is what scripts see, without the sandbox.
 */
import {
  type CallControl,
  type CallEvent,
  type CallFacts,
  type Command,
  type CommandEntry,
  type CommandName,
  type CommandValue,
  type CommandValues,
  callOver,
  commands,
  type Handler,
  parametersOf,
  readCommand,
} from "../call/index.ts";
import { decodeUtf8 } from "../sip/text.ts";

/**
 * Why a command could not be done. `reason` says it in words; when the call has ended it is "the call is over".
 *
 * @example
 * await call.play("hello.wav").catch((error) => {
 *   if (error instanceof CallError) console.log(`${error.command}: ${error.reason}`);
 * });
 */
export class CallError extends Error {
  override readonly name = "CallError";
  /** Such as `PLAY`. */
  readonly command: string;
  readonly reason: string;
  constructor(command: string, reason: string) {
    super(`${command}: ${reason}`);
    this.command = command;
    this.reason = reason;
  }
}

type Arguments<N extends CommandName> = Omit<Extract<Command, { name: N }>, "name">;
type Table = typeof commands;

/** One argument stands by itself, named ones in an object, several in their order. */
type Parameters<N extends CommandName> = Table[N] extends { named: true }
  ? [options?: Arguments<N>]
  : [OptionNames<N>] extends [never]
    ? Ordered<Arguments<N>>
    : [
        ...Ordered<Omit<Arguments<N>, OptionNames<N>>>,
        options?: Pick<Arguments<N>, OptionNames<N> & keyof Arguments<N>>,
      ];
/** Those arguments that the table calls options. */
type OptionNames<N extends CommandName> = {
  [A in keyof Table[N]["args"]]: Table[N]["args"][A] extends { option: true } ? A : never;
}[keyof Table[N]["args"]];
type Ordered<A> = keyof A extends never
  ? []
  : keyof A extends infer K
    ? IsOne<K> extends true
      ? object extends A
        ? [value?: A[keyof A]]
        : [value: A[keyof A]]
      : A[keyof A][]
    : never;
/** A union of one member. */
type IsOne<T, U = T> = T extends U ? ([U] extends [T] ? true : false) : never;

type Commands = {
  readonly [N in CommandName as Lowercase<N>]: (
    ...values: Parameters<N>
  ) => Promise<N extends keyof CommandValues ? CommandValues[N] : void>;
};

type Told<E> = E extends { name: infer N extends string } ? { readonly type: Lowercase<N> } & Omit<E, "name"> : never;
/**
 * What happens in a call, as scripts see it: `{ type: "dtmf", digit: "5", duration: 160 }`. docs/calls.md has all events.
 *
 * @example
 * for await (const event of call) if (event.type === "dtmf") console.log(event.digit);
 */
export type LibraryEvent = Told<CallEvent>;
/**
 * How a call ended.
 *
 * @example
 * const { by, cause, code } = await call.ended;
 */
export type LibraryEnd = Extract<LibraryEvent, { type: "ended" }>;

/** One end of a call. What the other end says of itself is what it wants it to be. */
export interface CallParty {
  readonly uri: string;
  /** The user and the host of the URI, unescaped. */
  readonly user: string;
  readonly host: string;
}

/**
 * A call in a program's hands: each command of docs/calls.md is a method that gives a promise, each event comes by
 * iterating. A command that cannot be done rejects with a CallError.
 *
 * @example
 * async function echo(call: Call) {
 *   await call.answer();
 *   await call.echo();
 *   for await (const event of call) if (event.type === "dtmf") await call.dtmf(event.digit);
 * }
 */
export interface LibraryCall extends Commands, AsyncIterable<LibraryEvent> {
  /** Short and unique in this process, for logs and file names: `[a-z0-9]+`. */
  readonly id: string;
  readonly direction: "incoming" | "outgoing";
  /** The other end. `id` is its From or To, `name` the display name, `contact` its Contact's URI, empty when unknown. */
  readonly remote: CallParty & { readonly id: string; readonly name: string; readonly contact: string };
  /** Our end: whom the caller has called, or who calls. */
  readonly local: CallParty;
  /** The header fields of a call that came in, in order. Names are compared without regard to case. */
  readonly headers: CallHeaders;
  /** Resolves with how the call ended. */
  readonly ended: Promise<LibraryEnd>;
  /** Calls back for each event, those before it included that no loop has seen; a loop sees them as well. */
  watch(heard: (event: LibraryEvent) => void): void;
}

export interface CallHeaders extends Iterable<readonly [name: string, value: string]> {
  /** The first value of a field. */
  get(name: string): string | undefined;
  all(name: string): string[];
}

/**
 * A handler that gives each call to a function. When what it returns is settled, a call that is still up is ended: with BYE,
 * or with 500 where the function failed before it answered. That the other side hangs up in the middle of a command is no
 * failure of the function.
 */
export function callback(handle: (call: LibraryCall) => unknown, failed: (error: unknown) => void = () => {}): Handler {
  return {
    trusted: true,
    start(control) {
      Promise.try(() => handle(libraryCall(control))).then(
        () => control.finish({ type: "returned" }),
        (error: unknown) => {
          if (error instanceof CallError && error.reason === callOver) return control.finish({ type: "returned" });
          failed(error);
          const reason = error instanceof Error ? error.message : String(error);
          control.finish({ type: "failed", reason, logged: true });
        },
      );
    },
  };
}

/** A call's commands as methods. */
export function libraryCall(control: CallControl): LibraryCall {
  const { facts } = control;
  const events = new Events(control);
  const methods = Object.entries(commands).map(([name, entry]) => [
    name.toLowerCase(),
    (...values: unknown[]) => perform(control, name, named(entry, values)),
  ]);
  const call = {
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
    headers: new Headers(facts),
    ended: events.ended,
    watch: (heard: (event: LibraryEvent) => void) => events.watch(heard),
    [Symbol.asyncIterator]: () => events.iterate(),
    ...Object.fromEntries(methods),
  };
  // Each command of the table has its method, which checks its arguments against the table.
  return call as unknown as LibraryCall;
}

class Headers implements CallHeaders {
  readonly #facts: CallFacts;

  constructor(facts: CallFacts) {
    this.#facts = facts;
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    for (const [name, value] of this.#facts.headers) yield [name, decodeUtf8(value)];
  }

  get(name: string): string | undefined {
    return this.all(name)[0];
  }

  all(name: string): string[] {
    const wanted = name.toLowerCase();
    return [...this].flatMap(([own, value]) => (own.toLowerCase() === wanted ? [value] : []));
  }
}

function named(entry: CommandEntry, values: readonly unknown[]): Readonly<Record<string, unknown>> {
  const { positional } = parametersOf(entry);
  const options = values[positional.length];
  const first = positional.map((name, i) => [name, values[i]]);
  return { ...(typeof options === "object" && options !== null ? options : {}), ...Object.fromEntries(first) };
}

function perform(
  control: CallControl,
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<CommandValue | undefined> {
  const performed = new Promise<CommandValue | undefined>((resolve, reject) => {
    const read = readCommand(name, args);
    if (!read.ok) return reject(new CallError(name, read.failure.reason));
    control.perform(read.command, (outcome) => {
      if (outcome.ok) resolve(outcome.value);
      // That is what was asked for, whoever was first.
      else if (name === "HANGUP" && outcome.failure.reason === callOver) resolve(undefined);
      else reject(new CallError(outcome.failure.command, outcome.failure.reason));
    });
  });
  // Music that nobody waits for ends with its call: that is no reason for the runtime to end the program.
  performed.catch(() => {});
  return performed;
}

/** Events that wait for a loop; more than any honest call has. */
const mostWaiting = 10_000;

/** The call's one stream of events, for those who watch and for one loop. */
class Events {
  readonly ended: Promise<LibraryEnd>;
  /** For the loop; of a call that nobody loops over, the last ones. */
  readonly #waiting: LibraryEvent[] = [];
  readonly #watchers: ((event: LibraryEvent) => void)[] = [];
  #wake: (() => void) | undefined;
  #over = false;

  constructor(control: CallControl) {
    const { promise, resolve } = Promise.withResolvers<LibraryEnd>();
    this.ended = promise;
    control.listen(({ name, ...rest }) => {
      // The same event with its name as scripts write it.
      const event = { type: name.toLowerCase(), ...rest } as unknown as LibraryEvent;
      this.#waiting.push(event);
      if (this.#waiting.length > mostWaiting) this.#waiting.shift();
      for (const heard of this.#watchers) heard(event);
      if (event.type === "ended") {
        this.#over = true;
        resolve(event);
      }
      this.#wake?.();
    });
  }

  watch(heard: (event: LibraryEvent) => void): void {
    this.#watchers.push(heard);
    for (const event of this.#waiting) heard(event);
  }

  async *iterate(): AsyncGenerator<LibraryEvent> {
    for (;;) {
      const event = this.#waiting.shift();
      if (event !== undefined) yield event;
      else if (this.#over) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
