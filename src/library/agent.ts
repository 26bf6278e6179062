/**
 * A SIP program in a few lines: one object that registers, calls and answers, and serves as registrar, proxy or whatever a
 * chain of receivers makes of it.
 */
import type { Registration, RegistrationState } from "../agent/index.ts";
import { register } from "../agent/index.ts";
import { callback, type LibraryCall, type LibraryEnd, libraryCall } from "../handlers/callback.ts";
import type { Log } from "../log.ts";
import { chain, type Incoming, isHopByHop, type Receiver } from "../routing/index.ts";
import { type Server, startServer } from "../server/index.ts";
import type { Listening } from "../transport/index.ts";
import { Receivers } from "./receivers.ts";
import {
  type AgentOptions,
  type Credentials,
  configOf,
  logOf,
  OptionError,
  ownAddress,
  serverUri,
  userUri,
} from "./settings.ts";

/** Why a call or a registration did not come about. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  /** The SIP status code that tells it best. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface RegisterArguments {
  readonly registrar?: string;
  readonly auth?: Credentials;
  /** Seconds to ask for; 3600 by default. */
  readonly expires?: number;
  /** Where we are reached, a URI; our own address by default. */
  readonly contact?: string;
  /** Told of each change, refreshes included. */
  readonly changed?: (state: RegistrationState) => void;
}

export interface InviteArguments {
  readonly from?: string;
  readonly auth?: Credentials;
  /** Further header fields. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Told that the other side rings. */
  readonly ringing?: () => void;
}

export interface ListenArguments {
  /** Lets a call in; otherwise it gets 403. `from` is the From header's value, as it came. */
  readonly filter?: (from: string, incoming: Incoming) => boolean;
  /** Who has to know a password; everybody may call by default. See `createAuth`. */
  readonly auth?: Receiver;
  /**
   * Handles each call; it is ended when what this returns is settled. By default it is answered, and stays until the
   * caller hangs up.
   */
  readonly call?: (call: LibraryCall) => unknown;
}

export class Agent extends Receivers {
  readonly #options: AgentOptions;
  readonly #server: Server;
  readonly #log: Log;
  #registration: Registration | undefined;

  /** Opens the sockets. Throws OptionError, TransportError, StoreError or MediaError. */
  static async open(options: AgentOptions = {}): Promise<Agent> {
    const log = logOf(options);
    return new Agent(options, await startServer(await configOf(options), { log }), log);
  }

  private constructor(options: AgentOptions, server: Server, log: Log) {
    super(server);
    this.#options = options;
    this.#server = server;
    this.#log = log;
  }

  /** Where we listen, with the real ports. */
  get legs(): readonly Listening[] {
    return this.#server.listening;
  }

  /** Calls that are up. */
  get calls(): number {
    return this.#server.calls.size;
  }

  /** Registers, and stays registered. Resolves with the seconds that the registrar gave. Throws CallFailed. */
  async register(given: RegisterArguments = {}): Promise<number> {
    const { domain, outgoingProxy } = this.#options;
    const auth = given.auth ?? this.#options.auth;
    const where = given.registrar ?? this.#options.registrar ?? domain;
    const aor = ownAddress(this.#options);
    if (where === undefined) throw new OptionError("registrar", "say where to register, or name a domain");
    if (aor === undefined) throw new OptionError("from", "say who registers");
    await this.unregister();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const registration = register(
      this.#server.agent.context,
      {
        registrar: serverUri("registrar", where),
        aor,
        auth: auth && { user: auth[0], password: auth[1] },
        ...(given.contact === undefined ? {} : { contact: given.contact }),
        ...(given.expires === undefined ? {} : { expires: given.expires }),
        ...(outgoingProxy === undefined ? {} : { proxy: serverUri("outgoingProxy", outgoingProxy) }),
      },
      (state) => {
        given.changed?.(state);
        if (state.name === "registered") resolve(state.expires);
        else if (state.name === "failed") reject(new CallFailed(state.status, `not registered: ${state.reason}`));
      },
    );
    if ("failure" in registration) throw new OptionError("register", registration.failure);
    this.#registration = registration;
    try {
      return await promise;
    } catch (error) {
      // Who is told of the failure decides whether it is tried again.
      await this.unregister();
      throw error;
    }
  }

  /** Takes the registration back. */
  async unregister(): Promise<void> {
    const registration = this.#registration;
    this.#registration = undefined;
    await registration?.stop();
  }

  /** Calls somebody: `you`, `you@example.com` or a URI. Resolves when the call is answered. Throws CallFailed. */
  async invite(to: string, given: InviteArguments = {}): Promise<LibraryCall> {
    const { domain, outgoingProxy } = this.#options;
    const auth = given.auth ?? this.#options.auth;
    const from = given.from ?? ownAddress(this.#options);
    const { promise, resolve, reject } = Promise.withResolvers<LibraryCall>();
    const placed = this.#server.call(
      {
        uri: userUri("to", to, domain),
        ...(from === undefined ? {} : { from }),
        auth: auth && { user: auth[0], password: auth[1] },
        ...(given.headers === undefined ? {} : { headers: given.headers }),
        ...(outgoingProxy === undefined ? {} : { proxy: serverUri("outgoingProxy", outgoingProxy) }),
      },
      {
        start(control) {
          const call = libraryCall(control);
          call.watch((event) => {
            if (event.type === "ringing") given.ringing?.();
            else if (event.type === "connected") resolve(call);
            else if (event.type === "ended") reject(failureOf(event));
          });
        },
      },
    );
    if ("failure" in placed) throw new OptionError("to", placed.failure);
    return await promise;
  }

  /** Takes calls from now on. It is a receiver as well, to stand in a chain. */
  listen(given: ListenArguments = {}): Receiver {
    const receiver = this.createUserAgent(given);
    this.serve(...(given.auth === undefined ? [] : [given.auth]), receiver);
    return receiver;
  }

  /** Answers the calls that come to it, and whatever else a phone answers. */
  createUserAgent({ filter, call = answered }: ListenArguments = {}): Receiver {
    const handler = callback(call, (error) => this.#log.error("a call's function failed", { reason: String(error) }));
    return (incoming) => {
      const { request, tx } = incoming;
      if (isHopByHop(request)) return false;
      if (request.method !== "INVITE") {
        if (request.method !== "OPTIONS") return false;
        this.#server.agent.options(tx);
      } else if (filter?.(request.header("from") ?? "", incoming) === false) tx.respondStateless(403);
      else this.#server.calls.receive(tx, request, handler);
      return true;
    };
  }

  /** From now on requests go to these receivers, in order; the first that takes one ends its way. */
  serve(...receivers: readonly Receiver[]): void {
    this.#server.use(receivers.length === 0 ? undefined : chain(...receivers));
  }

  /** Takes the registration back, ends the calls, closes the sockets. */
  async close(): Promise<void> {
    await this.unregister();
    await this.#server.stop();
  }
}

async function answered(call: LibraryCall): Promise<void> {
  await call.answer();
  await call.ended;
}

function failureOf({ cause, code }: LibraryEnd): CallFailed {
  return new CallFailed(code, `the call was not answered: ${cause} (${code})`);
}
