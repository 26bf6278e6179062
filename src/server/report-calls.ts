/** The calls as operators see them, place them and tell them what to do. */
import { realpathSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import {
  argumentsOf,
  type Call,
  type CallControl,
  type CallEvent,
  type Command,
  type CommandEntry,
  commands,
  type Handler,
  isHeaderValue,
  isOpenHeader,
  kindOf,
  type Outcome,
  readCommand,
} from "../call/index.ts";
import type { Config } from "../config/config.ts";
import type {
  CallOrder,
  CallsControl,
  CallView,
  CommandOutcome,
  CommandWord,
  Refusal,
  WordType,
} from "../control/calls.ts";
import type { Feed } from "../control/feed.ts";
import type { Quality, QualityControl } from "../control/quality.ts";
import { FileNames, isFailure } from "../handlers/file-names.ts";
import { resolveReadable, resolveWritable } from "../handlers/files.ts";
import type { Flow } from "../sip/flow.ts";
import { formatAddress } from "../transport/index.ts";
import type { CallObserver, Calls } from "./calls.ts";
import type { ServerDialer } from "./dialer.ts";
import { type CallFeed, partiesOf } from "./feeding.ts";
import type { HandlerAction } from "./handlers.ts";

export interface CallDeskParts {
  readonly calls: Calls;
  readonly dialer: ServerDialer;
  readonly feed: Feed;
  readonly callFeed: CallFeed;
  readonly config: () => Config;
  handler(action: HandlerAction): Handler;
  /** By our id of a call. */
  readonly quality: Pick<QualityControl, "standing">;
}

/** Commands of one call that have not been answered yet. */
const maxRunning = 256;

/** What is known of a call that is up, besides what it knows itself. */
interface Known {
  readonly call: Call;
  readonly parties: ReturnType<typeof partiesOf>;
  readonly handler: string | undefined;
  readonly source: string | undefined;
  readonly since: number;
  answered: number | undefined;
  held: boolean;
  running: number;
  files: FileNames | undefined;
}

/** A call that nobody handles but who gives it commands. */
const driven: Handler = { name: "api", start: (control) => control.listen(() => {}) };

export class CallDesk implements CallsControl, CallObserver {
  readonly vocabulary = commandWords();
  readonly #parts: CallDeskParts;
  readonly #known = new Map<string, Known>();
  readonly #byCallId = new Map<string, Known>();
  #lastRef = 0;

  constructor(parts: CallDeskParts) {
    this.#parts = parts;
  }

  // --- what it is told ---

  began(call: Call, { name }: Handler, flow: Flow | undefined): void {
    const source = flow === undefined ? undefined : `${flow.transport}:${formatAddress(flow.remote)}`;
    const known = {
      call,
      parties: partiesOf(call),
      handler: name,
      source,
      since: Date.now(),
      answered: undefined,
      held: false,
      running: 0,
      files: undefined,
    };
    this.#known.set(call.facts.id, known);
    this.#byCallId.set(call.facts.callId, known);
  }

  happened(call: Call, event: CallEvent): void {
    if (event.name !== "CONNECTED" && event.name !== "HOLD") return;
    const known = this.#known.get(call.facts.id);
    if (known === undefined) return;
    if (event.name === "HOLD") known.held = event.on;
    else known.answered ??= Date.now();
  }

  ended(call: Call): void {
    const { id, callId } = call.facts;
    this.#known.delete(id);
    if (this.#byCallId.get(callId)?.call === call) this.#byCallId.delete(callId);
  }

  // --- what it is asked ---

  #viewOf(known: Known): CallView {
    return viewOf(known, this.#parts.quality.standing(known.call.facts.id));
  }

  list(limit: number): CallView[] {
    const views: CallView[] = [];
    for (const known of this.#known.values()) {
      if (views.length === limit) break;
      views.push(this.#viewOf(known));
    }
    return views;
  }

  find(id: string): CallView | undefined {
    const known = this.#find(id);
    return known === undefined ? undefined : this.#viewOf(known);
  }

  command(
    id: string,
    name: string,
    args: Readonly<Record<string, unknown>>,
  ): { ref: string; done: Promise<CommandOutcome> } | Refusal {
    const known = this.#find(id);
    if (known === undefined) return { refused: "not found", reason: "no such call is up" };
    const read = readCommand(name, args);
    if (!read.ok) return { refused: "wrong", reason: `${read.failure.command.slice(0, 40)}: ${read.failure.reason}` };
    if (known.running >= maxRunning)
      return { refused: "busy", reason: `${maxRunning} commands of this call are running already; wait for one` };
    const { scripts, folder } = this.#parts.config();
    known.files ??= new FileNames((file, purpose) =>
      purpose === "read"
        ? resolveReadable(file, { base: folder, allow: scripts.allow.read })
        : resolveWritable(file, { base: folder, allow: scripts.allow.write }),
    );
    const translated = known.files.outgoing(read.command);
    if (isFailure(translated)) return { refused: "not allowed", reason: `${translated.command}: ${translated.reason}` };
    const ref = String(++this.#lastRef);
    return { ref, done: this.#perform(known, translated, ref) };
  }

  place(order: CallOrder): CallView | Refusal {
    const { calls, dialer, callFeed } = this.#parts;
    if (calls.draining) return { refused: "unavailable", reason: "the server is stopping; call by another" };
    if (calls.size >= calls.limits.calls)
      return { refused: "unavailable", reason: "too many calls are up; try again, or raise limits.calls" };
    const handler = this.#handlerFor(order);
    if ("refused" in handler) return handler;
    const { to, trunk, from, headers, ref, variables } = order;
    for (const [name, value] of Object.entries(headers ?? {}))
      if (!isOpenHeader(name) || !isHeaderValue(value))
        return {
          refused: "wrong",
          reason: `headers: ${name} is none that SIP leaves to others, or its value has no good form`,
        };
    const way = dialer.wayTo(to, { trunk, from });
    if ("failure" in way) return { refused: "wrong", reason: way.failure };
    callFeed.ref = ref;
    const placed = calls.place({ ...way, headers: Object.entries(headers ?? {}) }, withVariables(handler, variables));
    callFeed.ref = undefined;
    if ("failure" in placed) return { refused: "wrong", reason: placed.failure };
    return this.find(placed.facts.id) ?? { refused: "unavailable", reason: "the call ended at once" };
  }

  async #perform(known: Known, command: Command, ref: string): Promise<CommandOutcome> {
    const { feed } = this.#parts;
    const { call } = known;
    known.running++;
    const outcome = await new Promise<Outcome>((settle) => call.perform(command, settle));
    known.running--;
    const reason = outcome.ok ? undefined : outcome.failure.reason;
    const { id, callId } = call.facts;
    feed.publish("call.command", { command: command.name, ref, ok: outcome.ok, reason }, { call: id, callId });
    return outcome.ok ? { ok: true, value: outcome.value } : { ok: false, reason };
  }

  /** A key for calls is none for programs: only what the configuration trusts already is started. */
  #handlerFor({ script, exec }: CallOrder): Handler | Refusal {
    const { config, handler } = this.#parts;
    const { folder, routes } = config();
    if (script !== undefined && exec !== undefined)
      return { refused: "wrong", reason: "a call has one handler: give script or exec" };
    if (script !== undefined) {
      const file = resolve(folder, script);
      const routed = routes.some(({ action }) => action.type === "script" && action.file === file);
      if (routed || isScriptIn(file, folder)) return handler({ type: "script", file });
      return { refused: "not allowed", reason: "script: expected a .js or .ts file in the configuration's folder" };
    }
    if (exec !== undefined) {
      const wanted = exec.map((word, i) => (i === 0 && word.includes("/") ? resolve(folder, word) : word));
      const routed = routes.some(({ action }) => action.type === "exec" && sameWords(action.argv, wanted));
      if (routed) return handler({ type: "exec", argv: wanted });
      return { refused: "not allowed", reason: "exec: expected the command line of a route of the configuration" };
    }
    return driven;
  }

  #find(id: string): Known | undefined {
    return this.#known.get(id) ?? this.#byCallId.get(id);
  }
}

function viewOf(
  { call, parties, handler, source, since, answered, held }: Known,
  quality: Quality | undefined,
): CallView {
  const { id, callId, placedBy, direction, remoteName } = call.facts;
  return {
    id,
    callId,
    placedBy,
    direction,
    from: parties.from,
    to: parties.to,
    name: remoteName,
    handler,
    since,
    answered,
    source,
    state: answered === undefined ? "ringing" : held ? "held" : "answered",
    codec: call.codec,
    security: call.security,
    quality,
  };
}

function isScriptIn(file: string, folder: string): boolean {
  if (!/\.[jt]s$/.test(file)) return false;
  try {
    return realpathSync(file).startsWith(`${realpathSync(folder)}${sep}`);
  } catch {
    return false;
  }
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

function withVariables(handler: Handler, variables: Readonly<Record<string, string>> | undefined): Handler {
  if (variables === undefined) return handler;
  return {
    ...handler,
    start(control: CallControl) {
      handler.start({
        facts: { ...control.facts, variables },
        listen: (listener) => control.listen(listener),
        perform: (command, done) => control.perform(command, done),
        finish: (how) => control.finish(how),
      });
    },
  };
}

/** A path as operators know it: from the configuration's folder where it lies below that. */
export function nameOf(path: string, folder: string): string {
  const name = relative(folder, path);
  return name === ".." || name.startsWith(`..${sep}`) ? path : name;
}

/** Every command, for the API's document. */
export function commandWords(): readonly CommandWord[] {
  return Object.entries(commands).map(([name, entry]) => wordOf(name, entry));
}

function wordOf(name: string, entry: CommandEntry): CommandWord {
  return {
    name,
    summary: entry.summary,
    args: argumentsOf(entry).map(([arg, argument]) => ({
      name: arg,
      summary: argument.default === undefined ? argument.summary : `${argument.summary} (${argument.default})`,
      optional: argument.optional === true,
      type: typeOf(kindOf(argument).type),
      expected: kindOf(argument).expected,
    })),
  };
}

/** What TypeScript calls a kind of argument. */
function typeOf(type: string): WordType {
  if (type === "string") return "text";
  if (type === "number") return "number";
  if (type === "boolean") return "flag";
  if (type.includes("readonly string[]")) return "texts";
  return { words: type.split(" | ").map((word) => word.replace(/^"|"$/g, "")) };
}
