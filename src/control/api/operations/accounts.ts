/** The accounts: listed, put, edited and removed, one or many at once. */
import { Type } from "@sinclair/typebox";
import type { AccountChange, AccountFault, AccountView } from "../../accounts.ts";
import { type ProblemCode, problem } from "../../http/problem.ts";
import type { ApiParts } from "../index.ts";
import { done, json, type Operation, operation } from "../operation.ts";
import {
  Account,
  AccountChanges,
  AccountEdit,
  AccountFields,
  AccountNames,
  AccountsChanged,
} from "../schemas-accounts.ts";
import { limit, line, mostRows, offset } from "../shapes.ts";

const codes: Readonly<Record<AccountFault["code"], ProblemCode>> = {
  invalid: "invalid",
  unknown: "not-found",
  configured: "conflict",
};

const params = Type.Object({ user: AccountNames.user });
const query = Type.Object({ domain: AccountNames.domain }, { additionalProperties: false });
const faults: readonly ProblemCode[] = ["invalid", "not-found", "conflict"];

export function accountOperations({ server: { accounts } }: ApiParts): readonly Operation[] {
  /** Does it, and tells what is wrong with it; undefined: it is done. */
  const change = async (changes: readonly AccountChange[], at: (fault: AccountFault) => string) => {
    const outcome = await accounts.change(changes);
    if (outcome.ok) return { response: undefined, outcome };
    const [first] = outcome.faults;
    const wrong = outcome.faults.map((fault) => ({ at: at(fault), message: fault.message }));
    const code = first === undefined ? "invalid" : codes[first.code];
    const response = problem(code, `nothing was changed: ${first?.message ?? "the changes are wrong"}`, { wrong });
    return { response, outcome: undefined };
  };
  const shown = (user: string, domain: string | undefined) => accounts.find(user, domain);
  return [
    operation({
      id: "listAccounts",
      tag: "accounts",
      method: "GET",
      path: "/v1/accounts",
      summary: "The accounts, without their passwords.",
      scopes: ["read", "accounts"],
      query: Type.Object(
        {
          limit: limit(mostRows, 1000),
          offset,
          q: Type.Optional(line("text of up to 128 characters", { most: 128, doc: "Part of a user or a name." })),
        },
        { additionalProperties: false },
      ),
      answers: { 200: { doc: "Those of the configuration, then those of the store.", schema: Type.Array(Account) } },
      problems: [],
      run({ query: { limit: most = 1000, offset = 0, q } }) {
        const rows: AccountView[] = [];
        let passed = 0;
        const wanted = q?.toLowerCase();
        for (const view of accounts.views()) {
          if (rows.length === most) break;
          const found = wanted === undefined || `${view.user}\n${view.name ?? ""}`.toLowerCase().includes(wanted);
          if (found && passed++ >= offset) rows.push(view);
        }
        return json(rows);
      },
    }),
    operation({
      id: "putAccount",
      tag: "accounts",
      method: "POST",
      path: "/v1/accounts",
      summary: "Adds an account to the store, or puts it in the place of the one of that name.",
      doc: "It can register and call at once; the answer comes when it is written, or says why it is not.",
      scopes: ["accounts"],
      body: AccountFields,
      example: { user: "alice", password: "wonderland", name: "Alice" },
      answers: {
        200: { doc: "It was there, and is changed.", schema: Account },
        201: { doc: "It is new.", schema: Account },
      },
      problems: faults,
      async run({ body }) {
        const { response, outcome } = await change([{ type: "put", fields: body }], () => "/");
        if (response !== undefined) return response;
        const { added, unwritten } = outcome;
        return json({ ...shown(body.user, body.domain), unwritten }, added > 0 ? 201 : 200);
      },
    }),
    operation({
      id: "changeAccounts",
      tag: "accounts",
      method: "POST",
      path: "/v1/accounts/changes",
      summary: "Many changes at once: all of them, or none.",
      scopes: ["accounts"],
      body: AccountChanges,
      mostBody: 4 * 1_048_576,
      example: [
        { change: "put", account: { user: "bob", password: "builder" } },
        { change: "remove", user: "carol" },
      ],
      answers: {
        200: { doc: "All are done.", schema: AccountsChanged },
      },
      problems: faults,
      async run({ body }) {
        const changes = body.map((one): AccountChange => {
          if (one.change === "put") return { type: "put", fields: one.account };
          const { user, domain } = one;
          return one.change === "edit"
            ? { type: "edit", user, domain, fields: one.account }
            : { type: "remove", user, domain };
        });
        const { response, outcome } = await change(changes, ({ index }) => `/${index}`);
        if (response !== undefined) return response;
        const { added, changed, removed, unwritten } = outcome;
        return json({ added, changed, removed, unwritten });
      },
    }),
    operation({
      id: "getAccount",
      tag: "accounts",
      method: "GET",
      path: "/v1/accounts/{user}",
      summary: "One account.",
      scopes: ["read", "accounts"],
      params,
      query,
      answers: { 200: { doc: "It, without its password.", schema: Account } },
      problems: ["not-found"],
      run({ params: { user }, query: { domain } }) {
        const found = shown(user, domain);
        return found === undefined
          ? problem("not-found", "there is no such account; name its domain, too")
          : json(found);
      },
    }),
    operation({
      id: "editAccount",
      tag: "accounts",
      method: "PATCH",
      path: "/v1/accounts/{user}",
      summary: "Changes what is named of an account of the store, and leaves the rest; `null` takes it away.",
      scopes: ["accounts"],
      params,
      query,
      body: AccountEdit,
      example: { name: "Alice Liddell", disabled: false },
      answers: { 200: { doc: "As it is now.", schema: Account } },
      problems: faults,
      async run({ params: { user }, query: { domain }, body }) {
        const { response, outcome } = await change([{ type: "edit", user, domain, fields: body }], () => "/");
        return response ?? json({ ...shown(user, domain), unwritten: outcome.unwritten });
      },
    }),
    operation({
      id: "removeAccount",
      tag: "accounts",
      method: "DELETE",
      path: "/v1/accounts/{user}",
      summary: "Takes an account out of the store; its phones are registered no longer.",
      scopes: ["accounts"],
      params,
      query,
      answers: { 204: { doc: "It is gone." } },
      problems: faults,
      async run({ params: { user }, query: { domain } }) {
        const { response } = await change([{ type: "remove", user, domain }], () => "/");
        return response ?? done();
      },
    }),
  ];
}
