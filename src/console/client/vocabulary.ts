/** The commands that calls take, as the API's own document has them: forms are made of it, so that none is missing here. */

export interface WordArgument {
  readonly name: string;
  readonly summary: string;
  readonly kind: "text" | "number" | "flag" | "choice";
  /** Of a choice. */
  readonly words: readonly string[];
  readonly required: boolean;
}

export interface Word {
  readonly name: string;
  readonly summary: string;
  readonly args: readonly WordArgument[];
}

/** @param document - an OpenAPI document; what is not as expected is left out. */
export function wordsOf(document: unknown): readonly Word[] {
  const body = walk(document, [
    ...["paths", "/v1/calls/{id}/commands", "post", "requestBody", "content", "application/json", "schema"],
  ]);
  const shapes = member(body, "anyOf") ?? member(body, "oneOf");
  return (Array.isArray(shapes) ? shapes : []).flatMap(wordOf);
}

function wordOf(shape: unknown): Word[] {
  const name = walk(shape, ["properties", "command", "const"]);
  const properties = member(shape, "properties");
  if (typeof name !== "string" || typeof properties !== "object" || properties === null) return [];
  const required: unknown = member(shape, "required");
  const args = Object.entries(properties)
    .filter(([argument]) => argument !== "command")
    .map(([argument, schema]) => ({
      name: argument,
      summary: textOf(member(schema, "description")),
      ...kindOf(schema),
      required: Array.isArray(required) && required.includes(argument),
    }));
  return [{ name, summary: textOf(member(shape, "description")), args }];
}

function kindOf(schema: unknown): Pick<WordArgument, "kind" | "words"> {
  const words: unknown = member(schema, "enum");
  if (Array.isArray(words)) return { kind: "choice", words: words.map(String) };
  const type = member(schema, "type");
  if (type === "boolean") return { kind: "flag", words: [] };
  return { kind: type === "number" || type === "integer" ? "number" : "text", words: [] };
}

/** What a form says of a command, as the API takes it. What was left empty is left out. */
export function commandOf(word: Word, read: (name: string) => string): Record<string, string | number | boolean> {
  const command: Record<string, string | number | boolean> = { command: word.name };
  for (const { name, kind } of word.args) {
    const text = read(name);
    if (text === "") continue;
    command[name] = kind === "number" ? Number(text) : kind === "flag" ? text === "yes" : text;
  }
  return command;
}

function walk(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(member, value);
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** Without the marks of the document's own language. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value.replaceAll("`", "") : "";
}
