/** Why calls end and registrations fail, in words that say what to do. */

const byStatus: Readonly<Record<number, string>> = {
  401: "the password was not accepted",
  403: "the server does not allow it",
  404: "nobody has this address",
  407: "the password was not accepted",
  408: "nobody answered in time",
  410: "this address is no more",
  429: "too many requests; try again later",
  480: "not available now",
  484: "the number is incomplete",
  486: "busy",
  487: "called off",
  488: "the two sides have no codec in common",
  500: "the server had a fault",
  501: "the server cannot do that",
  503: "the server is overloaded or shutting down; try again later",
  504: "somebody further on did not answer in time",
  600: "busy everywhere",
  603: "declined",
  604: "nobody has this address",
  606: "the two sides have no codec in common",
};

const byCause: Readonly<Record<string, string>> = {
  "Connection Error": "the connection to the server was lost",
  "Request Timeout": "the server did not answer",
  "Internal Error": "the browser could not do it",
  Busy: "busy",
  Rejected: "declined",
  Redirected: "it has moved, and the page does not follow",
  Unavailable: "not available now",
  "Not Found": "nobody has this address",
  "Address Incomplete": "the number is incomplete",
  "Incompatible SDP": "the two sides have no codec in common",
  "Authentication Error": "a password is needed; register first, or the password was wrong",
  "Dialog Error": "the server knows this call no more",
  "WebRTC Error": "the browser and the server could not agree on the sound",
  "No Answer": "nobody answered",
  "No ACK": "the other side confirmed nothing",
  Expires: "nobody answered in time",
  "RTP Timeout": "nothing was heard for too long",
  "User Denied Media Access": "the microphone was not allowed",
  "Bad Media Description": "the two sides could not agree on the sound",
};

/** `cause`: JsSIP's own; `status`: the SIP response's, where there was one. */
export function reasonOf(cause: string, status: number | undefined): string {
  const words = (status === undefined ? undefined : byStatus[status]) ?? byCause[cause] ?? cause;
  return status === undefined || status < 300 ? words : `${words} (${status})`;
}

/** How a call that was up, or was called off, ended; `""`: as calls do. */
export function endOf(cause: string): string {
  return cause === "Terminated" || cause === "BYE" || cause === "Canceled" ? "" : reasonOf(cause, undefined);
}
