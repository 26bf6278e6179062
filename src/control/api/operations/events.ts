/** The feed as server-sent events (WHATWG HTML §9.2), resumable by Last-Event-ID. */
import { Type } from "@sinclair/typebox";
import type { Feed, FeedEntry } from "../../feed.ts";
import { feedTypeMatches, isFeedPattern } from "../../feed-events.ts";
import { problem } from "../../http/problem.ts";
import type { ApiParts } from "../index.ts";
import { type Operation, operation } from "../operation.ts";
import { FeedEvent } from "../schemas.ts";
import { line } from "../shapes.ts";

/** Streams at one time. */
const mostStreams = 100;
/** Characters that wait for a reader who is slower than what happens; beyond, a gap is told instead. */
const mostWaiting = 1_000_000;
/** ms between signs of life, so that nobody between us takes the stream for dead. */
const beat = 15_000;

export function eventOperations({ server: { feed } }: ApiParts): readonly Operation[] {
  let streams = 0;
  return [
    operation({
      id: "streamEvents",
      tag: "events",
      method: "GET",
      path: "/v1/events",
      summary: "What happens, as it happens: server-sent events.",
      doc: "The `data` of each is the JSON of an Event, its `event` the type, its `id` what a client sends as `Last-Event-ID` when it comes back: then it gets what it missed. What is no longer kept is told as `feed.gap`.",
      scopes: ["read", "calls"],
      query: Type.Object(
        {
          types: Type.Optional(
            Type.Array(Type.String({ maxLength: 64 }), {
              maxItems: 32,
              description: "Only these types, or patterns such as `call.*`, with commas between them.",
            }),
          ),
          call: Type.Optional(line("the id of a call", { most: 64, doc: "Only what happens in this call." })),
          after: Type.Optional(
            Type.Integer({ minimum: 0, description: "First what happened after this event; as `Last-Event-ID`." }),
          ),
        },
        { additionalProperties: false },
      ),
      headers: Type.Object({
        "Last-Event-ID": Type.Optional(Type.String({ description: "The last event that was read." })),
      }),
      answers: {
        200: { doc: "Events, for as long as the client stays.", schema: FeedEvent, content: "text/event-stream" },
      },
      problems: ["invalid", "busy"],
      run({ query, request, asking }) {
        const { types, call } = query;
        const strange = types?.find((type) => !isFeedPattern(type));
        if (strange !== undefined)
          return problem("invalid", "types: there is no such event; docs/api.md lists them", {
            wrong: [{ at: "types", message: "there is no such event" }],
          });
        if (streams >= mostStreams)
          return problem("busy", `${mostStreams} clients follow the events already; close one, or try again later`, {
            headers: { "Retry-After": "10" },
          });
        streams++;
        const signal = asking.lasting();
        const wanted = (entry: FeedEntry) =>
          (call === undefined || entry.call === call) &&
          (types === undefined || types.some((type) => feedTypeMatches(type, entry.type)));
        const stream = eventStream(feed, {
          wanted: (entry) => entry.type === "feed.gap" || wanted(entry),
          after: afterOf(request, query.after),
          signal,
          over: () => streams--,
        });
        return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
      },
    }),
  ];
}

function afterOf(request: Request, given: number | undefined): number | undefined {
  const last = request.headers.get("last-event-id") ?? "";
  return /^\d{1,16}$/.test(last) ? Number(last) : given;
}

interface StreamOptions {
  wanted(entry: FeedEntry): boolean;
  readonly after: number | undefined;
  /** The client has gone, or may not read on. */
  readonly signal: AbortSignal;
  /** Called once, when nothing is sent any more. */
  over(): void;
}

/** Hears the feed for as long as it is read. A reader who is slow delays nobody, and fills no memory. */
function eventStream(feed: Feed, { wanted, after, signal, over }: StreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let waiting: string[] = [];
  let characters = 0;
  /** The last event that was handed over to be sent, and whether some after it were passed over. */
  let last = after ?? feed.last;
  let behind = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  let stop = () => {};
  const put = (controller: Controller, text: string) => controller.enqueue(encoder.encode(text));
  const follow = (controller: Controller, from: number | undefined) => {
    stop = feed.subscribe({
      after: from,
      heard(entry) {
        if (behind || !wanted(entry)) return;
        if (characters > mostWaiting) {
          behind = true;
          return;
        }
        const text = textOf(entry);
        last = entry.id;
        if (waiting.length === 0 && (controller.desiredSize ?? 0) > 0) return put(controller, text);
        waiting.push(text);
        characters += text.length;
      },
    });
  };
  let ended = false;
  const end = (controller?: Controller) => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    stop();
    over();
    controller?.close();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (signal.aborted) return end(controller);
        // Who goes before the first octet is read never cancels the stream.
        signal.addEventListener("abort", () => end(controller), { once: true });
        put(controller, ": what happens\nretry: 2000\n\n");
        timer = setInterval(() => {
          if ((controller.desiredSize ?? 0) > 0) put(controller, ":\n\n");
        }, beat);
        follow(controller, after);
      },
      pull(controller) {
        if (waiting.length > 0) put(controller, waiting.join(""));
        waiting = [];
        characters = 0;
        if (!behind) return;
        // What was passed over is taken from what the feed keeps, or told as a gap.
        behind = false;
        stop();
        follow(controller, last);
      },
      cancel: () => end(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }),
  );
}

type Controller = ReadableStreamDefaultController<Uint8Array>;

function textOf({ id, type, json }: FeedEntry): string {
  return `id: ${id}\nevent: ${type}\ndata: ${json}\n\n`;
}
