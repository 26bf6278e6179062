/** The addresses of the HTTP API that the console asks; docs/api.md has them all. */
import { withQuery } from "./api.ts";

const part = encodeURIComponent;

export const paths = {
  document: "/v1/openapi.json",
  events: "/v1/events",
  status: "/v1/status",
  history: (seconds: number) => withQuery("/v1/history", { seconds }),
  calls: "/v1/calls",
  call: (id: string) => `/v1/calls/${part(id)}`,
  commands: (id: string) => `/v1/calls/${part(id)}/commands`,
  quality: (id: string) => `/v1/calls/${part(id)}/quality`,
  relays: "/v1/relays",
  records: (query: Readonly<Record<string, string | number | boolean | undefined>>) => withQuery("/v1/records", query),
  capture: (query: { callId?: string; after?: number; limit?: number }) => withQuery("/v1/capture", query),
  pcap: (callId: string) => withQuery("/v1/capture.pcap", { callId }),
  bindings: "/v1/bindings",
  trunks: "/v1/trunks",
  accounts: "/v1/accounts",
  account: (user: string, domain: string | undefined) => withQuery(`/v1/accounts/${part(user)}`, { domain }),
  routes: "/v1/routes",
  dryRun: "/v1/routes/test",
  bans: "/v1/bans",
  ban: (source: string) => `/v1/bans/${part(source)}`,
  recordings: "/v1/recordings",
  recording: (name: string) => `/v1/recordings/${part(name)}`,
  log: (query: Readonly<Record<string, string | number | undefined>>) => withQuery("/v1/log", query),
  reload: "/v1/config/reload",
} as const;
