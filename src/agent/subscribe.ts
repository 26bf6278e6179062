/**
 * Subscriptions to the state of somebody (RFC 6665, as subscriber): kept alive before they expire, begun anew when the
 * notifier lets them go, taken back at the end.
 */
import type { Timer } from "../sip/clock.ts";
import { Dialog } from "../sip/dialog.ts";
import type { DigestClient } from "../sip/digest-client.ts";
import { parseEvent, parseSubscriptionState } from "../sip/event-notification.ts";
import type { Flow } from "../sip/flow.ts";
import { buildResponse, type HeaderList, type Request, type Response } from "../sip/message.ts";
import { decodeUtf8, isToken } from "../sip/text.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { type AgentContext, isSecure } from "./context.ts";
import { type OutsideOptions, type OutsideRequest, type OutsideSent, requestOutside } from "./outside.ts";
import { type DialogUser, request, unanswered } from "./request.ts";
import type { DialogUsage, UserAgent } from "./user-agent.ts";

export interface SubscribeOptions extends Omit<OutsideOptions, "method" | "body" | "callId" | "localTag" | "sequence"> {
  /** The event package: `message-summary`, `dialog`, `presence`. */
  event: string;
  /** Media types of bodies that are understood, as Accept has them. */
  accept?: string | undefined;
  /** Seconds to ask for; 3600 by default. */
  expires?: number | undefined;
}

/** What a notifier says. */
export interface Notification {
  /** `active`, `pending` or `terminated`, and why it is the last of its. */
  readonly state: string;
  readonly reason: string | undefined;
  /** In lower case, without parameters; undefined where there is no body. */
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
  readonly request: Request;
}

export interface SubscriptionUser {
  notified(notification: Notification): void;
  /** Refused, or nobody answers. `retry`: milliseconds until it is tried again; undefined: never, this is the end. */
  failed(status: number, reason: string, retry: number | undefined): void;
  /** Taken back by us, or ended for good by the notifier, with its reason. The last that is told. */
  ended(reason: string | undefined): void;
}

const defaultExpires = 3600;
/** Milliseconds of the first pause after a failure, and of the longest. */
const pauses = { first: 10_000, longest: 1_800_000 };
/** How long, in ms, the last NOTIFY may take after we have taken the subscription back. */
const farewell = 4_000;

/** All subscriptions of a user agent. */
export class Subscriptions implements DialogUsage {
  readonly #agent: UserAgent;
  readonly #byCallId = new Map<string, Subscription>();
  /** Nobody who has none pays for looking among them. */
  #leave: (() => void) | undefined;

  constructor(agent: UserAgent) {
    this.#agent = agent;
  }

  get size(): number {
    return this.#byCallId.size;
  }

