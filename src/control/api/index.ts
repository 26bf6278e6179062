/** The HTTP API below `/v1/`: its operations as a part of the listener. */
import type { Log } from "../../log.ts";
import type { LogTail } from "../../log-tail.ts";
import type { AccountsControl } from "../accounts.ts";
import type { Feed } from "../feed.ts";
import type { Mount } from "../http/mount.ts";
import type { Lifecycle } from "../lifecycle.ts";
import type { ControlSettings } from "../settings.ts";
import type { Control } from "../status.ts";

/** What the API asks. Whoever adds to it adds here what it needs of the server. */
export interface ApiParts {
  readonly server: { readonly control: Control; readonly accounts: AccountsControl; readonly feed: Feed };
  readonly lifecycle: Lifecycle;
  readonly settings: ControlSettings;
  readonly log: Log;
  /** Its last lines. */
  readonly logs: LogTail;
}

export function apiMount({ server }: ApiParts): Mount {
  return {
    prefix: "/v1/",
    scope: "read",
    answer: (_, url) => (url.pathname === "/v1/status" ? Response.json(server.control.status()) : undefined),
  };
}
