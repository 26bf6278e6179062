/** What `siproc calls` and `siproc trace` ask for over the socket: records, messages as they pass, and capture files. */
import type { CaptureControl, CaptureFilter } from "./capture/capture.ts";
import { ndjson } from "./ndjson.ts";
import type { QualityControl } from "./quality.ts";
import { matchesQuery, type RecordQuery, type RecordsControl } from "./records.ts";

/** What a server keeps of its calls. */
export interface KeepingControl extends RecordsControl {
  readonly quality: QualityControl;
  readonly capture: CaptureControl;
}

/** Undefined: this is about something else. */
export async function answerKeeping(method: string, url: URL, keeping: KeepingControl): Promise<Response | undefined> {
  const { capture, quality } = keeping;
  const { pathname, searchParams: query } = url;
  const follow = query.has("follow");
  switch (`${method} ${pathname}`) {
    case "GET /calls": {
      const wanted = readQuery(query);
      if (!follow) return Response.json(await keeping.records(wanted));
      return ndjson((tell) => keeping.onRecord((record) => void (matchesQuery(record, wanted) && tell(record))));
    }
    case "GET /quality": {
      const found = quality.quality(query.get("call") ?? "");
      return found === undefined ? undefined : Response.json(found);
    }
    case "GET /trace": {
      const filter = readFilter(query);
      const after = numberOf(query, "after");
      if (!follow) return Response.json(capture.messages(filter, { after, limit: numberOf(query, "limit") }));
      return ndjson((tell) => {
        let last = after;
        // What is kept first, if that was asked for; then what comes.
        if (last !== undefined)
          for (const message of capture.messages(filter, { after: last })) {
            last = message.id;
            tell(message);
          }
        return capture.follow(filter, (message) => message.id > (last ?? 0) && tell(message));
      });
    }
    case "GET /capture":
      return Response.json(capture.captureState());
    case "GET /pcap":
      return new Response(await capture.pcap(readFilter(query)), {
        headers: { "content-type": "application/vnd.tcpdump.pcap" },
      });
    default:
      return undefined;
  }
}

/** What a search for records says in a URL. */
export function readQuery(query: URLSearchParams): RecordQuery {
  const answered = query.get("answered");
  return {
    limit: numberOf(query, "limit"),
    before: numberOf(query, "before"),
    from: numberOf(query, "from"),
    until: numberOf(query, "until"),
    user: query.get("user") ?? undefined,
    callId: query.get("call_id") ?? undefined,
    answered: answered === null ? undefined : answered === "true",
    status: numberOf(query, "status"),
    handler: query.get("handler") ?? undefined,
    mosBelow: numberOf(query, "mos_below"),
  };
}

/** Which messages a URL asks for. */
export function readFilter(query: URLSearchParams): CaptureFilter {
  return {
    callId: query.get("call_id") ?? undefined,
    user: query.get("user") ?? undefined,
    method: query.get("method")?.toUpperCase(),
    host: query.get("host") ?? undefined,
  };
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  const number = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}
