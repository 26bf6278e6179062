/**
 * The response context (RFC 3261 §16.7): the branches of one forwarded request, which of their responses go upstream, and
 * when the rest is cancelled. It knows no sockets; time comes from a clock.
 */
import type { Timer } from "../../sip/clock.ts";
import type { HeaderList, Response } from "../../sip/message.ts";
import { reasonPhrase } from "../../sip/status.ts";
import type { ProxyTarget } from "../target.ts";
import { BestResponse } from "./best-response.ts";
import { Branch } from "./branch.ts";
import type { CallInProgress } from "./calls.ts";
import type { Forwarding } from "./forwarding.ts";
import { contactsOf } from "./redirection.ts";
import { groupsOf, shareOf } from "./targets.ts";

/**
 * `trying`: branches are made as targets are left. `refused`: a 6xx came; `cancelled`: the client gave up; both make no
 * more branches. `answered`: a 2xx went upstream. `finished`: another final response did, or none can any more.
 */
type State = "trying" | "refused" | "cancelled" | "answered" | "finished";

export interface ContextOwner {
  /** Called once, when no final response is to be sent any more but further 2xx. */
  over(context: ResponseContext): void;
  /** A 2xx after the first one, as it came. */
  answeredAgain(received: Response): void;
}

export class ResponseContext {
  readonly forwarding: Forwarding;
  #call: CallInProgress | undefined;
  readonly #owner: ContextOwner;
  #state: State = "trying";
  #groups: readonly (readonly ProxyTarget[])[] = noGroups;
  /** The URIs that were or will be tried, where a redirection may name them again. */
  #known: Set<string> | undefined;
  #made = 0;
  /** Branches without a final response. */
  #open: readonly Branch[] = noBranches;
  /** Those of the open ones that lower targets wait for. */
  #awaited = 0;
  #best: BestResponse | undefined;
  #noAnswer: Timer | undefined;

  constructor(forwarding: Forwarding, call: CallInProgress | undefined, owner: ContextOwner) {
    this.forwarding = forwarding;
    this.#call = call;
    this.#owner = owner;
  }

  get state(): State {
    return this.#state;
  }

  /** May a branch look for another way, or another target be tried? */
  get seeking(): boolean {
    return this.#state === "trying";
  }

  /** Are there targets that have not been tried? */
  get hasOthers(): boolean {
    return this.#state === "trying" && this.#groups.length > 0;
  }

  /** Forwards the request to the targets. */
  start(targets: readonly ProxyTarget[]): void {
    this.#groups = groupsOf(targets);
    if (this.forwarding.options.recurse3xx === true) this.#known = new Set(targets.map(({ uri }) => uri));
    this.#advance();
  }

