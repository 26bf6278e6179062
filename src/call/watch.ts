/** A subscription of a call's: somebody's state, in one word. */
import type { Notification, Subscription } from "../agent/index.ts";
import { parseDialogInfo } from "../sip/dialog-info.ts";
import { bodyTypes } from "../sip/event-notification.ts";
import { parseMessageSummary } from "../sip/message-summary.ts";
import type { Attachment } from "./attachment.ts";
import type { Call } from "./call.ts";
import { maxText } from "./kinds.ts";

/** Calls of one phone that are told apart. */
const mostDialogs = 1000;

export class Watch implements Attachment {
  readonly #call: Call;
  readonly #uri: string;
  readonly #event: string;
  #settle: ((reason?: string) => void) | undefined;
  #subscription: Subscription | undefined;
  /** The state of each of the phone's calls, by its id: later news may be of some of them alone (RFC 4235 §4.2). */
  readonly #dialogs = new Map<string, string>();

  constructor(call: Call, uri: string, event: string, settle: (reason?: string) => void) {
    this.#call = call;
    this.#uri = uri;
    this.#event = event;
    this.#settle = settle;
  }

  is(uri: string, event: string): boolean {
    return uri === this.#uri && event === this.#event;
  }

  start(): void {
    const event = this.#event;
    const accept = bodyTypes.get(event);
    const made = this.#call.dialer?.subscribe?.(
      this.#call,
      this.#uri,
      { event, accept },
      {
        notified: (notification) => this.#notified(notification),
        failed: (status, reason, retry) => {
          const first = this.#settle !== undefined;
          const why = `${reason} (${status})`;
          if (first || retry === undefined) this.#leave(why, !first);
        },
        ended: (reason) => this.#leave(reason ?? "", true),
      },
    );
    if (made === undefined) return this.#leave("this call may hear of nobody", false);
    if ("failure" in made) return this.#leave(made.failure, false);
    this.#subscription = made;
  }

  /** Takes it back without a word: the call is over, or its handler has heard enough. */
  over(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    this.#call.attachments.delete(this);
    this.#done("it was taken back");
    subscription?.stop();
  }

  #notified({ state, contentType, body }: Notification): void {
    if (this.#subscription === undefined) return;
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8").slice(0, maxText);
    this.#tell(this.#stateOf(contentType, body) ?? (state === "terminated" ? "ended" : "active"), text);
    this.#done();
  }

  #stateOf(contentType: string | undefined, body: Uint8Array): string | undefined {
    if (contentType === bodyTypes.get("message-summary")) {
      const summary = parseMessageSummary(body);
      return summary && (summary.waiting ? "waiting" : "empty");
    }
    const info = contentType === bodyTypes.get("dialog") ? parseDialogInfo(body) : undefined;
    if (info === undefined) return undefined;
    if (info.state === "full") this.#dialogs.clear();
    for (const { id, state } of info.dialogs) {
      if (state === "terminated") this.#dialogs.delete(id);
      else if (this.#dialogs.size < mostDialogs) this.#dialogs.set(id, state);
    }
    const states = new Set(this.#dialogs.values());
    if (states.has("confirmed")) return "busy";
    return states.size > 0 ? "ringing" : "idle";
  }

  #tell(state: string, text: string): void {
    this.#call.emit({ name: "NOTIFIED", event: this.#event, uri: this.#uri, state, text });
  }

  #leave(reason: string, tell: boolean): void {
    if (this.#subscription === undefined && this.#settle === undefined) return;
    const subscription = this.#subscription;
    this.#subscription = undefined;
    this.#call.attachments.delete(this);
    if (tell) this.#tell("ended", reason);
    this.#done(reason || "it has ended");
    subscription?.stop();
  }

  #done(reason?: string): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(reason);
  }
}
