/** The schema for others: as JSON Schema for editors, and as the table of docs/configuration.md. */
import { configKeys, configType } from "./schema.ts";
import { routeKeys } from "./schema-routes.ts";
import { trunkKeys } from "./schema-trunks.ts";
import type { JsonSchema, Key, MapType, Type } from "./types.ts";

/** JSON Schema (2020-12) of a configuration file. */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "siproc configuration",
    ...configType.schema,
  };
}

/** A key as the reference tells of it; nested keys have their path. */
export interface DescribedKey {
  readonly path: string;
  readonly expected: string;
  /** In backquotes; empty where there is none. */
  readonly shownDefault: string;
  readonly doc: string;
}

/** All keys, those of a trunk and of a route apart. */
export function configSections(): { readonly title: string; readonly keys: readonly DescribedKey[] }[] {
  const { routes, trunks, ...others } = configKeys;
  return [
    { title: "Keys", keys: [...described(others, ""), ...described({ trunks, routes }, "")] },
    { title: "Keys of a trunk", keys: described(trunkKeys, "") },
    { title: "Keys of a route", keys: described(routeKeys, "") },
  ];
}

/** The reference: one Markdown table row per key. */
export function configReference(): string {
  return configSections()
    .flatMap(({ title, keys }, i) => [
      ...(i === 0 ? [] : ["", `${title}:`, ""]),
      "| Key | Value | Default | Meaning |",
      "|---|---|---|---|",
      ...keys.map(row),
    ])
    .join("\n");
}

function row({ path, expected, shownDefault, doc }: DescribedKey): string {
  const cells = [`\`${path}\``, expected, shownDefault, doc];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function described(keys: Readonly<Record<string, Key<unknown>>>, prefix: string): DescribedKey[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    if (key.planned) return [];
    const path = prefix + name;
    if (isMap(key.type)) return described(key.type.keys, `${path}.`);
    return [{ path, expected: key.type.expected, shownDefault: shownDefault(key.default), doc: key.doc }];
  });
}

function isMap(type: Type<unknown>): type is MapType<unknown> {
  return "keys" in type;
}

function shownDefault(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return `\`[${value.join(", ")}]\``;
  return `\`${String(value)}\``;
}
