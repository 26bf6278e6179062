/**
 * What waits to be written, gathered for a fifth of a second at a time and given to the worker, one batch after the other.
 * While the worker cannot write, it waits here: each binding and value once, however often it changes, and so bounded.
 */
import type { Log } from "../log.ts";
import type { Clock, Timer } from "../sip/clock.ts";
import type { Batch, FoundRow, FromWorker, ToWorker, ValueTable } from "./protocol.ts";
import type { BindingStore, RecordFilter, Retention, StoredBinding } from "./types.ts";

/** What of a Worker is used here, so that tests can stand in for one. */
export interface WorkerPort {
  postMessage(message: ToWorker): void;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

/** Milliseconds from a change to its batch. */
const gather = 200;
/** Milliseconds until a batch that failed is tried again; doubled each time. */
const firstRetry = 1000;
const lastRetry = 30_000;
/** Milliseconds after which a worker that is silent is spoken of. */
const silence = 5000;
/** Bindings in one batch: making it takes a few milliseconds. */
const atOnce = 5000;
/** Records that wait while nothing can be written; then the oldest are lost. */
const maxRecords = 100_000;
/** Questions for records that wait for an answer. */
const maxQuestions = 100;

interface Flight {
  readonly bindings: readonly StoredBinding[];
  readonly values: Batch["values"];
  readonly records: readonly string[];
}

export class WriteBehind implements Pick<BindingStore, "put" | "delete"> {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #file: string;
  readonly #createWorker: () => WorkerPort;
  #worker: WorkerPort | undefined;
  #bindings: StoredBinding[] = [];
  readonly #values = new Map<string, Batch["values"][number]>();
  #records: string[] = [];
  #lostRecords = 0;
  #flight: Flight | undefined;
  #timer: Timer | undefined;
  #watch: Timer | undefined;
  #retry = firstRetry;
  #failure: string | undefined;
  #idle: (() => void)[] = [];
  #questions = new Map<number, (rows: readonly FoundRow[]) => void>();
  #retention: Retention | undefined;
  #lastQuestion = 0;
  #opened: ((failure: string | undefined) => void) | undefined;
  #closed: (() => void) | undefined;

  constructor(options: { file: string; clock: Clock; log: Log; worker: () => WorkerPort }) {
    this.#file = options.file;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#createWorker = options.worker;
  }

