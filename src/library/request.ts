/** Requests of any method that an agent sends outside of calls, and subscriptions to the state of others. */
import { type Notification, requestOutside, type Subscriptions } from "../agent/index.ts";
import type { Server } from "../server/index.ts";
import { type DialogInfo, parseDialogInfo } from "../sip/dialog-info.ts";
import { bodyTypes } from "../sip/event-notification.ts";
import type { Response } from "../sip/message.ts";
import { type MessageSummary, parseMessageSummary } from "../sip/message-summary.ts";
import { decodeUtf8 } from "../sip/text.ts";
import { CallFailed, wayTo } from "./invite.ts";
import {
  type AgentOptions,
  type Credentials,
  type HeaderOptions,
  headerList,
  ownAddress,
  userUri,
} from "./settings.ts";

/**
 * What a request carries, and who sends it; what is not said is as the agent has it.
 *
 * @example
 * const answer = await ua.request("MESSAGE", "you", { headers: { "Content-Type": "text/plain" }, body: "Lunch?" });
 */
export interface RequestOptions {
  readonly from?: string | undefined;
  readonly auth?: Credentials | undefined;
  readonly headers?: HeaderOptions | undefined;
  /** A text goes out as UTF-8. */
  readonly body?: string | Uint8Array | undefined;
}

/**
 * What a request was answered with.
 *
 * @example
 * const answer = await ua.request("OPTIONS", "you");
 * console.log(answer.status, answer.header("allow"));
 */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  /** The first value of a header field, by its name in lower case. */
  header(name: string): string | undefined;
  readonly body: string;
}

/** Resolves with the final response, whatever its status. Throws OptionError, or CallFailed where nobody answers. */
export async function sendRequest(
  server: Server,
  agent: AgentOptions,
  service: readonly string[],
  method: string,
  to: string,
  given: RequestOptions,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const made = requestOutside(
    server.agent.context,
    { ...partsOf(agent, service, to, given), method, body: octetsOf(given.body) },
    {
      response: (response) => {
        if (response.status >= 200) resolve(answerOf(response));
      },
      failed: (status) =>
        reject(new CallFailed(status, status === 408 ? "nobody answered" : "nobody could be reached")),
    },
  );
  if ("failure" in made) throw new CallFailed(400, made.failure);
  return await promise;
}

/** Who sends, to whom, and which way: what a request and a subscription have in common. */
function partsOf(agent: AgentOptions, service: readonly string[], to: string, given: Omit<RequestOptions, "body">) {
  const uri = userUri("to", to, agent.domain);
  const auth = given.auth ?? agent.auth;
  const way = wayTo(uri, agent, service);
  return {
    uri,
    from: ownAddress({ from: given.from ?? agent.from, domain: agent.domain }),
    auth: auth && { user: auth[0], password: auth[1] },
    proxy: way.proxy,
    headers: [...way.routes.map((route) => ["Route", `<${route}>`] as const), ...headerList("headers", given.headers)],
  };
}

function answerOf(response: Response): Answer {
  return {
    status: response.status,
    reason: decodeUtf8(response.reason),
    header: (name) => {
      const value = response.header(name.toLowerCase());
      return value === undefined ? undefined : decodeUtf8(value);
    },
    body: textOf(response.body),
  };
}

export function octetsOf(body: string | Uint8Array | undefined): Uint8Array | undefined {
  return typeof body === "string" ? new TextEncoder().encode(body) : body;
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
}

/**
 * What to hear of, and how.
 *
 * @example
 * const mailbox = await ua.subscribe("me", {
 *   event: "message-summary",
 *   heard: ({ summary }) => console.log(summary?.counts.get("voice-message")?.new, "new"),
 * });
 */
export interface SubscribeOptions extends Omit<RequestOptions, "body"> {
  /** The event package: `message-summary`, `dialog`, or any other. */
  readonly event: string;
  /** Media types of the bodies that are wanted; those of `message-summary` and `dialog` are known. */
  readonly accept?: string | undefined;
  /** Seconds to ask for; 3600 by default. It is renewed as long as the program lives. */
  readonly expires?: number | undefined;
  readonly heard: (news: News) => void;
  /** Told where it failed; `retry` is in how many ms it is tried again. */
  readonly failed?: ((status: number, reason: string, retry: number) => void) | undefined;
}

/**
 * What somebody's server tells a subscriber.
 *
 * @example
 * const busy = ({ dialogs }: News) => dialogs?.dialogs.some(({ state }) => state === "confirmed");
 */
export interface News {
  /** `active`, `pending` or `terminated`. */
  readonly state: string;
  readonly reason: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
  /** The body as a mailbox's summary (RFC 3842), where it is one. */
  readonly summary: MessageSummary | undefined;
  /** The body as somebody's calls (RFC 4235), where it is that. */
  readonly dialogs: DialogInfo | undefined;
}

/**
 * A subscription that has succeeded once: it is kept alive until `end`.
 *
 * @example
 * const phone = await ua.subscribe("you", { event: "dialog", heard: ({ dialogs }) => console.log(dialogs?.dialogs.length) });
 * console.log(await phone.ended);
 */
export interface KeptSubscription {
  /** Resolves with the notifier's reason when it has ended for good; undefined: by us. */
  readonly ended: Promise<string | undefined>;
  /** Takes it back. */
  end(): Promise<void>;
}

/** Resolves with the first NOTIFY. Throws OptionError, or CallFailed where the subscription is refused. */
export async function subscribe(
  subscriptions: Subscriptions,
  agent: AgentOptions,
  service: readonly string[],
  to: string,
  given: SubscribeOptions,
): Promise<KeptSubscription> {
  const { event, expires, accept = bodyTypes.get(event) } = given;
  const first = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string | undefined>();
  const made = subscriptions.subscribe(
    { ...partsOf(agent, service, to, given), event, accept, expires },
    {
      notified: (notification) => {
        first.resolve();
        given.heard(newsOf(notification));
      },
      failed: (status, reason, retry) => {
        first.reject(new CallFailed(status, `not subscribed: ${reason} (${status})`));
        if (retry === undefined) ended.resolve(reason);
        else given.failed?.(status, reason, retry);
      },
      ended: (reason) => {
        first.resolve();
        ended.resolve(reason);
      },
    },
  );
  if ("failure" in made) throw new CallFailed(400, made.failure);
  try {
    await first.promise;
  } catch (error) {
    made.stop();
    throw error;
  }
  return {
    ended: ended.promise,
    end: async () => {
      made.stop();
      await ended.promise;
    },
  };
}

function newsOf({ state, reason, contentType, body }: Notification): News {
  return {
    state,
    reason,
    contentType,
    body: textOf(body),
    summary: contentType === bodyTypes.get("message-summary") ? parseMessageSummary(body) : undefined,
    dialogs: contentType === bodyTypes.get("dialog") ? parseDialogInfo(body) : undefined,
  };
}
