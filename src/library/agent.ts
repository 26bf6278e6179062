/**
 * A SIP program in a few lines: one object that registers, calls and answers, and serves as registrar, proxy or whatever a
 * chain of receivers makes of it.
 */
import { optionsHeaders, Subscriptions } from "../agent/index.ts";
import { callback, type LibraryCall } from "../handlers/callback.ts";
import type { Log } from "../log.ts";
import { chain, type Incoming, isHopByHop, type Receiver } from "../routing/index.ts";
import { type Server, startServer } from "../server/index.ts";
import type { HeaderList } from "../sip/message.ts";
import { decodeUtf8 } from "../sip/text.ts";
import type { Listening } from "../transport/index.ts";
import type { AuthOption } from "./auth.ts";
import { Endpoint } from "./endpoint.ts";
import type { Application } from "./endpoint-types.ts";
import { type InviteOptions, placeCall } from "./invite.ts";
import { Receivers } from "./receivers.ts";
import { KeptRegistration, type RegisterOptions } from "./register.ts";
import {
  type Answer,
  type KeptSubscription,
  type RequestOptions,
  type SubscribeOptions,
  sendRequest,
  subscribe,
} from "./request.ts";
import { type AgentOptions, configOf, headerList, logOf } from "./settings.ts";

/**
 * Which calls are taken, and what is done with them.
 *
 * @example
 * ua.listen({
 *   filter: (from) => from.includes("@example.com"),
 *   async call(call) {
 *     await call.answer();
 *     await call.play("welcome.wav");
 *   },
 * });
 */
export interface ListenOptions {
  /** Lets a call in; otherwise it gets 403. `from` is the value of the From header. */
  readonly filter?: ((from: string, incoming: Incoming) => boolean) | undefined;
  /** Who has to know a password; everybody may call by default. */
  readonly auth?: AuthOption | undefined;
  /**
   * Handles each call; one that is still up when this returns, or its promise is settled, is ended. By default calls are
   * answered, and stay until the caller hangs up.
   */
  readonly call?: ((call: LibraryCall) => unknown) | undefined;
}

/**
 * A user agent, and the maker of servers: registers and calls, takes calls, and passes requests through a chain of
 * receivers.
 *
 * @example
 * const ua = await Agent.open({ domain: "example.com", from: "me", auth: ["me", "secret"] });
 * await ua.register();
 * const call = await ua.invite("you");
 * await call.play("announcement.wav");
 * await call.hangup();
 * await ua.close();
 */
export class Agent extends Receivers {
  readonly #options: AgentOptions;
  readonly #server: Server;
  readonly #log: Log;
  #registration: KeptRegistration | undefined;
  #subscriptions: Subscriptions | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Opens the sockets. Throws OptionError, or an Error with a `code`, such as `address-in-use`, whose message names what
   * is not to be had.
   */
  static async open(options: AgentOptions = {}): Promise<Agent> {
    const log = logOf(options);
    return new Agent(options, await startServer(await configOf(options), { log, mayRelay: true }), log);
  }

  private constructor(options: AgentOptions, server: Server, log: Log) {
    super(server, options);
    this.#options = options;
    this.#server = server;
    this.#log = log;
  }

  /** Where we listen, with the real ports: `[{ transport: "udp", local: { host, port }, advertised: { host, port } }]`. */
  get legs(): readonly Listening[] {
    return this.#server.listening;
  }

  /** Calls that are up. */
  get calls(): number {
    return this.#server.calls.size;
  }

