/** Outbound proxies and service routes, loose and strict: what stands in the Request-URI and in Route, and who is asked first. */
import { describe, expect, test } from "bun:test";
import { preloadedRoute, type RouteOptions } from "../../src/agent/preloaded-route.ts";
import { isSipUri, parseUri } from "../../src/sip/uri.ts";

const target = "sip:bob@example.com;user=phone";

function route(options: RouteOptions) {
  const uri = parseUri(target);
  if (uri === undefined || !isSipUri(uri)) throw new TypeError(target);
  const found = preloadedRoute(target, uri, options);
  return "failure" in found
    ? found
    : { uri: found.requestUri, routes: found.headers.map(([, value]) => value), next: found.nextHop.host };
}

describe("the way of a first request", () => {
  test.each<[string, RouteOptions, { uri: string; routes: string[]; next: string }]>([
    ["straight to whom it is for", {}, { uri: target, routes: [], next: "example.com" }],
    ["to a next hop that is no router", { proxy: "sip:edge" }, { uri: target, routes: [], next: "edge" }],
    ["by a loose router", { proxy: "sip:edge;lr" }, { uri: target, routes: ["<sip:edge;lr>"], next: "edge" }],
    [
      "by a strict router",
      { proxy: "sip:edge", strictRoute: true },
      { uri: "sip:edge", routes: [`<${target}>`], next: "edge" },
    ],
    [
      "by a strict router, though it says lr",
      { proxy: "sip:edge;lr", strictRoute: true },
      { uri: "sip:edge;lr", routes: [`<${target}>`], next: "edge" },
    ],
    [
      "as the registrar wants it",
      { service: ["<sip:home;lr>", "<sip:apps;lr>"] },
      { uri: target, routes: ["<sip:home;lr>", "<sip:apps;lr>"], next: "home" },
    ],
    [
      "as a registrar wants it that is a strict router",
      { service: ["<sip:home>", "<sip:apps;lr>"] },
      { uri: "sip:home", routes: ["<sip:apps;lr>", `<${target}>`], next: "home" },
    ],
    [
      "by the proxy, then as the registrar wants it",
      { proxy: "sip:edge;lr", service: ["<sip:home;lr>"] },
      { uri: target, routes: ["<sip:edge;lr>", "<sip:home;lr>"], next: "edge" },
    ],
    [
      "by a proxy that the registrar names as well",
      { proxy: "sip:edge:5060;lr", service: ["<sip:EDGE;lr>"] },
      { uri: target, routes: ["<sip:EDGE;lr>"], next: "edge" },
    ],
  ])("%s", (_, options, expected) => expect(route(options)).toEqual(expected));

  test.each<[string, RouteOptions]>([
    ["a proxy that is no SIP URI", { proxy: "tel:123" }],
    ["a service route that is none", { service: ["<mailto:a@b.example>"] }],
  ])("%s is refused", (_, options) => expect(route(options)).toHaveProperty("failure"));
});
