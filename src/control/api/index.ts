/** The HTTP API below `/v1/`: its operations as a part of the listener. */
import type { Log } from "../../log.ts";
import type { LogTail } from "../../log-tail.ts";
import type { AccountsControl } from "../accounts.ts";
import type { CaptureControl } from "../capture/capture.ts";
import type { Feed } from "../feed.ts";
import type { History } from "../history.ts";
import type { Asking, Mount } from "../http/mount.ts";
import type { Lifecycle } from "../lifecycle.ts";
import type { OperatorControl } from "../operator.ts";
import type { QualityControl } from "../quality.ts";
import type { RecordsControl } from "../records.ts";
import type { Control } from "../status.ts";
import { openApiDocument } from "./openapi.ts";
import { type Operation, operation } from "./operation.ts";
import { accountOperations } from "./operations/accounts.ts";
import { callOperations } from "./operations/calls.ts";
import { eventOperations } from "./operations/events.ts";
import { recordingOperations } from "./operations/recordings.ts";
import { routeOperations } from "./operations/routes.ts";
import { serverOperations } from "./operations/server.ts";
import { textOperations } from "./operations/texts.ts";
import { watchingOperations } from "./operations/watching.ts";
import { Router } from "./router.ts";

/** What the API asks. Whoever adds to it adds here what it needs of the server. */
export interface ApiParts {
  readonly server: {
    readonly control: Control;
    readonly accounts: AccountsControl;
    readonly feed: Feed;
    readonly operator: OperatorControl;
    readonly keeping: RecordsControl & { readonly quality: QualityControl; readonly capture: CaptureControl };
  };
  readonly lifecycle: Lifecycle;
  readonly log: Log;
  /** Its last lines. */
  readonly logs: LogTail;
  readonly history: History;
}

const tags: Readonly<Record<string, string>> = {
  server: "How the server stands; its configuration and its end.",
  events: "What happens, as it happens.",
  calls: "The calls that handlers have: watched, placed, told what to do.",
  accounts: "Who may register and call.",
  registrations: "Who is registered, and from where; our own accounts elsewhere.",
  routes: "What happens to requests.",
  recordings: "What was recorded.",
  messages: "Texts outside of calls.",
  bans: "Addresses that are not answered.",
  records: "Calls that are over.",
  capture: "Messages as they passed.",
};

/** Every operation, in the order of the document. Further parts add theirs here. */
export function apiOperations(parts: ApiParts): readonly Operation[] {
  return [
    ...serverOperations(parts),
    ...eventOperations(parts),
    ...callOperations(parts),
    ...accountOperations(parts),
    ...routeOperations(parts),
    ...recordingOperations(parts),
    ...textOperations(parts),
    ...watchingOperations(parts),
  ];
}

export function apiMount(parts: ApiParts): Mount {
  const operations = apiOperations(parts);
  // The document describes its own address, too.
  const all: Operation[] = [
    ...operations,
    operation({
      id: "getOpenApi",
      tag: "server",
      method: "GET",
      path: "/v1/openapi.json",
      summary: "This document.",
      scopes: [],
      answers: { 200: { doc: "An OpenAPI 3.1 document.", content: "application/json" } },
      problems: [],
      run: () => new Response(document(), { headers: { "Content-Type": "application/json" } }),
    }),
  ];
  let made: string | undefined;
  const document = () => {
    made ??= JSON.stringify(openApiDocument(all, tags));
    return made;
  };
  const router = new Router(all);
  return {
    prefix: "/v1/",
    scope: undefined,
    async answer(request, url, asking) {
      const answered = await router.answer(request, url, asking);
      if (answered !== undefined && changing.has(request.method))
        noted(parts.log, request.method, url, asking, answered);
      return answered;
    },
  };
}

const changing: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);
/** What is logged of a path. */
const longestPath = 200;

/** Who changed what, for those who ask later. */
function noted(log: Log, method: string, url: URL, { key, address }: Asking, { status }: Response): void {
  const what = `${method} ${url.pathname.slice(0, longestPath)}`;
  log.info("asked over HTTP", { what, key: key ?? "none", source: address, status });
}
