/**
 * One target of a forwarded request: its hops are tried in order (RFC 3263 §4.3), then the further flows to the same client
 * (RFC 5626 §5.3), each with a client transaction of its own, until one says something final.
 */
import type { Timer } from "../../sip/clock.ts";
import type { Flow } from "../../sip/flow.ts";
import { type HeaderList, InvalidHeaderValue, Request, type Response } from "../../sip/message.ts";
import type { ClientTransaction, ClientUser } from "../../sip/transaction/index.ts";
import type { Hop } from "../../transport/resolve/contract.ts";
import type { Course } from "../record-route.ts";
import type { ProxyTarget } from "../target.ts";
import type { Try } from "./calls.ts";
import type { ResponseContext } from "./context.ts";
import { defaultTimerC } from "./surroundings.ts";

/**
 * `finding`: nothing is sent. `calling`: sent, nothing came. `proceeding`: a provisional response came. `cancelled`: what
 * comes now is the end. `finished`: it came.
 */
type State = "finding" | "calling" | "proceeding" | "cancelled" | "finished";

const noHops: readonly Hop[] = [];
const noFlows: readonly ProxyTarget[] = [];
const noTarget: ProxyTarget = { uri: "" };

export class Branch implements ClientUser {
  readonly breadth: number;
  /** Its place in the record of the call, until it has its status. */
  attempt: Try | undefined;
  readonly #context: ResponseContext;
  #target: ProxyTarget;
  #state: State = "finding";
  /** It was given up in favour of others: what it says now counts no more, but for a 2xx or 6xx. */
  #passedOver = false;
  #course: Course | undefined;
  #hops = noHops;
  #hop = 0;
  /** Further ways to the same client. */
  #flows: readonly ProxyTarget[];
  #client: ClientTransaction | undefined;
  #branch = "";
  #timer: Timer | undefined;
  /** When timer C fires. */
  #deadline = 0;

  constructor(context: ResponseContext, target: ProxyTarget, breadth: number, attempt: Try | undefined) {
    this.#context = context;
    this.#target = target;
    this.#flows = target.failover ?? noFlows;
    this.breadth = breadth;
    this.attempt = attempt;
  }

  get passedOver(): boolean {
    return this.#passedOver;
  }

  start(): void {
    this.#try(this.#target);
  }

  /** Sends CANCEL as soon as it may be sent (RFC 3261 §9.1). Before anything was sent, that is the end. */
  cancel(reasons: HeaderList): void {
    switch (this.#state) {
      case "finding":
        this.#fail(487);
        return;
      case "calling":
      case "proceeding":
        this.#disarm();
        if (!this.#context.forwarding.isInvite) return;
        this.#state = "cancelled";
        this.#client?.cancel(reasons);
        return;
      case "cancelled":
      case "finished":
        return;
      default:
        this.#state satisfies never;
    }
  }

  passOver(reasons: HeaderList): void {
    this.#passedOver = true;
    this.cancel(reasons);
  }

  response(response: Response, transaction: ClientTransaction): void {
    const { status } = response;
    const current = transaction === this.#client;
    if (status < 200) {
      if (current) this.#provisional(response, transaction);
      return;
    }
    if (!current || this.#state === "finished") {
      // Of a hop that was given up, or once more: only a 2xx matters (RFC 3261 §16.7 step 5).
      const late = status < 300 ? this.#upstream(response, transaction) : undefined;
      if (late !== undefined) this.#context.answered(late, response);
      return;
    }
    if (this.#state === "calling" && status !== 503) this.#worked();
    if (this.#mayGoOn() && this.#goesOnAfter(status)) return;
    this.#end();
    const upstream = this.#upstream(response, transaction);
    // Without any Via but ours it cannot go on as it is, but tells what it tells.
    if (upstream === undefined) this.#context.failed(this, status < 300 ? 502 : status);
    else this.#context.final(this, upstream, response);
    if (status >= 300) this.#endMedia(response);
  }

  timeout(transaction: ClientTransaction): void {
    if (transaction !== this.#client || this.#state === "finished") return;
    const silent = this.#state === "calling";
    if (silent) this.#failed();
    if (silent && this.#nextHop()) return;
    this.#fail(408);
  }

  transportError(_reason: string, transaction: ClientTransaction): void {
    if (transaction !== this.#client || this.#state === "finished") return;
    this.#failed();
    this.#endMedia(undefined);
    if (this.#mayGoOn() && this.#nextHop()) return;
    this.#flowLost(this.#target.flow === undefined ? 503 : 430);
  }

  #try(target: ProxyTarget): void {
    this.#target = target;
    this.#state = "finding";
    this.#hops = noHops;
    if (target.lost !== undefined) return this.#flowLost(target.lost);
    const course = this.#context.forwarding.courseTo(target);
    if (course === undefined) return this.#fail(400);
    if (target.flow !== undefined) return this.#send(course, target.flow);
    const uri = target.nextHop ?? this.#context.forwarding.hopUri(course);
    if (uri === undefined) return this.#fail(416);
    this.#course = course;
    this.#context.forwarding.around.resolver.resolve(uri, (result) => {
      if (this.#state !== "finding" || this.#target !== target) return;
      if (!result.ok || result.hops.length === 0) return this.#fail(503);
      this.#hops = result.hops;
      this.#hop = -1;
      this.#nextHop();
    });
  }

  /** False: there is none left. */
  #nextHop(): boolean {
    const hop = this.#hops[this.#hop + 1];
    if (hop === undefined) return false;
    this.#hop++;
    const { forwarding } = this.#context;
    const course = this.#course;
    const { request } = forwarding;
    if (course === undefined || request === undefined) return false;
    const { transport, host, port, serverName } = hop;
    const size = forwarding.sizeOf(request) + added;
    this.#send(course, forwarding.around.ways.flowTo({ transport, host, port, size, serverName }));
    return true;
  }

  #send(course: Course, flow: Flow): void {
    const { forwarding } = this.#context;
    const branch = forwarding.newBranch();
    const outgoing = this.#outgoing(course, flow, branch);
    if (!(outgoing instanceof Request)) return this.#fail(outgoing);
    this.#branch = branch;
    this.#state = "calling";
    this.#client = forwarding.around.transactions.request(outgoing, flow, this, branch);
    this.#arm();
  }

  #outgoing(course: Course, flow: Flow, branch: string): Request | number {
    try {
      const outgoing = this.#context.forwarding.outgoing(course, flow, branch, this.breadth);
      return outgoing instanceof Request ? outgoing : outgoing.status;
    } catch (error) {
      if (error instanceof InvalidHeaderValue) return 416;
      throw error;
    }
  }

  #provisional(response: Response, transaction: ClientTransaction): void {
    if (this.#state === "calling") {
      this.#worked();
      this.#state = "proceeding";
      if (this.#context.forwarding.options.noResponse !== undefined) this.#arm();
    }
    if (response.status === 100) return;
    this.#deadline = this.#now() + this.#timerC();
    const upstream = this.#upstream(response, transaction);
    if (upstream !== undefined) this.#context.provisional(upstream);
  }

  /** After 503 the next hop, after 430 the next flow. */
  #goesOnAfter(status: number): boolean {
    if (status === 503) {
      this.#failed();
      this.#endMedia(undefined);
      return this.#nextHop();
    }
    return status === 430 && this.#nextFlow();
  }

  #mayGoOn(): boolean {
    return (this.#state === "calling" || this.#state === "proceeding") && !this.#passedOver && this.#context.seeking;
  }

  #flowLost(status: number): void {
    if (this.#state !== "cancelled" && this.#context.seeking && this.#nextFlow()) return;
    this.#fail(status);
  }

  /** Another flow to the same client. False: there is none. */
  #nextFlow(): boolean {
    const [next, ...others] = this.#flows;
    if (next === undefined) return false;
    this.#flows = others;
    this.#disarm();
    this.#client = undefined;
    this.#try(next);
    return true;
  }

