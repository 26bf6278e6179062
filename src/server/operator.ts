/** What operators ask and tell, answered by the parts of a server. */
import { requestOutside, type UserAgent } from "../agent/index.ts";
import type { Refusal } from "../control/calls.ts";
import type { OperatorControl, TextOrder, TextResult } from "../control/operator.ts";
import type { HeaderList } from "../sip/message.ts";
import { reasonPhrase } from "../sip/status.ts";
import { decodeUtf8, encodeUtf8 } from "../sip/text.ts";
import { withoutPassword } from "../sip/uri.ts";
import { CallDesk, type CallDeskParts } from "./report-calls.ts";
import { recordingDesk } from "./report-recordings.ts";
import { routeDesk } from "./report-routes.ts";
import type { Services } from "./services.ts";

export interface OperatorParts extends CallDeskParts {
  readonly agent: UserAgent;
  readonly services: Services;
}

export function operator(parts: OperatorParts): OperatorControl {
  const { calls, services, config } = parts;
  const { location } = services;
  const desk = new CallDesk(parts);
  // Where nobody can ask, nothing is noted.
  if (config().control !== undefined) calls.observers.add(desk);
  calls.followed = () => parts.feed.listeners > 0;
  return {
    calls: desk,
    routes: routeDesk({ config, domainOf: () => services.domainOf, registers: () => services.takesRegistrations }),
    recordings: recordingDesk({ config, isWritten: (path) => calls.isRecording(path) }),
    text: (order) => sendText(parts, order),
    unregister(aor, contact) {
      const found = location
        .lookup(encodeUtf8(aor))
        .filter((binding) => contact === undefined || withoutPassword(decodeUtf8(binding.contact)) === contact);
      for (const binding of found) location.remove(binding);
      return found.length;
    },
  };
}

const plainText: HeaderList = [["Content-Type", "text/plain;charset=UTF-8"]];

/** A text outside of any call (RFC 3428), by the way that a call would take. */
async function sendText(
  { agent, dialer }: OperatorParts,
  { to, from, trunk, text }: TextOrder,
): Promise<TextResult | Refusal> {
  const way = dialer.wayTo(to, { from, trunk });
  if ("failure" in way) return { refused: "wrong", reason: way.failure };
  const { promise, resolve } = Promise.withResolvers<TextResult | Refusal>();
  const told = (code: number, reason: string) =>
    resolve({ to, status: code < 300 ? "delivered" : "failed", code, reason });
  const { uri, auth, proxy, strictRoute, service, flow } = way;
  const sent = requestOutside(
    agent.context,
    {
      ...{ uri, from: way.from, auth, proxy, strictRoute, service, flow },
      method: "MESSAGE",
      // RFC 3428 §4: a MESSAGE makes no dialog, and has no Contact.
      contact: "none",
      headers: plainText,
      body: new TextEncoder().encode(text),
    },
    {
      response: ({ status, reason }) => {
        if (status >= 200) told(status, decodeUtf8(reason) || reasonPhrase(status));
      },
      failed: (status) => told(status, status === 408 ? "nobody answers" : "nobody can be reached"),
    },
  );
  if ("failure" in sent) return { refused: "wrong", reason: sent.failure };
  return await promise;
}
