/** What a handler process finds in its environment: the call's facts, what programs need to run at all, what `allow.env` names. */
import type { CallFacts } from "../../call/control.ts";

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
    ...Object.fromEntries(
      Object.entries(facts.variables ?? {}).map(([name, value]) => [`SIPROC_VAR_${name}`, clean(value)]),
    ),
  };
}

/** No NUL, which the system cannot pass, and no other control character, which nobody expects. */
function clean(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, " ").slice(0, maxValue);
}
