/** The registrar's door: the location service, the receivers that keep and tell it, and the targets that it gives proxies. */
export { aorOf, type DomainOf, servedDomains } from "./aor.ts";
export { Binding, type FlowRef } from "./binding.ts";
export type { RegistrarLimits } from "./contacts.ts";
export { Gruus, publicGruu } from "./gruu.ts";
export { KeepAlive } from "./keep-alive.ts";
export { Location, type LocationOptions, type RegistrationEvent } from "./location.ts";
export { absence, type RedirectOptions, redirect } from "./redirect.ts";
export { domainMeant, type RegistrarOptions, registrar } from "./registrar.ts";
export { type FlowFinder, type Located, type LocateOptions, locate, targetsOf } from "./targets.ts";
