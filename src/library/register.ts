/** The registration of an agent at a registrar: made, kept, and taken back. */
import { type Registration, type RegistrationState, register } from "../agent/index.ts";
import type { Server } from "../server/index.ts";
import { CallFailed } from "./invite.ts";
import { type AgentOptions, type Credentials, OptionError, ownAddress, serverUri } from "./settings.ts";

/**
 * Where and how to register; what is not said is as the agent has it.
 *
 * @example
 * const seconds = await ua.register({ expires: 600, changed: (state) => console.log(state.name) });
 */
export interface RegisterOptions {
  /** A host, `host:port`, or a SIP URI. */
  readonly registrar?: string | undefined;
  readonly auth?: Credentials | undefined;
  /** Seconds to ask for; 3600 by default. */
  readonly expires?: number | undefined;
  /** Where we are reached, a URI. */
  readonly contact?: string | undefined;
  /** Told of each change, refreshes and failures later on included. */
  readonly changed?: ((state: RegistrationState) => void) | undefined;
}

/** How long a registrar may take to let us go, in ms. */
const farewell = 2000;

/** A registration that has succeeded once: it is kept alive from then on. */
export class KeptRegistration {
  /** The route that the registrar wants our requests to take (RFC 3608). */
  service: readonly string[] = [];
  readonly #registration: Registration;
  readonly #ended = Promise.withResolvers<void>();
  readonly #granted = Promise.withResolvers<number>();

  /** Throws OptionError. */
  constructor(server: Server, agent: AgentOptions, given: RegisterOptions) {
    const auth = given.auth ?? agent.auth;
    const where = given.registrar ?? agent.registrar ?? agent.domain;
    const aor = ownAddress(agent);
    if (where === undefined) throw new OptionError("registrar", "say where to register, or name a domain");
    if (aor === undefined) throw new OptionError("from", "say who registers");
    const { outgoingProxy } = agent;
    const made = register(
      server.agent.context,
      {
        registrar: serverUri("registrar", where),
        aor,
        auth: auth && { user: auth[0], password: auth[1] },
        contact: given.contact ?? agent.contact,
        expires: given.expires,
        proxy: outgoingProxy === undefined ? undefined : serverUri("outgoingProxy", outgoingProxy),
      },
      (state) => this.#is(state, given),
    );
    if ("failure" in made) throw new OptionError("register", made.failure);
    this.#registration = made;
    server.onClosed((flow) => made.closed(flow));
  }

  /** Resolves with the seconds that the registrar gave when it registers us for the first time. Throws CallFailed. */
  get granted(): Promise<number> {
    return this.#granted.promise;
  }

  /** Takes it back, and waits a moment for the registrar to say so. */
  async end(): Promise<void> {
    this.#registration.stop();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, farewell);
    await Promise.race([this.#ended.promise, late.promise]);
    clearTimeout(timer);
  }

  #is(state: RegistrationState, given: RegisterOptions): void {
    if (state.name === "registered") {
      this.service = state.service.map((value) => /<([^>]*)>/.exec(value)?.[1] ?? value);
      this.#granted.resolve(state.expires);
    } else if (state.name === "failed")
      this.#granted.reject(new CallFailed(state.status, `not registered: ${state.reason}`));
    else if (state.name === "ended") {
      this.#ended.resolve();
      this.#granted.reject(new CallFailed(487, "not registered: it was taken back before the registrar answered"));
    }
    given.changed?.(state);
  }
}
