/** The user agent's answers to challenges (RFC 3261 §22.2): who it is, and whether a request is to be sent once more. */
import { hash } from "../hash.ts";
import { type DigestAttempt, DigestClient, type DigestIdentity } from "../sip/digest-client.ts";
import type { Response } from "../sip/message.ts";
import type { AgentContext } from "./context.ts";

/** One user name and password, or several for several realms. */
export type Identities = DigestIdentity | readonly DigestIdentity[];

/** What answers challenges for the requests of one call or registration; undefined where nobody gave a password. */
export function digestClient(
  { random }: Pick<AgentContext, "random">,
  auth: Identities | undefined,
): DigestClient | undefined {
  if (auth === undefined) return undefined;
  const identities = "user" in auth ? [auth] : auth;
  return identities.length === 0 ? undefined : new DigestClient({ hash, random, identities });
}

/** Takes the challenges of a response, if it has any. True: the request can be sent again, with credentials. */
export function isAnswerable(response: Response, attempt: DigestAttempt | undefined): boolean {
  if (response.status !== 401 && response.status !== 407) return false;
  return attempt !== undefined && attempt.challenged(response) === undefined;
}
