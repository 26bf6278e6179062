/** `/metrics` of the HTTP listener, for Prometheus. */
import type { Mount } from "../http/mount.ts";
import { contentType, exposition, type Family } from "./exposition.ts";

/** `families` is asked at each scrape. */
export function metricsMount(families: () => readonly Family[]): Mount {
  return {
    prefix: "/metrics",
    scope: "read",
    answer(request) {
      if (request.method !== "GET" && request.method !== "HEAD") return undefined;
      return new Response(exposition(families()), { headers: { "content-type": contentType } });
    },
  };
}
