/** A call that an agent places: which way it goes, until when it may ring, and what becomes of it. */
import { type LibraryCall, type LibraryEnd, libraryCall } from "../handlers/callback.ts";
import type { Server } from "../server/index.ts";
import { isSipUri, parseUri } from "../sip/uri.ts";
import {
  type AgentOptions,
  type Credentials,
  type HeaderOptions,
  headerList,
  nextHops,
  ownAddress,
  routeUri,
  serverUri,
  userUri,
} from "./settings.ts";

/**
 * Why a call or a registration did not come about.
 *
 * @example
 * await ua.invite("you").catch((error) => {
 *   if (error instanceof CallFailed && error.status === 486) console.log("busy");
 * });
 */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  /** The SIP status code that tells it best: 487 when it was given up, 408 when nobody answered. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * How a call is placed; what is not said is as the agent has it.
 *
 * @example
 * const call = await ua.invite("you", { signal: AbortSignal.timeout(30_000), headers: { Subject: "Lunch" } });
 */
export interface InviteOptions {
  readonly from?: string | undefined;
  readonly auth?: Credentials | undefined;
  /** Further header fields of the INVITE. */
  readonly headers?: HeaderOptions | undefined;
  /** Told that the other side rings. */
  readonly ringing?: (() => void) | undefined;
  /** Gives the call up while it is not answered: CANCEL, and CallFailed with 487. It rings for three minutes at most. */
  readonly signal?: AbortSignal | undefined;
}

/** Resolves when the call is answered. Throws OptionError, or CallFailed. `service`: the registrar's Service-Route. */
export async function placeCall(
  server: Server,
  agent: AgentOptions,
  service: readonly string[],
  to: string,
  given: InviteOptions,
): Promise<LibraryCall> {
  const uri = userUri("to", to, agent.domain);
  const { signal } = given;
  if (signal?.aborted) throw new CallFailed(487, "the call was given up before it was placed");
  const auth = given.auth ?? agent.auth;
  const way = wayTo(uri, agent, service);
  const { promise, resolve, reject } = Promise.withResolvers<LibraryCall>();
  let giveUp = () => {};
  const placed = server.call(
    {
      uri,
      from: ownAddress({ from: given.from ?? agent.from, domain: agent.domain }),
      auth: auth && { user: auth[0], password: auth[1] },
      proxy: way.proxy,
      headers: [
        ...way.routes.map((route) => ["Route", `<${route}>`] as const),
        ...headerList("headers", given.headers),
      ],
    },
    {
      trusted: true,
      start(control) {
        const call = libraryCall(control);
        giveUp = () => void call.hangup();
        call.watch((event) => {
          if (event.type === "ringing") given.ringing?.();
          else if (event.type === "connected") resolve(call);
          else if (event.type === "ended") reject(failureOf(event));
        });
      },
    },
  );
  if ("failure" in placed) throw new CallFailed(503, placed.failure);
  signal?.addEventListener("abort", giveUp);
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** The first server, and the Routes behind it: our own proxy, those of the registrar (RFC 3608 §6.1), those that are named. */
export function wayTo(
  uri: string,
  { outgoingProxy, route = [], domain2proxy }: AgentOptions,
  service: readonly string[],
): { proxy: string | undefined; routes: readonly string[] } {
  const routes = [...service, ...route].map((one) => routeUri("route", one));
  if (outgoingProxy !== undefined) return { proxy: serverUri("outgoingProxy", outgoingProxy), routes };
  const [first, ...rest] = routes;
  if (first !== undefined) return { proxy: first, routes: rest };
  const target = parseUri(uri);
  const next = target !== undefined && isSipUri(target) ? nextHops(domain2proxy)(target.host) : undefined;
  return { proxy: next?.text, routes };
}

function failureOf({ cause, code }: LibraryEnd): CallFailed {
  return new CallFailed(code, `the call was not answered: ${cause} (${code})`);
}
