/** Requests to the HTTP API: the key that they carry, and what an error says. */
import { batch, signal } from "@preact/signals";

/** What the server answers when it does not do something: RFC 9457 problem details. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** For programs: `no-key`, `wrong-key`, `not-allowed`, `invalid`, … `unreachable`: there was no answer. */
  readonly code: string;
  readonly status: number;
  /** What is wrong with single members of what was sent. */
  readonly wrong: readonly { readonly at: string; readonly message: string }[];

  constructor(code: string, status: number, message: string, wrong: ApiError["wrong"] = []) {
    super(message);
    this.code = code;
    this.status = status;
    this.wrong = wrong;
  }
}

const place = "siproc-key";

/** The key of `control.keys`; empty: none. It is forgotten when the browser's tab is closed. */
export const key = signal(sessionStorage.getItem(place) ?? "");

/** Why a key is asked for; undefined: the one that we have is good, or none is needed. */
export const gate = signal<"no-key" | "wrong-key" | undefined>(undefined);

export function useKey(next: string): void {
  if (next === "") sessionStorage.removeItem(place);
  else sessionStorage.setItem(place, next);
  batch(() => {
    gate.value = undefined;
    key.value = next;
    tries.value++;
  });
}

/** Changes when a key is given, though it be the same again: what was asked in vain is asked anew. */
export const tries = signal(0);

/** Whether the server takes a key, by one request: it counts how often it is given wrong ones. @throws ApiError if it does not. */
export async function tryKey(given: string): Promise<void> {
  await ask("/v1/status", { headers: { Authorization: `Bearer ${given}` } });
}

export interface Asked {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks, and gives the response as it is. @throws ApiError for every answer but 2xx, and for none at all. */
export async function ask(path: string, { method = "GET", body, signal, headers }: Asked = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      ...(signal && { signal }),
      headers: {
        ...(key.peek() !== "" && { Authorization: `Bearer ${key.peek()}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      cache: "no-store",
      credentials: "omit",
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError("unreachable", 0, "The server does not answer.");
  }
  if (response.ok) return response;
  const error = await problemOf(response);
  if (error.code === "no-key" || error.code === "wrong-key") gate.value = error.code;
  throw error;
}

/** Asks for JSON. The shape is what the API's document says: both come from the same source. */
export async function get<T>(path: string, asked?: Asked): Promise<T> {
  const response = await ask(path, asked);
  // Checked by the server's own schemas, of which T is a view; see src/control/api.
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function problemOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  const member = (name: string) => (typeof body === "object" && body !== null ? Reflect.get(body, name) : undefined);
  const text = (value: unknown, otherwise: string) => (typeof value === "string" ? value : otherwise);
  const wrong: unknown = member("wrong");
  return new ApiError(
    text(member("code"), "fault"),
    response.status,
    text(member("detail"), `The server answered ${response.status}.`),
    Array.isArray(wrong) ? wrong.filter(isWrong) : [],
  );
}

function isWrong(value: unknown): value is { at: string; message: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "at") === "string" &&
    typeof Reflect.get(value, "message") === "string"
  );
}

/** What went wrong, in a sentence. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ApiError && error.wrong.length > 0)
    return error.wrong.map(({ at, message }) => `${at.replace(/^\//, "")}: ${message}`).join("; ");
  return error.message;
}

/** A path with a query of what is not undefined. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