  /** The client has cancelled (§16.10); `reasons` are the Reason headers of its CANCEL (RFC 3326). */
  cancel(reasons: HeaderList): void {
    if (this.#state !== "trying" && this.#state !== "refused") return;
    this.#stopSeeking("cancelled", reasons);
    this.#advance();
  }

  /** A provisional response from 101 on, without our Via. */
  provisional(response: Response): void {
    if (this.#state === "answered" || this.#state === "finished") return;
    if (this.forwarding.respond(response) && response.status >= 180) this.#call?.rang();
  }

  /** A final response of an open branch, without our Via, and as it came. */
  final(branch: Branch, response: Response, received: Response): void {
    if (response.status < 300) {
      this.#close(branch, response.status);
      this.answered(response, received);
      return;
    }
    const contacts = this.#recursion(response);
    if (contacts.length > 0) this.#groups = [...groupsOf(contacts), ...this.#groups];
    else if (!branch.passedOver || response.status >= 600) this.#add(response);
    this.#close(branch, response.status);
    if (response.status >= 600 && this.#state === "trying")
      this.#stopSeeking("refused", because(response.status, response.reason));
    this.#advance();
  }

  /** A branch ended without a response: this is what it counts as. */
  failed(branch: Branch, status: number): void {
    if (!branch.passedOver) this.#add(status);
    this.#close(branch, status);
    this.#advance();
  }

  /** A 2xx: of an open branch, of one that had answered before, of one that was given up. Each goes upstream (§16.7 step 5). */
  answered(response: Response, received: Response): void {
    switch (this.#state) {
      case "answered":
        // The server transaction would let it pass (RFC 6026 §7.1); for all others but INVITE, one is enough.
        if (this.forwarding.isInvite) this.forwarding.pass(response);
        this.#owner.answeredAgain(received);
        return;
      case "finished":
        return;
      case "trying":
      case "refused":
      case "cancelled":
        this.#state = "answered";
        if (!this.forwarding.respond(response)) this.forwarding.pass(response);
        this.#call?.answered(received);
        if (this.#open.length > 0 || this.#groups.length > 0)
          this.#stopSeeking("answered", because(200, "Call completed elsewhere"));
        this.#end(response.status);
        return;
      default:
        this.#state satisfies never;
    }
  }

  /** A branch has rung or been silent for too long: it is cancelled, and nobody waits for it but the final response. */
  passOver(branch: Branch, status: number): void {
    if (branch.passedOver) return;
    this.#add(status);
    this.#awaited--;
    branch.passOver(because(status, reasonPhrase(status)));
    this.#advance();
  }

  #add(outcome: Response | number): void {
    this.#best ??= new BestResponse();
    this.#best.add(outcome);
  }

  #close(branch: Branch, status: number): void {
    if (!this.#open.includes(branch)) return;
    this.#open = this.#open.length === 1 ? noBranches : this.#open.filter((each) => each !== branch);
    if (!branch.passedOver) this.#awaited--;
    if (branch.attempt !== undefined) branch.attempt.status = status;
    branch.attempt = undefined;
  }

  #stopSeeking(state: "refused" | "cancelled" | "answered", reasons: HeaderList): void {
    this.#state = state;
    this.#groups = noGroups;
    this.#noAnswer?.cancel();
    this.#noAnswer = undefined;
    if (this.#open.length === 0) return;
    for (const branch of this.#open) branch.cancel(reasons);
  }

  /** The next targets, when nobody is left to wait for; the final response, when nothing is left to come. */
  #advance(): void {
    while (this.#state === "trying" && this.#awaited === 0 && this.#groups.length > 0) this.#startNext();
    if (this.#open.length > 0) return;
    if (this.#state === "trying" || this.#state === "refused" || this.#state === "cancelled") this.#finish();
  }

  #startNext(): void {
    const [group = noGroup, ...others] = this.#groups;
    this.#groups = others.length === 0 ? noGroups : others;
    const { options, breadth, around } = this.forwarding;
    let left = breadth;
    // What is cancelled makes no branches further down.
    for (const branch of this.#open) if (!branch.passedOver) left -= branch.breadth;
    const count = group.length;
    if (left < count || this.#made + count > around.limits.branches) {
      this.#groups = noGroups;
      this.#add(440);
      return;
    }
    const branches: Branch[] = [];
    for (const target of group)
      branches.push(new Branch(this, target, shareOf(left, count, branches.length), this.#call?.tries(target.uri)));
    this.#made += count;
    this.#awaited += count;
    this.#open = this.#open.length === 0 ? branches : [...this.#open, ...branches];
    this.#noAnswer?.cancel();
    this.#noAnswer = undefined;
    if (options.noAnswer !== undefined && this.forwarding.isInvite && this.#groups.length > 0)
      this.#noAnswer = around.clock.after(options.noAnswer, () => this.#tooLong(branches));
    for (const branch of branches) branch.start();
  }

  #tooLong(branches: readonly Branch[]): void {
    this.#noAnswer = undefined;
    for (const branch of branches) if (this.#open.includes(branch)) this.passOver(branch, 408);
  }

  #recursion(response: Response): ProxyTarget[] {
    const known = this.#known;
    if (known === undefined || this.#state !== "trying" || response.status >= 400) return [];
    const room = this.forwarding.around.limits.branches - this.#made;
    return contactsOf(response, this.forwarding.request, known, room);
  }

  #finish(): void {
    const { forwarding } = this;
    const best = this.#best?.choose(forwarding.isEdge);
    const cancelled = this.#state === "cancelled";
    this.#state = "finished";
    this.#noAnswer?.cancel();
    const response =
      best?.type === "received" ? best.response : forwarding.own(cancelled ? 487 : (best?.status ?? 408));
    forwarding.respond(response);
    this.#call?.failed(response.status, cancelled);
    this.#end(response.status);
  }

  #end(status: number): void {
    this.#owner.over(this);
    this.forwarding.done(status);
    this.#best = undefined;
    this.#known = undefined;
    this.#call = undefined;
  }
}

const noGroup: readonly ProxyTarget[] = [];
const noBranches: readonly Branch[] = [];
const noGroups: readonly (readonly ProxyTarget[])[] = [];

/** Why a branch is cancelled (RFC 3326). */
function because(status: number, text: string): HeaderList {
  return [["Reason", `SIP;cause=${status};text="${text.replace(/["\\]/g, "")}"`]];
}
