/** Texts outside of calls (RFC 3428). */
import { Type } from "@sinclair/typebox";
import { isRefusal } from "../../operator.ts";
import type { ApiParts } from "../index.ts";
import { json, type Operation, operation } from "../operation.ts";
import { refusal, refusals } from "../refusal.ts";
import { MessageResult } from "../schemas.ts";
import { given, line } from "../shapes.ts";

/** Characters: longer ones do not fit the datagrams that some phones read (RFC 3428 §8 allows 1300 octets in all). */
const longest = 16_384;

export function textOperations({ server: { operator } }: ApiParts): readonly Operation[] {
  return [
    operation({
      id: "sendMessage",
      tag: "messages",
      method: "POST",
      path: "/v1/messages",
      summary: "Sends a text, and tells whether it was taken.",
      scopes: ["calls"],
      body: given({
        to: line("a SIP URI, user@host, or with a trunk a number", {
          most: 2048,
          pattern: "^[^\\s\\x00-\\x1f\\x7f]+$",
        }),
        from: Type.Optional(line('a URI, or a name and a URI such as "Alice" <sip:alice@example.com>')),
        trunk: Type.Optional(line("the name of a trunk", { most: 64, pattern: "^[\\w.-]+$" })),
        text: Type.String({
          minLength: 1,
          maxLength: longest,
          errorMessage: `expected text of 1 to ${longest} characters`,
        }),
      }),
      example: { to: "sip:bob@example.com", text: "The door is open." },
      answers: { 200: { doc: "How it went.", schema: MessageResult } },
      problems: refusals,
      async run({ body }) {
        const result = await operator.text(body);
        return isRefusal(result) ? refusal(result) : json(result);
      },
    }),
  ];
}