  #fail(status: number): void {
    this.#end();
    this.#context.failed(this, status);
    this.#endMedia(undefined);
  }

  /** It lives on with its transaction, for 2xx that come once more: without what it was sent by. */
  #end(): void {
    this.#disarm();
    this.#state = "finished";
    this.#course = undefined;
    this.#target = noTarget;
    this.#hops = noHops;
    this.#flows = noFlows;
  }

  #endMedia(response: Response | undefined): void {
    const { forwarding } = this.#context;
    const message = response ?? forwarding.request;
    if (message !== undefined && this.#branch !== "") forwarding.endMedia(message, this.#branch);
  }

  #upstream(response: Response, { flow }: ClientTransaction): Response | undefined {
    return this.#context.forwarding.upstream(response, flow);
  }

  #worked(): void {
    const hop = this.#hops[this.#hop];
    if (hop !== undefined) this.#context.forwarding.around.resolver.worked(hop);
  }

  #failed(): void {
    const hop = this.#hops[this.#hop];
    if (hop !== undefined) this.#context.forwarding.around.resolver.failed(hop);
  }

  /** Timer C, or before it the patience with a silent hop. Postponed by what comes, it looks again when it fires. */
  #arm(): void {
    const { forwarding } = this.#context;
    const { noResponse } = forwarding.options;
    this.#disarm();
    const patient = this.#state !== "calling" || noResponse === undefined || !this.#hasAlternative();
    if (patient && !forwarding.isInvite) return;
    this.#deadline = this.#now() + this.#timerC();
    const ms = patient ? this.#timerC() : (noResponse ?? 0);
    this.#timer = forwarding.around.clock.after(ms, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    const left = this.#deadline - this.#now();
    if (this.#state === "calling" && left > 0) return this.#noResponse();
    if (left > 0) {
      this.#timer = this.#context.forwarding.around.clock.after(left, () => this.#fire());
      return;
    }
    // RFC 3261 §16.8: cancelled if it has said anything; else it counts as 408, and a late answer is cancelled, too.
    this.#context.passOver(this, 408);
  }

  #hasAlternative(): boolean {
    return this.#hop + 1 < this.#hops.length || this.#context.hasOthers;
  }

  /** The hop is given up: the next one, or else the next target. Should it still say something, it is cancelled. */
  #noResponse(): void {
    const client = this.#client;
    this.#failed();
    if (this.#mayGoOn() && this.#nextHop()) client?.cancel();
    else this.#context.passOver(this, 408);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #now(): number {
    return this.#context.forwarding.around.clock.now();
  }

  #timerC(): number {
    return this.#context.forwarding.options.timerC ?? defaultTimerC;
  }
}

/** Octets that our Via, Record-Route and Max-Breadth add to a request, about. */
const added = 300;
