/** Which siproc the elements speak to: the one that the script came from, unless they name another. */

/** Known only while the script runs for the first time. */
const source = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : location.href;

export interface ServerAddress {
  /** `ws://…` or `wss://…` */
  readonly url: string;
  /** The host without the port, as a URI has it. */
  readonly host: string;
}

/** `named`: the attribute `server`, such as `wss://pbx.example.com:8443`. */
export function serverAddress(named: string | null): ServerAddress {
  const url = new URL(named === null || named === "" ? source : named);
  const secure = url.protocol === "https:" || url.protocol === "wss:";
  return { url: `${secure ? "wss" : "ws"}://${url.host}`, host: url.hostname };
}

/** `named`: the attribute `turn`, such as `/turn.json`, at the server of `wss://host:port`. */
export function turnAddress(named: string | null, server: string): string | undefined {
  return named === null || named === "" ? undefined : new URL(named, server.replace(/^ws/, "http")).href;
}
