/** Whether an HTTP listener is reached by nobody but this machine. */
import { isLoopback } from "../../ip.ts";

export function isPrivate({ listen }: { readonly listen: readonly { readonly host: string }[] }): boolean {
  return listen.every(({ host }) => isLoopback(host));
}