  get waiting(): number {
    const { bindings, values, records } = this.#flight ?? nothing;
    const flying = bindings.length + values.length + records.length;
    return this.#bindings.length + this.#values.size + this.#records.length + flying;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves to the reason when the worker cannot open the file. */
  open(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#opened = resolve;
    this.#start();
    return promise;
  }

  put(binding: StoredBinding): void {
    switch (binding.saving) {
      case "new":
      case "written":
        binding.saving = binding.saving === "new" ? "new, due" : "written, due";
        this.#bindings.push(binding);
        this.#soon();
        break;
      case "new, due":
      case "written, due":
      case "gone":
      case "gone, due":
        break;
      default:
        binding.saving satisfies never;
    }
  }

  delete(binding: StoredBinding): void {
    switch (binding.saving) {
      case "new":
      case "new, due":
        binding.saving = "gone";
        break;
      case "written":
        this.#bindings.push(binding);
        this.#soon();
        binding.saving = "gone, due";
        break;
      case "written, due":
        binding.saving = "gone, due";
        break;
      case "gone":
      case "gone, due":
        break;
      default:
        binding.saving satisfies never;
    }
  }

  value(table: ValueTable, key: string, json: string | null): void {
    this.#values.set(`${table} ${key}`, [table, key, json]);
    this.#soon();
  }

  record(json: string): void {
    this.#records.push(json);
    if (this.#records.length > maxRecords) {
      if (this.#lostRecords === 0) this.#log.warn("call records are lost, since the store cannot be written");
      const tooMany = this.#records.length - maxRecords + maxRecords / 10;
      this.#records.splice(0, tooMany);
      this.#lostRecords += tooMany;
    }
    this.#soon();
  }

  /** Records, those that wait here among them; none when the file cannot be read. */
  async find(filter: RecordFilter): Promise<readonly FoundRow[]> {
    if (this.#records.length > 0 || this.#flight !== undefined) await this.flush();
    const worker = this.#worker;
    if (worker === undefined || this.#questions.size >= maxQuestions) return [];
    const { promise, resolve } = Promise.withResolvers<readonly FoundRow[]>();
    const question = ++this.#lastQuestion;
    this.#questions.set(question, resolve);
    worker.postMessage({ type: "find", question, filter });
    return await promise;
  }

  /** How long records are kept from now on, and how many. */
  retain(retention: Retention): void {
    this.#retention = retention;
    this.#worker?.postMessage({ type: "retain", retention });
  }

  /** Writes at once; resolves when nothing waits any more, or a write has failed. */
  flush(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#write();
    return promise;
  }

  async close(patience: number): Promise<void> {
    const written = this.flush();
    await this.#within(written, patience);
    if (this.waiting > 0)
      this.#log.error("changes could not be written to the store and are lost", {
        changes: this.waiting,
        reason: this.#failure,
      });
    this.#timer?.cancel();
    this.#watch?.cancel();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = resolve;
    this.#worker?.postMessage({ type: "close" });
    await this.#within(promise, patience);
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #within(work: Promise<void>, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(ms, resolve);
    void work.then(() => {
      timer.cancel();
      resolve();
    });
    return promise;
  }

  #soon(): void {
    if (this.#timer === undefined && this.#flight === undefined) this.#timer = this.#clock.after(gather, this.#write);
  }

  readonly #write = (): void => {
    this.#timer = undefined;
    if (this.#flight !== undefined) return;
    if (this.#worker === undefined) this.#start();
    const flight = this.#take();
    if (flight === undefined) return this.#settled();
    this.#flight = flight.flight;
    this.#worker?.postMessage({ type: "write", batch: flight.batch });
    this.#watch = this.#clock.after(silence, () => this.#trouble("the disk takes long"));
  };

  /** What goes next; undefined when nothing is left. */
  #take(): { flight: Flight; batch: Batch } | undefined {
    const bindings = this.#bindings.splice(0, atOnce);
    const rows: string[] = [];
    const gone: number[] = [];
    for (const binding of bindings) {
      switch (binding.saving) {
        case "new, due":
        case "written, due":
          rows.push(binding.row());
          binding.saving = "written";
          break;
        case "gone, due":
          gone.push(binding.id);
          binding.saving = "gone";
          break;
        case "new":
        case "written":
        case "gone":
          break;
        default:
          binding.saving satisfies never;
      }
    }
    const values = [...this.#values.values()];
    this.#values.clear();
    const records = this.#records.splice(0, atOnce);
    if (rows.length + gone.length + values.length + records.length === 0) return undefined;
    return {
      flight: { bindings, values, records },
      batch: { bindings: rows.join("\0"), gone: gone.join(","), values, records },
    };
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "opened":
        this.#opened?.(undefined);
        this.#opened = undefined;
        return;
      case "written":
        return this.#written();
      case "failed":
        return this.#failed(message.reason);
      case "records":
        this.#questions.get(message.question)?.(message.rows);
        this.#questions.delete(message.question);
        return;
      case "retained":
        return;
      case "closed":
        this.#closed?.();
        return;
      default:
        message satisfies never;
    }
  }

  #written(): void {
    this.#watch?.cancel();
    this.#flight = undefined;
    this.#retry = firstRetry;
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#log.info("the store can be written again; nothing but the call records told of is lost", {
        file: this.#file,
        lostRecords: this.#lostRecords,
      });
      this.#lostRecords = 0;
    }
    if (this.waiting === 0) this.#settled();
    // What was too much for one batch, or is asked for, goes on at once.
    else if (this.#bindings.length >= atOnce || this.#records.length >= atOnce || this.#idle.length > 0) this.#write();
    else this.#soon();
  }

  /** All that was in the batch is due again, unless it has changed since. */
  #failed(reason: string): void {
    this.#watch?.cancel();
    if (this.#opened !== undefined) {
      this.#opened(reason);
      this.#opened = undefined;
      return;
    }
    const flight = this.#flight;
    if (flight === undefined) return;
    this.#flight = undefined;
    for (const binding of flight.bindings) {
      if (binding.saving === "written") binding.saving = "written, due";
      else if (binding.saving === "gone") binding.saving = "gone, due";
      else continue;
      this.#bindings.push(binding);
    }
    for (const value of flight.values) {
      const key = `${value[0]} ${value[1]}`;
      if (!this.#values.has(key)) this.#values.set(key, value);
    }
    this.#records.unshift(...flight.records);
    this.#trouble(reason);
    this.#timer = this.#clock.after(this.#retry, this.#write);
    this.#retry = Math.min(2 * this.#retry, lastRetry);
    this.#settled();
  }

  #trouble(reason: string): void {
    if (this.#failure === undefined)
      this.#log.warn("the store cannot be written; changes are kept in memory until it can", {
        file: this.#file,
        reason,
      });
    this.#failure = reason;
  }

  #settled(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #start(): void {
    const worker = this.#createWorker();
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onerror = (event) => {
      worker.terminate();
      this.#worker = undefined;
      for (const resolve of this.#questions.values()) resolve([]);
      this.#questions.clear();
      this.#failed(`the store's worker has ended: ${event.message}`);
    };
    worker.postMessage({ type: "open", file: this.#file });
    if (this.#retention !== undefined) worker.postMessage({ type: "retain", retention: this.#retention });
  }
}

const nothing: Flight = { bindings: [], values: [], records: [] };
