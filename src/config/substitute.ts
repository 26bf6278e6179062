/** `${NAME}` in a configuration's texts: the value of an environment variable. `$$` is one `$`. */

/**
 * In YAML's flow style `{ key: ${NAME} }` would end the text at the brace. While the YAML is read, the braces of a reference are
 * two characters of the private use area, one for one, so that positions stay.
 */
const opening = "\ue000";
const closing = "\ue001";

export function hideReferences(text: string): string {
  return text.replace(/\$\{(\w+)\}/g, `$$${opening}$1${closing}`);
}

export function showReferences(text: string): string {
  if (!text.includes(opening)) return text;
  return text.replace(/\$\ue000(\w+)\ue001/g, (_, name: string) => `\${${name}}`);
}

export type Substituted = { ok: true; text: string; changed: boolean } | { ok: false; reason: string };

export function substitute(text: string, environment: Readonly<Record<string, string | undefined>>): Substituted {
  if (!text.includes("$")) return { ok: true, text, changed: false };
  let reason: string | undefined;
  let changed = false;
  const replaced = text.replace(/\$\$|\$\{([^}]*)(\}?)/g, (found, name: string | undefined, end: string) => {
    if (name === undefined) return "$";
    if (end === "" || !/^[A-Za-z_]\w*$/.test(name)) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the notation that is explained
      reason ??= "“${” starts a reference such as ${NAME}; a plain “$” before “{” is written $$";
      return found;
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value === undefined) {
      reason ??= `the environment variable ${name} is not set; set it, or write $$ for a plain “$”`;
      return found;
    }
    changed = true;
    return value;
  });
  return reason === undefined ? { ok: true, text: replaced, changed } : { ok: false, reason };
}
