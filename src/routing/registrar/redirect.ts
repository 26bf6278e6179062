/** The redirect server (RFC 3261 §8.3, §21.3.3) as a receiver: tells the caller where a user is, and does no more. */
import { isSipUri } from "../../sip/uri.ts";
import { isHopByHop, type Receiver } from "../chain.ts";
import { fitting } from "./room.ts";
import { type LocateOptions, locate } from "./targets.ts";

export interface RedirectOptions extends LocateOptions {
  /** Whether there is such a user: who is not is 404, who is registered nowhere 480. By default there may be anybody. */
  readonly known?: ((user: string, domain: string) => boolean) | undefined;
}

/** Answers requests to users of our domains, but REGISTER, with 302 and their contacts; passes all else on. */
export function redirect(options: RedirectOptions): Receiver {
  return (incoming) => {
    const { request, tx } = incoming;
    const { target } = request;
    if (request.method === "REGISTER" || isHopByHop(request)) return false;
    if (target === undefined || !isSipUri(target) || options.domainOf(target.host, target.port) === undefined)
      return false;
    const { aor, bindings } = locate(target, options);
    const { location } = options;
    const contacts = bindings.map((binding) => {
      const q = binding.q === 1 ? "" : `;q=${binding.q}`;
      return `<${binding.contact}>;expires=${location.secondsLeft(binding)}${q}`;
    });
    const told = fitting(incoming, contacts);
    if (told.length === 0) tx.respondStateless(absence(aor, options.known));
    else tx.respondStateless(302, { headers: told.map((contact) => ["Contact", contact]) });
    return true;
  };
}

/** 480 for a user without bindings, 404 for nobody. */
export function absence(aor: string | undefined, known: RedirectOptions["known"]): 404 | 480 {
  if (aor === undefined) return 404;
  const at = aor.lastIndexOf("@");
  return known === undefined || known(aor.slice(0, at), aor.slice(at + 1)) ? 480 : 404;
}
