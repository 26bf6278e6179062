/**
 * Transfer of a session (RFC 3515, RFC 5589). As transferor: REFER, and what the NOTIFYs say of it. As transferee: the
 * peer's REFER waits for the session's owner, who follows it or not, and is told by NOTIFY what becomes of it.
 */
import type { Timer } from "../sip/clock.ts";
import { parseEvent, parseStatusLine, parseSubscriptionState } from "../sip/event-notification.ts";
import type { HeaderList, Request } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { formatReferTo, type Referred, type Replaces, referredTo } from "../sip/replaces.ts";
import { decodeUtf8 } from "../sip/text.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { endIfGone } from "./end.ts";
import { request, unanswered } from "./request.ts";
import { respond } from "./respond.ts";
import type { Done, Session } from "./session.ts";

/** What a transfer has come to, as the transferee's NOTIFY tells it: the status of its call to the target. */
export type Progress = (status: number, reason: string) => void;

/** A REFER of ours, until its last NOTIFY. */
export interface SentReferral {
  readonly progress: Progress;
  readonly settle: Done;
  /** Whether the peer has taken it, so that it may leave without a further word. */
  accepted: boolean;
}

/** How long, in ms, a transferee may be silent about what it does. */
const patience = 240_000;
/** How long, in ms, the owner of a session may think about a REFER, which is a request that must be answered soon. */
const decision = 3_000;
/** Seconds that the subscription of a peer's REFER lasts: as long as a call may ring, and some. */
const subscription = 240;

/**
 * Asks the peer to call `to` instead of us (RFC 3515 §2.4). `done` without a reason: it has reached its target, or it has
 * left after it had agreed; the session is then the caller's to end.
 */
export function refer(session: Session, to: Referred, progress: Progress, done: Done): void {
  const { dialog, context } = session;
  if (session.phase.name !== "confirmed" || dialog === undefined) return done("the call is not connected");
  if (session.referral !== undefined) return done("another transfer is under way");
  let timer: Timer | undefined;
  const settle: Done = (reason) => {
    if (session.referral !== sent) return;
    session.referral = undefined;
    timer?.cancel();
    done(reason);
  };
  const referTo = formatReferTo(to);
  const sent: SentReferral = { progress, settle, accepted: false };
  session.referral = sent;
  timer = context.clock.after(patience, () => settle("the other side did not say what became of it"));
  const by = dialog.localId.replace(/;tag=.*$/i, "");
  const headers: HeaderList = [
    ["Refer-To", referTo],
    // RFC 3892 §2.1: who asks for the call, for the target to know.
    ["Referred-By", by],
  ];
  request(
    session,
    "REFER",
    { headers, contact: true },
    {
      response: (response) => {
        if (response.status < 200) return;
        if (response.status >= 300) {
          settle(`the other side answered ${response.status} ${decodeUtf8(response.reason)}`);
          return endIfGone(session, response.status);
        }
        sent.accepted = true;
        dialog.refreshTarget(response);
        // RFC 4488 §4: it agrees, and will say no more.
        if (response.header("refer-sub")?.trim().toLowerCase() === "false") settle();
      },
      failed: (status) => {
        settle(unanswered(status));
        endIfGone(session, status);
      },
    },
  );
}

/** NOTIFY within the session: news of our REFER (RFC 3515 §2.4.4), or of nothing that we asked for (481). */
export function receiveNotify(session: Session, tx: ServerTransaction, notify: Request): void {
  const event = parseEvent(notify.header("event") ?? "");
  if (event === undefined) return respond(session, tx, 400, { reason: "Missing Event" });
  const { referral } = session;
  if (event.package !== "refer") return respond(session, tx, 489, { headers: [["Allow-Events", "refer"]] });
  // The number is that of the REFER, but a challenge made it another one: what has no rival needs no id.
  if (referral === undefined) return respond(session, tx, 481);
  const state = parseSubscriptionState(notify.header("subscription-state") ?? "");
  const line = parseStatusLine(notify.body);
  session.dialog?.refreshTarget(notify);
  respond(session, tx, 200);
  referral.accepted = true;
  if (line !== undefined) {
    const reason = decodeUtf8(line.reason);
    referral.progress(line.status, reason);
    if (line.status >= 300) return referral.settle(`the other side got ${line.status} ${reason}`.trim());
    if (line.status >= 200) return referral.settle();
  }
  // Some peers end the subscription with the last word that they know, which may be 100 (RFC 6665 §4.1.3).
  if (state?.state === "terminated")
    referral.settle(state.reason === "rejected" ? "the other side refused the transfer" : undefined);
}

