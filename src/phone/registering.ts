/** A registration of the phone's: the first answer is waited for, all that follows is told. */
import { register as begin, type RegisterOptions, type Registration, type RegistrationState } from "../agent/index.ts";
import type { Server } from "../server/index.ts";

/**
 * Registers. Resolves once the registrar has taken it, or it has failed for the first time; then it is tried again only where
 * it `keeps` trying.
 */
export async function register(
  server: Server,
  options: RegisterOptions,
  changed: (state: RegistrationState) => void,
  keeps = false,
): Promise<{ registration: Registration } | { failure: string }> {
  const first = Promise.withResolvers<string | undefined>();
  const registration = begin(server.agent.context, options, (state) => {
    if (state.name === "registered") first.resolve(undefined);
    if (state.name === "failed") first.resolve(`${state.reason} (${state.status})`);
    changed(state);
  });
  if ("failure" in registration) return registration;
  server.onClosed((flow) => registration.closed(flow));
  const failure = await first.promise;
  if (failure === undefined || keeps) return { registration };
  registration.stop();
  return { failure: `not registered: ${failure}` };
}

/** How long a registrar may take to let us go, ms. */
const farewell = 2000;

/** Takes the registration back, and waits a moment for the registrar to say so. */
export async function unregister(registration: Registration): Promise<void> {
  registration.stop();
  for (let waited = 0; registration.state.name !== "ended" && waited < farewell; waited += 20) await Bun.sleep(20);
}