  /**
   * Registers, and stays registered. Resolves with the seconds that the registrar gave. Throws OptionError, or CallFailed:
   * then it is not tried again.
   */
  async register(given: RegisterOptions = {}): Promise<number> {
    await this.unregister();
    const registration = new KeptRegistration(this.#server, this.#options, given);
    this.#registration = registration;
    try {
      return await registration.granted;
    } catch (error) {
      if (this.#registration === registration) await this.unregister();
      throw error;
    }
  }

  /** Takes the registration back. */
  async unregister(): Promise<void> {
    const registration = this.#registration;
    this.#registration = undefined;
    await registration?.end();
  }

  /**
   * Calls somebody: `you`, `you@example.com` or a SIP URI. Resolves when the call is answered; from then on it is the
   * program's, which hangs up. Throws OptionError, or CallFailed.
   */
  async invite(to: string, given: InviteOptions = {}): Promise<LibraryCall> {
    return await placeCall(this.#server, this.#options, this.#registration?.service ?? [], to, given);
  }

  /**
   * Sends a request of any method outside of a call, and resolves with the final response, whatever its status. Throws
   * OptionError, or CallFailed where nobody answers.
   *
   * @example
   * const answer = await ua.request("OPTIONS", "you");
   */
  async request(method: string, to: string, given: RequestOptions = {}): Promise<Answer> {
    return await sendRequest(this.#server, this.#options, this.#registration?.service ?? [], method, to, given);
  }

  /**
   * Hears of somebody's state from now on: a mailbox (`message-summary`), a phone's calls (`dialog`). Resolves with the
   * first news. Throws OptionError, or CallFailed where it is refused.
   */
  async subscribe(to: string, given: SubscribeOptions): Promise<KeptSubscription> {
    this.#subscriptions ??= new Subscriptions(this.#server.agent);
    return await subscribe(this.#subscriptions, this.#options, this.#registration?.service ?? [], to, given);
  }

  /** Takes calls from now on, as `serve(createUserAgent(options))` does. */
  listen(options: ListenOptions = {}): void {
    this.serve(this.createUserAgent(options));
  }

  /** Answers the calls that come to it, and OPTIONS, as a phone does; for a chain, as its last member. */
  createUserAgent({ filter, auth, call = answered }: ListenOptions = {}): Receiver {
    const { agent, calls } = this.#server;
    const failed = (error: unknown) =>
      this.#log.error("the function that handles calls failed", { reason: describe(error) });
    const handler = callback(call, failed);
    const headers = this.#optionsHeaders();
    const answer: Receiver = (incoming) => {
      const { request, tx } = incoming;
      if (request.method !== "INVITE") {
        if (headers === undefined) agent.options(tx);
        else agent.reply(tx, 200, { headers });
      } else if (filter?.(decodeUtf8(request.header("from") ?? ""), incoming) === false) tx.respondStateless(403);
      else calls.receive(tx, request, handler);
      return true;
    };
    const comes = ({ request }: Incoming) => request.method === "OPTIONS" || request.method === "INVITE";
    return this.behindAuth(auth, comes, (incoming) => !this.#server.admits(incoming) || answer(incoming));
  }

  /** What OPTIONS is answered with where the program says it: ours, but for the fields that it names. */
  #optionsHeaders(): HeaderList | undefined {
    if (this.#options.options === undefined) return undefined;
    const own = headerList("options", this.#options.options);
    const named = new Set(own.map(([name]) => name.toLowerCase()));
    return [...optionsHeaders.filter(([name]) => !named.has(name.toLowerCase())), ...own];
  }

  /**
   * An endpoint for requests and responses of any method, for programs that speak SIP themselves. It takes what comes in as
   * the member of a chain that its `receive` is.
   *
   * @example
   * const endpoint = ua.createEndpoint((endpoint, ctx, request) => {
   *   if (request.method === "OPTIONS") endpoint.newResponse(ctx, { request, status: 200 });
   * });
   * ua.serve(endpoint.receive);
   */
  createEndpoint(application: Application): Endpoint {
    return new Endpoint(this.#server.agent, this.#options, application, (error) =>
      this.#log.error("an endpoint's program failed", { reason: describe(error) }),
    );
  }

  /**
   * From now on new requests go to these receivers, in order; the first that takes one ends its way. What nobody takes is
   * answered as a phone would that is not there; requests within dialogs find their way without a chain.
   *
   * @example
   * ua.serve(ua.createRegistrar(), ua.createStatelessProxy());
   */
  serve(...receivers: readonly Receiver[]): void {
    const first = chain(...receivers);
    this.#server.use((incoming) => {
      try {
        return first(incoming);
      } catch (error) {
        this.#log.error("a receiver failed", { reason: describe(error) });
        if (isHopByHop(incoming.request)) return false;
        incoming.tx.respondStateless(500);
        return true;
      }
    });
  }

  /** Takes the registration back, ends the calls, closes the sockets. */
  async close(): Promise<void> {
    this.#subscriptions?.close();
    this.#closed ??= this.unregister().then(() => this.#server.stop());
    await this.#closed;
  }

  /** `await using ua = await Agent.open()` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function answered(call: LibraryCall): Promise<void> {
  await call.answer();
  await call.ended;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
