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

/** The reference: one Markdown table row per key, nested keys with their path. */
export function configReference(): string {
  const head = ["| Key | Value | Default | Meaning |", "|---|---|---|---|"];
  const { routes, trunks, ...others } = configKeys;
  return [
    ...head,
    ...rows(others, ""),
    ...rows({ trunks, routes }, ""),
    "",
    "Keys of a trunk:",
    "",
    ...head,
    ...rows(trunkKeys, ""),
    "",
    "Keys of a route:",
    "",
    ...head,
    ...rows(routeKeys, ""),
  ].join("\n");
}

function rows(keys: Readonly<Record<string, Key<unknown>>>, prefix: string): string[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    if (key.planned) return [];
    const path = prefix + name;
    if (isMap(key.type)) return rows(key.type.keys, `${path}.`);
    const cells = [`\`${path}\``, key.type.expected, shownDefault(key.default), key.doc];
    return [`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`];
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
