/** TURN servers and their credentials, as siproc gives them: with the answer to a registration, or by HTTP where anybody gets them. */

export interface IceServer {
  readonly urls: string | string[];
  readonly username: string;
  readonly credential: string;
}
export type IceServers = readonly IceServer[];

/** The values of Ice-Server in a 200 to REGISTER; undefined for any other message. */
export function iceServersIn(message: string): IceServers | undefined {
  const head = message.split("\r\n\r\n", 1)[0] ?? "";
  if (!head.startsWith("SIP/2.0 200 ") || !/^CSeq:\s*\d+\s+REGISTER\s*$/im.test(head)) return undefined;
  return [...head.matchAll(/^Ice-Server: <(turns?:[^>\s]+)>;username="([^"]*)";credential="([^"]*)"\s*$/gim)].map(
    ([, urls = "", username = "", credential = ""]) => ({ urls, username, credential }),
  );
}

/** Fetches those that anybody gets; none where that fails: a call may do without. */
export async function fetchIceServers(url: string): Promise<IceServers> {
  try {
    const answer = await fetch(url, { credentials: "omit", signal: AbortSignal.timeout(3000) });
    const given: unknown = await answer.json();
    if (typeof given !== "object" || given === null) return [];
    const [urls, username, credential] = ["urls", "username", "credential"].map((key): unknown =>
      Reflect.get(given, key),
    );
    if (!Array.isArray(urls) || typeof username !== "string" || typeof credential !== "string") return [];
    return [{ urls: urls.map(String), username, credential }];
  } catch {
    return [];
  }
}

/** Lets `seen` see what a socket of JsSIP receives, before JsSIP does: it tells of registrations, not of their renewals. */
export function watchMessages(socket: { ondata(data: string): void }, seen: (message: string) => void): void {
  let handle = socket.ondata;
  Object.defineProperty(socket, "ondata", {
    get: () => (data: unknown) => {
      if (typeof data === "string") seen(data);
      handle.call(socket, String(data));
    },
    set: (next: typeof handle) => {
      handle = next;
    },
  });
}