  /** Subscribes, and stays subscribed until `stop`. Nothing is told before this returns. */
  subscribe(options: SubscribeOptions, user: SubscriptionUser): Subscription | { failure: string } {
    const { event, expires = defaultExpires } = options;
    if (!event.split(".").every(isToken)) return { failure: `${event} is no event package` };
    if (!(expires >= 1 && expires <= 86_400 * 7)) return { failure: `a subscription lasts from 1 second to 7 days` };
    const subscription = new Subscription(this.#agent.context, options, user, (callId, on) => {
      if (on) this.#byCallId.set(callId, subscription);
      else this.#byCallId.delete(callId);
      if (on) this.#leave ??= this.#agent.share(this);
      else if (this.#byCallId.size === 0) {
        this.#leave?.();
        this.#leave = undefined;
      }
    });
    const failure = subscription.start();
    return failure === undefined ? subscription : { failure };
  }

  /** Forgets all of them without a word. */
  close(): void {
    for (const subscription of [...this.#byCallId.values()]) subscription.abandon();
  }

  owns(request: Request): boolean {
    return this.#byCallId.get(request.callId)?.localTag === request.to.tag;
  }

  request(tx: ServerTransaction, received: Request): void {
    const subscription = this.#byCallId.get(received.callId);
    if (subscription === undefined) return this.#agent.reply(tx, 481);
    if (received.method !== "NOTIFY") return this.#agent.reply(tx, 405, { headers: [["Allow", "NOTIFY"]] });
    const status = subscription.receive(received);
    if (status !== 200) return this.#agent.reply(tx, status);
    const headers: HeaderList = [["Contact", subscription.contact]];
    tx.respond(buildResponse(received, 200, { headers, source: tx.flow.remote }));
  }

  ack(): void {}
  cancel(): void {}
}

export class Subscription implements DialogUser {
  readonly context: AgentContext;
  readonly headers: HeaderList = [];
  dialog: Dialog | undefined;
  contact = "";
  credentials: HeaderList | undefined;
  waiting: (() => void)[] | undefined;
  readonly #options: SubscribeOptions;
  readonly #user: SubscriptionUser;
  readonly #known: (callId: string, on: boolean) => void;
  #first: OutsideRequest | undefined;
  #flow: Flow | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #stopping = false;
  #over = false;

  constructor(
    context: AgentContext,
    options: SubscribeOptions,
    user: SubscriptionUser,
    known: (callId: string, on: boolean) => void,
  ) {
    this.context = context;
    this.#options = options;
    this.#user = user;
    this.#known = known;
  }

  get localTag(): string | undefined {
    return this.#first?.localTag;
  }

  get digest(): DigestClient | undefined {
    return this.#first?.digest;
  }

  /** Of the dialog that is up: asked for only then. */
  get flow(): Flow {
    if (this.#flow === undefined) throw new TypeError("a subscription without a dialog has no way");
    return this.#flow;
  }

  /** Begins, or begins anew. Gives what is wrong with the options. */
  start(): string | undefined {
    this.#leave();
    const made = requestOutside(
      this.context,
      { ...this.#options, method: "SUBSCRIBE", headers: [...this.#fields(), ...(this.#options.headers ?? [])] },
      {
        response: (response, sent) => this.#answered(response, sent),
        failed: (status) => this.#failed(status, unanswered(status)),
      },
    );
    if ("failure" in made) return made.failure;
    this.#first = made;
    this.#known(made.callId, true);
    return undefined;
  }

  /** Takes the subscription back (RFC 6665 §4.1.2.3). */
  stop(): void {
    if (this.#stopping || this.#over) return;
    this.#stopping = true;
    this.#timer?.cancel();
    if (this.dialog === undefined) return this.#end(undefined);
    this.#timer = this.context.clock.after(farewell, () => this.#end(undefined));
    this.#refresh(0);
  }

  /** The end, without a word to anybody. */
  abandon(): void {
    this.#over = true;
    this.#leave();
  }

  /** A NOTIFY; gives the status to answer it with. */
  receive(notify: Request): number {
    const event = parseEvent(notify.header("event") ?? "");
    if (event === undefined) return 400;
    if (event.package !== this.#options.event.toLowerCase()) return 489;
    const state = parseSubscriptionState(notify.header("subscription-state") ?? "");
    if (state === undefined) return 400;
    const { dialog } = this;
    // Before the 200 to our SUBSCRIBE, which makes the dialog, a NOTIFY is known by the tag that nobody else was told.
    if (dialog !== undefined) {
      if (dialog.remoteTag.toLowerCase() !== (notify.from.tag ?? "").toLowerCase()) return 481;
      const order = dialog.receive(notify);
      if (order !== "ok") return order.status;
      dialog.refreshTarget(notify);
    }
    // The answer goes before what its news leads to.
    this.context.clock.after(0, () => this.#news(notify, state));
    return 200;
  }

  #news(notify: Request, state: NonNullable<ReturnType<typeof parseSubscriptionState>>): void {
    if (this.#over) return;
    this.#user.notified({
      state: state.state,
      reason: state.reason,
      contentType: notify.body.length === 0 ? undefined : notify.contentType,
      body: notify.body,
      request: notify,
    });
    if (state.state !== "terminated") {
      // The notifier may have made it shorter (§4.1.2.1).
      if (state.expires !== undefined && this.dialog !== undefined && !this.#stopping) this.#refreshIn(state.expires);
      return;
    }
    if (this.#over) return;
    this.#leave();
    if (this.#stopping) return this.#end(undefined);
    switch (state.reason) {
      // §4.1.3: at once; later, as asked; and never.
      case "deactivated":
      case "timeout":
        this.#again(this.#pause(undefined), false);
        return;
      case "rejected":
      case "noresource":
      case "invariant":
        return this.#end(state.reason);
      default:
        this.#again(Math.max(this.#pause(undefined), (state.retryAfter ?? 0) * 1000), false);
    }
  }

  #fields(expires = this.#options.expires ?? defaultExpires): HeaderList {
    const { event, accept } = this.#options;
    return [
      ["Event", event],
      ["Expires", String(Math.floor(expires))],
      ...(accept === undefined ? [] : [["Accept", accept] as const]),
    ];
  }

  #answered(response: Response, sent: OutsideSent): void {
    if (response.status < 200 || this.#over) return;
    if (response.status >= 300) return this.#failed(response.status, decodeUtf8(response.reason));
    if (this.dialog !== undefined) return;
    this.dialog = Dialog.fromResponse(sent.message, response, { tls: isSecure(sent.way) });
    this.#flow = sent.way;
    this.contact = sent.contact;
    if (this.dialog === undefined) return this.#failed(500, "it gave no dialog");
    this.#failures = 0;
    if (this.#stopping) return this.#refresh(0);
    this.#refreshIn(granted(response) ?? this.#options.expires ?? defaultExpires);
  }

  /** Before it expires: at 80 to 90 % of the time, so that those who began together do not come back together. */
  #refreshIn(seconds: number): void {
    this.#timer?.cancel();
    const ms = Math.max(1, Math.min(seconds, 86_400 * 7)) * 1000;
    const fraction = Number.parseInt(this.context.random.token(2), 16) / 0x10000;
    this.#timer = this.context.clock.after(ms * (0.8 + 0.1 * fraction), () => this.#refresh());
  }

  #refresh(expires?: number): void {
    const { dialog } = this;
    request(
      this,
      "SUBSCRIBE",
      { headers: [...this.#fields(expires), ...(this.#options.headers ?? [])], contact: true },
      {
        response: (response) => {
          if (response.status < 200 || this.#over || this.dialog !== dialog) return;
          if (response.status >= 300) return this.#failed(response.status, decodeUtf8(response.reason));
          dialog?.refreshTarget(response);
          if (!this.#stopping) this.#refreshIn(granted(response) ?? this.#options.expires ?? defaultExpires);
        },
        failed: (status) => {
          if (!this.#over && this.dialog === dialog) this.#failed(status, unanswered(status));
        },
      },
    );
  }

  #failed(status: number, reason: string): void {
    if (this.#over) return;
    this.#leave();
    if (this.#stopping) return this.#end(undefined);
    // What is not there today, or not for us, is not asked for again (RFC 3261 §21.4); the rest may pass.
    const final = status >= 300 && status < 500 && ![408, 423, 480, 481].includes(status);
    if (final || status >= 600) {
      this.#over = true;
      this.#user.failed(status, reason, undefined);
      return;
    }
    this.#again(this.#pause(status), true, status, reason);
  }

  #again(ms: number, tell: boolean, status = 0, reason = ""): void {
    this.#timer?.cancel();
    this.#timer = this.context.clock.after(ms, () => void this.start());
    if (tell) this.#user.failed(status, reason, ms);
  }

  /** Milliseconds until the next try: none after a dialog that is only gone (481), more with each failure. */
  #pause(status: number | undefined): number {
    this.#failures++;
    if (this.#failures === 1 && (status === undefined || status === 481)) return 0;
    return Math.min(pauses.first * 2 ** Math.min(this.#failures - 1, 10), pauses.longest);
  }

  #leave(): void {
    this.#timer?.cancel();
    this.#first?.forget();
    if (this.#first !== undefined) this.#known(this.#first.callId, false);
    this.dialog = undefined;
  }

  #end(reason: string | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
    this.#user.ended(reason);
  }
}

/** Seconds of the Expires of a 2xx. */
function granted(response: Response): number | undefined {
  const [digits] = /^\d{1,10}/.exec(response.header("expires") ?? "") ?? [];
  return digits === undefined ? undefined : Number(digits);
}
