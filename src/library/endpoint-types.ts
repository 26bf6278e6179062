/** What programs say to an endpoint, and what an endpoint calls. */
import type { Request } from "../sip/message.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ContextOptions, EndpointAddress, EndpointCallback, EndpointContext } from "./endpoint-context.ts";
import type { HeaderOptions } from "./settings.ts";

/**
 * The layer above an endpoint: gets each request that is not a response's business.
 *
 * @example
 * const app: Application = (endpoint, ctx, request) => {
 *   if (request.method === "OPTIONS") endpoint.newResponse(ctx, { request, status: 200 });
 * };
 */
export type Application =
  | ((endpoint: Endpoint, ctx: EndpointContext, request: Request, leg: EndpointAddress, from: EndpointAddress) => void)
  | {
      receive: (
        endpoint: Endpoint,
        ctx: EndpointContext,
        request: Request,
        leg: EndpointAddress,
        from: EndpointAddress,
      ) => void;
    };

/**
 * What a request carries.
 *
 * @example
 * const options: EndpointRequestOptions = { headers: { Event: "presence" }, body: "…", callback: () => {} };
 */
export interface EndpointRequestOptions {
  /** From now on the context's. */
  readonly callback?: EndpointCallback | undefined;
  readonly body?: string | Uint8Array | undefined;
  readonly headers?: HeaderOptions | undefined;
  /** The Request-URI of a request outside of a dialog, where it is not whom the context talks to. */
  readonly uri?: string | undefined;
}

/**
 * A response to a request that came in.
 *
 * @example
 * const busy = (request: Request): EndpointResponse => ({ request, status: 486, reason: "Not Now" });
 */
export interface EndpointResponse {
  readonly request: Request;
  readonly status: number;
  readonly reason?: string | undefined;
  readonly headers?: HeaderOptions | undefined;
  readonly body?: string | Uint8Array | undefined;
}

/**
 * Where and as whom an endpoint registers.
 *
 * @example
 * const options: EndpointRegistration = { registrar: "sip:192.0.2.1", from: "sip:me@example.com" };
 */
export interface EndpointRegistration extends Omit<ContextOptions, "to" | "from"> {
  readonly registrar: string;
  readonly from: string;
  /** Seconds; 900 by default. */
  readonly expires?: number | undefined;
  readonly callback?: EndpointCallback | undefined;
  readonly headers?: HeaderOptions | undefined;
}
