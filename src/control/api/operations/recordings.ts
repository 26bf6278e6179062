/** Recordings: listed, fetched whole or in part, deleted. */
import { Type } from "@sinclair/typebox";
import { problem } from "../../http/problem.ts";
import { isRefusal } from "../../operator.ts";
import type { ApiParts } from "../index.ts";
import { done, json, type Operation, operation } from "../operation.ts";
import { refusal } from "../refusal.ts";
import { Recording } from "../schemas.ts";
import { limit, line } from "../shapes.ts";

const params = Type.Object({ name: line("a recording's name as GET /v1/recordings lists it", { most: 4096 }) });
const audio = "audio/wav";

export function recordingOperations({ server: { operator } }: ApiParts): readonly Operation[] {
  const { recordings } = operator;
  return [
    operation({
      id: "listRecordings",
      tag: "recordings",
      method: "GET",
      path: "/v1/recordings",
      summary: "The WAV files where scripts may write, the newest first.",
      scopes: ["read", "calls"],
      query: Type.Object({ limit: limit(10_000, 1000) }, { additionalProperties: false }),
      answers: { 200: { doc: "A row for each.", schema: Type.Array(Recording) } },
      problems: [],
      run: async ({ query }) => json(await recordings.list(query.limit ?? 1000)),
    }),
    operation({
      id: "getRecording",
      tag: "recordings",
      method: "GET",
      path: "/v1/recordings/{name+}",
      summary: "A recording's sound, or with `Range` a part of it.",
      scopes: ["read", "calls"],
      params,
      answers: {
        200: { doc: "All of it.", content: audio },
        206: { doc: "The part that was asked for.", content: audio },
      },
      problems: ["not-found", "wrong-range"],
      async run({ params: { name }, request }) {
        const found = await recordings.find(name);
        return isRefusal(found) ? refusal(found) : await fileAnswer(found, request.headers.get("range"));
      },
    }),
    operation({
      id: "removeRecording",
      tag: "recordings",
      method: "DELETE",
      path: "/v1/recordings/{name+}",
      summary: "Deletes a recording.",
      scopes: ["calls"],
      params,
      answers: { 204: { doc: "It is gone." } },
      problems: ["not-found", "conflict"],
      async run({ params: { name } }) {
        const fault = await recordings.remove(name);
        return fault === undefined ? done() : refusal(fault);
      },
    }),
  ];
}

/** A file, or one range of it (RFC 9110 §14); what is no range of octets is passed over. */
async function fileAnswer(path: string, range: string | null): Promise<Response> {
  const file = Bun.file(path);
  const { size } = file;
  const headers = { "Content-Type": audio, "Accept-Ranges": "bytes", "Content-Disposition": "inline" };
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === ""))
    return new Response(file, { headers });
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size - 1 : Math.min(size - 1, Number(last));
  if (from >= size || from > to)
    return problem("wrong-range", `the recording has ${size} octets`, {
      headers: { "Content-Range": `bytes */${size}` },
    });
  return new Response(file.slice(from, to + 1), {
    status: 206,
    headers: { ...headers, "Content-Range": `bytes ${from}-${to}/${size}` },
  });
}
