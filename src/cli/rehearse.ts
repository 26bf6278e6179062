/** Whether a server that has just started rehearses (see docs/operations.md): unless the environment says no. */
export function rehearses(environment: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return environment.SIPROC_REHEARSE !== "0";
}
