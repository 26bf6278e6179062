/** What keeps the console up to date: the server's events, and answers that are asked for anew when an event concerns them. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ApiError, ask, gate, get, tries } from "./api.ts";
import { type ServerEvent, serverEvents } from "./server-events.ts";

/** How the connection stands. `lost`: since when, ms since 1970. */
export type Connection =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  | { readonly state: "lost"; readonly since: number; readonly reason: string };

export const connection = signal<Connection>({ state: "connecting" });

export interface FeedEvent {
  readonly id: number;
  readonly time: number;
  readonly type: string;
  readonly call?: string;
  readonly callId?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Heard = (event: FeedEvent) => void;
const listeners = new Set<Heard>();

/** Tells of each event of the feed until the returned function is called. */
export function onEvent(heard: Heard): () => void {
  listeners.add(heard);
  return () => listeners.delete(heard);
}

/** Every answer that is kept up to date asks again when this changes: after the connection was lost. */
const generation = signal(0);

/** ms between attempts: soon at first, then patiently. */
const waits = [500, 1000, 2000, 4000, 8000];

/** Follows the feed for as long as the page is open. */
export function follow(path = "/v1/events"): void {
  let last = "";
  let failures = 0;
  let running = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const run = async (abort: AbortController) => {
    try {
      const headers = { Accept: "text/event-stream", ...(last !== "" && { "Last-Event-ID": last }) };
      const response = await ask(path, { signal: abort.signal, headers });
      if (gate.peek() !== undefined) gate.value = undefined;
      connection.value = { state: "live" };
      generation.value++;
      failures = 0;
      if (response.body === null) return again("the server sends nothing");
      for await (const event of serverEvents(response.body)) {
        if (event.id !== "") last = event.id;
        tell(event);
      }
      again("the server has closed the connection");
    } catch (error) {
      if (abort.signal.aborted) return;
      // Without a key there is nothing to try again until somebody gives one.
      if (error instanceof ApiError && (error.code === "no-key" || error.code === "wrong-key")) return;
      again(error instanceof ApiError ? error.message : "the connection broke");
    }
  };
  const again = (reason: string) => {
    const before = connection.peek();
    connection.value = { state: "lost", since: before.state === "lost" ? before.since : Date.now(), reason };
    timer = setTimeout(() => void start(), waits[Math.min(failures++, waits.length - 1)]);
  };
  const start = () => {
    clearTimeout(timer);
    running.abort();
    running = new AbortController();
    void run(running);
  };
  // A new key is tried at once; so is a network that is back, or a page that is looked at again.
  effect(() => {
    tries.value;
    start();
  });
  addEventListener("online", start);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && connection.peek().state === "lost") start();
  });
}

function tell({ text }: ServerEvent): void {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch {
    return;
  }
  if (!isFeedEvent(event)) return;
  for (const heard of listeners) heard(event);
}

function isFeedEvent(value: unknown): value is FeedEvent {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "type") === "string" &&
    typeof Reflect.get(value, "time") === "number" &&
    typeof Reflect.get(value, "data") === "object"
  );
}

export interface Answer<T> {
  /** The last good answer; undefined: there is none yet. */
  readonly value: T | undefined;
  /** Why the last request failed. */
  readonly error: ApiError | undefined;
}

export interface Freshness {
  /** Asked again after so many ms, while the page is looked at. */
  readonly every?: number;
  /** Asked again soon after such an event. */
  readonly on?: (event: FeedEvent) => boolean;
}

/** Events that come together are answered by one request. */
const settle = 150;
/** However much happens: at least so many ms lie between two requests. */
const pause = 1000;

/** The answer to a GET, kept up to date until `stop`. */
export class Live<T> {
  readonly answer: ReadonlySignal<Answer<T>>;
  readonly #answer = signal<Answer<T>>({ value: undefined, error: undefined });
  readonly #path: string;
  readonly #freshness: Freshness;
  readonly #stops: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | undefined;
  #asked = 0;
  #due = Number.POSITIVE_INFINITY;

  constructor(path: string, freshness: Freshness) {
    this.#path = path;
    this.#freshness = freshness;
    this.answer = this.#answer;
  }

  start(): void {
    const { on } = this.#freshness;
    if (on !== undefined) this.#stops.push(onEvent((event) => (on(event) || event.type === "feed.gap") && this.soon()));
    this.#stops.push(
      effect(() => {
        generation.value;
        tries.value;
        this.now();
      }),
    );
    const seen = () => document.hidden || this.#plan(this.#freshness.every === undefined ? undefined : 0);
    document.addEventListener("visibilitychange", seen);
    this.#stops.push(() => document.removeEventListener("visibilitychange", seen));
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  /** Asks again at once. */
  now(): void {
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
    void this.#ask();
  }

  /** Asks again as soon as it is fair. */
  soon(): void {
    this.#plan(Math.max(settle, this.#asked + pause - performance.now()));
  }

  #plan(ms: number | undefined): void {
    if (ms === undefined) return;
    const due = performance.now() + ms;
    if (due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), ms);
  }

  async #ask(): Promise<void> {
    // Each request with a wrong key counts against us; the next one follows a better key.
    if (gate.peek() !== undefined) return;
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#asked = performance.now();
    try {
      const value = await get<T>(this.#path, { signal: abort.signal });
      this.#answer.value = { value, error: undefined };
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error instanceof ApiError) this.#answer.value = { value: this.#answer.peek().value, error };
    }
    if (!document.hidden) this.#plan(this.#freshness.every);
  }
}

/** The answer to a GET for as long as a component is shown; `path` undefined: nothing is asked. */
export function useLive<T>(path: string | undefined, freshness: Freshness): Answer<T> & { again: () => void } {
  const live = useMemo(() => (path === undefined ? undefined : new Live<T>(path, freshness)), [path]);
  useEffect(() => {
    live?.start();
    return () => live?.stop();
  }, [live]);
  const { value, error } = live?.answer.value ?? { value: undefined, error: undefined };
  return { value, error, again: () => live?.now() };
}

/** For `on`: events of these types, or of those that begin so (`call.`). */
export function of(...types: readonly string[]): (event: FeedEvent) => boolean {
  return ({ type }) => types.some((one) => (one.endsWith(".") ? type.startsWith(one) : type === one));
}