/** A REFER of the peer's that waits for a decision, or is being followed. */
export interface Referral extends Referred {
  /** Who asks, as Referred-By or the dialog has it (RFC 3892). */
  readonly by: string;
  /** It waits for a decision. */
  readonly open: boolean;
  /** 202; from then on `tell` says what becomes of it. */
  accept(): void;
  /** Refuses it, by 603 where no other status is given; no effect once it has been decided. */
  refuse(status?: number): void;
  /** The status of our call to the target, to be told by NOTIFY; a final one is the last. */
  tell(status: number, reason: string): void;
}

/** A REFER within the session: goes to the session's owner, who may follow it. Nobody's word counts as a refusal. */
export function receiveRefer(session: Session, tx: ServerTransaction, received: Request): void {
  const targets = received.headers("refer-to");
  const target = targets.length === 1 ? parseNameAddr(targets[0] ?? "") : undefined;
  // RFC 3515 §2.4.2: exactly one.
  if (target === undefined) return respond(session, tx, 400, { reason: "Bad Refer-To" });
  const referred = referredTo(target);
  if (referred === undefined) return respond(session, tx, 603);
  if (session.phase.name !== "confirmed" || session.user.referred === undefined) return respond(session, tx, 603);
  if (session.asked !== undefined) return respond(session, tx, 491);
  const referral = new ReceivedReferral(session, tx, referred);
  session.asked = referral;
  session.user.referred(referral);
}

export class ReceivedReferral implements Referral {
  readonly uri: string;
  readonly replaces: Replaces | undefined;
  readonly by: string;
  readonly #session: Session;
  readonly #tx: ServerTransaction;
  readonly #timer: Timer;
  readonly #silent: boolean;
  readonly #event: string;
  #state: "asked" | "following" | "over" = "asked";

  constructor(session: Session, tx: ServerTransaction, { uri, replaces }: Referred) {
    const { request: received } = tx;
    this.uri = uri;
    this.replaces = replaces;
    // It goes into our own INVITE: what is no address is not passed on.
    const by = received.header("referred-by");
    const good = by !== undefined && !/[\x00-\x1f\x7f]/.test(by) && parseNameAddr(by) !== undefined;
    this.by = good ? by : (session.dialog?.remoteId ?? "").replace(/;tag=.*$/i, "");
    this.#session = session;
    this.#tx = tx;
    this.#silent = received.header("refer-sub")?.trim().toLowerCase() === "false";
    // RFC 3515 §2.4.6: the id may be left out of the first REFER's; a peer that has sent several needs it.
    this.#event = session.referrals++ === 0 ? "refer" : `refer;id=${received.cseq.number}`;
    this.#timer = session.context.clock.after(decision, () => this.refuse());
  }

  get open(): boolean {
    return this.#state === "asked";
  }

  accept(): void {
    if (this.#state !== "asked") return;
    this.#state = "following";
    this.#timer.cancel();
    const session = this.#session;
    session.dialog?.refreshTarget(this.#tx.request);
    const headers: HeaderList = [
      ["Contact", session.contact],
      ...(this.#silent ? [["Refer-Sub", "false"] as const] : []),
    ];
    respond(session, this.#tx, 202, { headers });
    this.#notify(100, "Trying");
  }

  refuse(status = 603): void {
    if (this.#state !== "asked") return;
    this.#over();
    respond(this.#session, this.#tx, status);
  }

  tell(status: number, reason: string): void {
    if (this.#state !== "following") return;
    if (status >= 200) this.#over();
    this.#notify(status, reason);
  }

  /** The session is over. */
  cancel(): void {
    if (this.#state === "asked") this.refuse(481);
    else this.#over();
  }

  #over(): void {
    this.#state = "over";
    this.#timer.cancel();
    if (this.#session.asked === this) this.#session.asked = undefined;
  }

  #notify(status: number, reason: string): void {
    const session = this.#session;
    // RFC 4488 §4: the peer wants to hear nothing of it.
    if (this.#silent) return;
    const state = status >= 200 ? "terminated;reason=noresource" : `active;expires=${subscription}`;
    const headers: HeaderList = [
      ["Event", this.#event],
      ["Subscription-State", state],
      ["Content-Type", "message/sipfrag;version=2.0"],
    ];
    const body = Buffer.from(`SIP/2.0 ${status} ${reason}\r\n`, "latin1");
    request(session, "NOTIFY", { headers, body, contact: true }, { response: () => {}, failed: () => {} });
  }
}
