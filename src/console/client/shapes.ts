/** What the API answers where no type of src/control says it without the server's own surroundings. */

/** A line of the log, as src/log-tail.ts keeps it. */
export interface LogLine {
  readonly id: number;
  /** ms since 1970. */
  readonly time: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly callId?: string | undefined;
  readonly fields: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** A rule of `routes:`, as the API tells it. */
export interface Route {
  /** From 0. */
  readonly index: number;
  readonly line: number;
  readonly to?: string;
  readonly from?: string;
  readonly methods?: readonly string[];
  readonly trunk?: string;
  readonly action: string;
  /** What the action is about: a file, a URI, a code. */
  readonly target: string;
  readonly auth: boolean;
}

/** Which route would take a request. */
export interface RouteTest {
  readonly outcome: "route" | "register" | "answer" | "refuse" | "wrong";
  readonly route?: Route;
  readonly uri: string;
  readonly says: string;
  /** `$0`, `$1` and so on. */
  readonly groups?: readonly string[];
  readonly passed: readonly { readonly index: number; readonly line: number; readonly why: string }[];
}
