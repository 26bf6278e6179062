/**
 * One call, several peers after one another: we follow a peer's wish to be transferred (RFC 5589 §6, as transferee), or
 * somebody takes the peer's place (RFC 3891, as target). The handler, its sound and its recordings go on; the session changes.
 */
import type { AudioPorts, Referral, Session, SessionEnd, SessionUser } from "../agent/index.ts";
import { idleUser } from "../agent/session.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import type { Negotiated } from "../sip/offer-answer.ts";
import { formatReplaces } from "../sip/replaces.ts";
import { reasonPhrase } from "../sip/status.ts";
import { decodeUtf8 } from "../sip/text.ts";
import type { Call } from "./call.ts";
import { callOver } from "./control.ts";

/** How long, in ms, a transferor may take to hang up after it was told that we have reached the target. */
const farewell = 4_000;

export class Succession {
  readonly #call: Call;
  #asked: Referral | undefined;
  #next: Successor | undefined;
  /** Tells who asked for what is under way that the call has ended. */
  #givenUp: () => void = () => {};
  #over = false;

  constructor(call: Call) {
    this.#call = call;
  }

  /** The peer asks us to call somebody else instead. */
  asked(referral: Referral): void {
    if (this.#next !== undefined) return referral.refuse(491);
    this.#asked = referral;
    this.#call.emit({ name: "REFERRED", uri: referral.uri, by: decodeUtf8(referral.by) });
  }

  /** Does what the peer asked for. Gives the reason where it cannot; `done` is told how it ended otherwise. */
  follow(done: (reason?: string) => void): void {
    const referral = this.#asked;
    const { dialer } = this.#call;
    this.#asked = undefined;
    if (referral?.open !== true) return done("the other side has not asked to be transferred");
    if (dialer === undefined) {
      referral.refuse();
      return done("this call may place no calls");
    }
    const successor = new Successor(this.#call, {
      connected: () => {
        this.#next = undefined;
        const before = this.#succeed(successor);
        referral.tell(200, "OK");
        // It is the transferor's to hang up, and there are those who don't.
        if (before !== undefined) this.#later(() => hangUp(before));
        this.#call.emit({ name: "TRANSFERRED", uri: referral.uri });
        done();
      },
      ringing: () => referral.tell(180, "Ringing"),
      failed: (end) => {
        this.#next = undefined;
        const status = end.code >= 300 ? end.code : 487;
        referral.tell(status, reasonPhrase(status));
        const why = `the call to ${referral.uri} was not answered: ${end.cause} (${end.code})`;
        done(end.by === "local" ? callOver : why);
        if (successor.alone) this.#call.ended(end);
      },
    });
    const { replaces, by } = referral;
    const placed = dialer.dialOn(this.#call, referral.uri, {
      user: successor,
      headers: [
        ["Referred-By", by],
        ...this.#call.session.headers,
        ...(replaces === undefined ? [] : [["Replaces", formatReplaces(replaces)] as const]),
      ],
    });
    if ("failure" in placed) {
      referral.refuse();
      return done(placed.failure);
    }
    successor.session = placed;
    this.#next = successor;
    this.#givenUp = () => done(callOver);
    referral.accept();
  }

  /** Refuses what the peer asked for. False: nothing. */
  stay(): boolean {
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked?.open !== true) return false;
    asked.refuse();
    return true;
  }

  /** Somebody takes the peer's place: the user of the new session, which is to be accepted. */
  replacedBy(session: Session): SessionUser {
    const successor: Successor = new Successor(this.#call, {
      connected: () => {
        if (this.#over) return hangUp(session);
        const before = this.#succeed(successor);
        if (before !== undefined) hangUp(before);
        this.#call.emit({ name: "TRANSFERRED", uri: peerOf(session) });
      },
      ringing: () => {},
      failed: () => {},
    });
    successor.session = session;
    return successor;
  }

  /** The end of the session: true when the call goes on with the next one, which is on its way. */
  survives(end: SessionEnd): boolean {
    const next = this.#next;
    if (next?.session === undefined || end.by !== "remote" || next.alone) {
      this.#over = true;
      this.#next = undefined;
      if (next === undefined) return false;
      next.abandon();
      this.#givenUp();
      return false;
    }
    // A transferor may leave as soon as we have agreed (RFC 5589 §6.1).
    next.alone = true;
    this.#call.session = next.session;
    return true;
  }

  /** The call is the successor's from now on. Gives the session before, if it is still up. */
  #succeed(successor: Successor): Session | undefined {
    const call = this.#call;
    const { session, negotiated } = successor;
    if (session === undefined) return undefined;
    const before = successor.alone ? undefined : call.session;
    if (before !== undefined) before.user = idleUser;
    session.headers = call.session.headers;
    call.session = session;
    session.user = call;
    if (negotiated !== undefined) call.mediaChanged(negotiated, true);
    if (before?.heldByPeer === true && !session.heldByPeer) call.held(false);
    else if (before?.heldByPeer !== true && session.heldByPeer) call.held(true);
    return before;
  }

  #later(work: () => void): void {
    this.#call.clock.after(farewell, work);
  }
}

interface Story {
  connected(): void;
  ringing(): void;
  failed(end: SessionEnd): void;
}

/** The next session's user until the call is its own. */
class Successor implements SessionUser {
  session: Session | undefined;
  negotiated: Negotiated | undefined;
  /** The session before has ended already. */
  alone = false;
  readonly #call: Call;
  readonly #story: Story;
  #over = false;

  constructor(call: Call, story: Story) {
    this.#call = call;
    this.#story = story;
  }

  /** The call has ended: so has this. */
  abandon(): void {
    this.#over = true;
    this.session?.end({ by: "local", cause: "hangup", code: 487 });
  }

  openAudio(host: string): AudioPorts {
    return this.#call.openAudio(host);
  }

  ringing(): void {
    this.#story.ringing();
  }

  /** Until both sides have agreed, the call's sound is the one before's. */
  mediaChanged(negotiated: Negotiated): void {
    this.negotiated = negotiated;
  }

  connected(): void {
    if (this.#over) return;
    this.#over = true;
    this.#story.connected();
  }

  held(): void {}
  message(): void {}

  ended(end: SessionEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#story.failed(end);
  }
}

function hangUp(session: Session): void {
  session.end({ by: "local", cause: "transferred", code: 200 });
}

function peerOf({ dialog }: Session): string {
  return parseNameAddr(dialog?.remoteId ?? "")?.uriText ?? "";
}
