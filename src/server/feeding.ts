/** What the feed is told by the parts of the server: calls without their digits and texts, registrations, trunks, accounts, overload. */
import type { RegistrationState, SessionEnd } from "../agent/index.ts";
import type { Call, CallEvent, Handler } from "../call/index.ts";
import type { Feed } from "../control/feed.ts";
import type { Location } from "../routing/registrar/index.ts";
import { decodeUtf8 } from "../sip/text.ts";
import { withoutPassword } from "../sip/uri.ts";
import { formatAddress } from "../transport/index.ts";
import type { CallObserver } from "./calls.ts";

/** What somebody pressed, wrote or said is nobody's business but the handler's: it is told as so many stars. */
const secret: ReadonlySet<string> = new Set(["digit", "digits", "text", "speech", "body"]);
const mostStars = 64;
/** Of URIs that stand in an argument, within brackets or not. */
const passwordInUri = /(sips?:[^@:>\s]{0,200}):[^@>\s]{0,200}@/gi;
/** Longer values of arguments are cut. */
const longest = 500;

/** Tells of calls. `ref`: what whoever places the next call calls it. */
export class CallFeed implements CallObserver {
  ref: string | undefined;
  readonly #feed: Feed;
  readonly #named: (path: string) => string;
  readonly #begun = new WeakMap<Call, number>();

  /** `named`: what operators call a file. */
  constructor(feed: Feed, named: (path: string) => string) {
    this.#feed = feed;
    this.#named = named;
  }

  began(call: Call, handler: Handler): void {
    if (!this.#feed.active) return;
    this.#begun.set(call, Date.now());
    const { ref } = this;
    this.#feed.publish("call.began", { ...partiesOf(call), handler: handler.name, ref }, namesOf(call));
  }

  happened(call: Call, event: CallEvent): void {
    if (!this.#feed.active || event.name === "ENDED") return;
    if (event.name === "CONNECTED") return this.#feed.publish("call.answered", {}, namesOf(call));
    const { name, ...args } = event;
    this.#feed.publish("call.event", { event: name, args: this.#masked(args) }, namesOf(call));
  }

  ended(call: Call, { by, cause, code }: SessionEnd): void {
    if (!this.#feed.active) return;
    const begun = this.#begun.get(call) ?? Date.now();
    const seconds = Math.round((Date.now() - begun) / 100) / 10;
    this.#feed.publish("call.ended", { by, cause, code, seconds }, namesOf(call));
  }

  #masked(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(args).map(([name, value]) => {
        if (typeof value !== "string") return [name, value];
        if (name === "file") return [name, this.#named(value)];
        if (secret.has(name)) return [name, "*".repeat(Math.min(mostStars, value.length))];
        return [name, value.slice(0, longest).replace(passwordInUri, "$1@")];
      }),
    );
  }
}

/** The two sides of a call, without passwords. */
export function partiesOf({ facts }: Call): { direction: string; from: string; to: string; name?: string | undefined } {
  const { direction, remoteUri, localUri, remoteName } = facts;
  const [from, to] = direction === "incoming" ? [remoteUri, localUri] : [localUri, remoteUri];
  const name = remoteName === "" ? undefined : remoteName;
  return { direction, from: withoutPassword(from), to: withoutPassword(to), name };
}

function namesOf({ facts: { id, callId } }: Call): { call: string; callId: string } {
  return { call: id, callId };
}

export function feedRegistrations(feed: Feed, location: Location): void {
  location.listen((event, binding) => {
    if (!feed.active || event === "refreshed") return;
    const { transport, remote } = binding.flow;
    const contact = {
      user: decodeUtf8(binding.aor),
      contact: withoutPassword(decodeUtf8(binding.contact)),
      transport,
      source: formatAddress(remote),
    };
    if (event !== "registered") return feed.publish("registration.removed", contact);
    const agent = binding.userAgent === undefined ? undefined : decodeUtf8(binding.userAgent).slice(0, longest);
    feed.publish("registration.added", { ...contact, expires: location.secondsLeft(binding), agent });
  });
}

export function feedTrunk(feed: Feed, { name }: { readonly name: string }, state: RegistrationState): void {
  const failure =
    state.name === "failed"
      ? { code: state.status, reason: state.reason, retry: Math.round(state.retry / 1000) }
      : undefined;
  feed.publish("trunk.changed", { trunk: name, state: state.name, ...failure });
}

export function accountFeed(feed: Feed) {
  return (kind: "changed" | "removed", { user, domain }: { user: string; domain?: string | undefined }): void =>
    feed.publish(`account.${kind}`, { user, domain });
}

export function overloadFeed(feed: Feed): { began(late: number): void; passed(refused: number): void } {
  return {
    began: (late) => feed.publish("overload.began", { late }),
    passed: (refused) => feed.publish("overload.passed", { refused }),
  };
}
