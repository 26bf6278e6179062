/** What a handler process finds in its environment: the call's facts, what programs need to run at all, what `allow.env` names. */
import type { CallFacts } from "../../call/control.ts";
import { decodeUtf8 } from "../../sip/text.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Secrets stand in the environment of servers: nothing is inherited but these. */
const inherited = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"];
/** What peers send is bounded: one value may not fill what the system allows for all. */
const maxValue = 4096;

/** @param allowed names of further variables to pass on. */
export function environmentOf(facts: CallFacts, ours: Environment, allowed: readonly string[]): Record<string, string> {
  const names = [...inherited, ...Object.keys(ours).filter((name) => name.startsWith("LC_")), ...allowed];
  const passed = names.flatMap((name): [string, string][] => {
    const value = Object.hasOwn(ours, name) ? ours[name] : undefined;
    return value === undefined ? [] : [[name, value]];
  });
  return {
    ...Object.fromEntries(passed),
    SIPROC_REMOTE_URI: clean(facts.remoteUri),
    SIPROC_REMOTE_ID: clean(facts.remoteId),
    SIPROC_REMOTE_CONTACT: clean(facts.remoteContact),
    SIPROC_OUTGOING: facts.direction === "outgoing" ? "y" : "n",
    SIPROC_LOCAL_URI: clean(facts.localUri),
    SIPROC_CALL_ID: clean(facts.callId),
    SIPROC_ID: facts.id,
    ...headersOf(facts),
    ...Object.fromEntries(
      Object.entries(facts.variables ?? {}).map(([name, value]) => [`SIPROC_VAR_${name}`, clean(value)]),
    ),
  };
}

/** So many header fields, and so many characters of them in all, are passed on. */
const maxHeaders = 100;
const maxHeaderText = 32_768;

/**
 * The INVITE's header fields: `X-Tenant: blue` is `SIPROC_HEADER_X_TENANT=blue`. Of several with one name the first counts;
 * what is no name of a variable is left out.
 */
function headersOf({ headers }: CallFacts): Record<string, string> {
  const passed: Record<string, string> = {};
  let room = maxHeaderText;
  for (const [name, value] of headers.slice(0, maxHeaders)) {
    const variable = `SIPROC_HEADER_${name.toUpperCase().replaceAll("-", "_")}`;
    const text = clean(decodeUtf8(value));
    room -= variable.length + text.length;
    if (room < 0) break;
    // Proofs of a password are for who asked for them.
    if (/authorization$/i.test(name)) continue;
    if (/^\w{1,80}$/.test(variable) && !Object.hasOwn(passed, variable)) passed[variable] = text;
  }
  return passed;
}

/** No NUL, which the system cannot pass, and no other control character, which nobody expects. */
function clean(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, " ").slice(0, maxValue);
}
