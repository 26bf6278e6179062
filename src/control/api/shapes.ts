/** Small schemas that many shapes are made of. */
import { Kind, type TProperties, type TSchema, Type, TypeRegistry } from "@sinclair/typebox";

const about = (description: string | undefined) => (description === undefined ? {} : { description });

export const text = (description?: string) => Type.String(about(description));
export const count = (description?: string) => Type.Integer({ minimum: 0, ...about(description) });
export const octets = (description = "") => Type.Integer({ minimum: 0, description: `Octets. ${description}`.trim() });
/** A moment. */
export const ms = (description = "") => Type.Number({ description: `${description} ms since 1970.`.trim() });
export const optional = <T extends TSchema>(schema: T) => Type.Optional(schema);

/** JSON Schema's `enum`, which TypeBox has for values of TypeScript's enums alone. */
TypeRegistry.Set<{ enum: readonly unknown[] }>("Choice", (schema, value) => schema.enum.includes(value));

export const choice = <const T extends string>(values: readonly T[], description?: string) =>
  Type.Unsafe<T>({
    [Kind]: "Choice",
    type: "string",
    enum: values,
    ...about(description),
    errorMessage: `expected one of ${values.join(", ")}`,
  });

/** A text of a request: with bounds, and what is expected in words. */
export const line = (
  expected: string,
  options: { pattern?: string; most?: number; least?: number; doc?: string } = {},
) => {
  const { pattern = "^[^\\x00-\\x1f\\x7f]*$", most = 1024, least = 1, doc } = options;
  return Type.String({
    minLength: least,
    maxLength: most,
    pattern,
    ...about(doc),
    errorMessage: `expected ${expected}`,
  });
};

/** An answer's object, by a name of the document's. */
export const named = <P extends TProperties>(name: string, properties: P, description?: string) =>
  Type.Object(properties, { $id: name, ...about(description) });

/** A request's object: what it does not name is wrong. */
export const given = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...about(description) });

/** Rows of one answer: what is made of them in one turn holds up nobody. */
export const mostRows = 10_000;

/** How many rows are passed over. */
export const offset = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: 10_000_000,
    default: 0,
    description: "How many to pass over.",
    errorMessage: "expected a whole number from 0 to 10000000",
  }),
);

/** How many rows are wanted. */
export const limit = (most: number, otherwise: number) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: most,
      default: otherwise,
      description: "How many at most.",
      errorMessage: `expected a whole number from 1 to ${most}`,
    }),
  );
