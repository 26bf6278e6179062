/** The microphone, or why there is none and what to do about it; other devices for sound. */

export type Voice = { readonly stream: MediaStream } | { readonly problem: string };

/** `securePort`: where this page is to be had by https, if it is. */
export async function openMicrophone(device: string, securePort: string | null): Promise<Voice> {
  // Browsers hide the whole interface from pages that are not secure.
  if (!window.isSecureContext || navigator.mediaDevices === undefined) return { problem: insecure(securePort) };
  const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  try {
    const exact = device === "" ? {} : { deviceId: { exact: device } };
    return { stream: await navigator.mediaDevices.getUserMedia({ audio: { ...wanted, ...exact } }) };
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    // The one that was chosen may be unplugged.
    if (name === "OverconstrainedError" && device !== "") return openMicrophone("", securePort);
    return { problem: problemOf(name) };
  }
}

function insecure(securePort: string | null): string {
  const here = `${location.hostname}${securePort === null ? "" : `:${securePort}`}`;
  const elsewhere =
    securePort === null
      ? "Serve it by https (a wss:// address under listen), or open it on the server's own machine as http://localhost."
      : `Open https://${here}/ instead; where its certificate is self-signed, the browser asks first.`;
  return `The browser gives no microphone to this page, because it came over plain http from another machine. ${elsewhere}`;
}

function problemOf(name: string): string {
  switch (name) {
    case "NotAllowedError":
      return "The microphone was not allowed. Allow it beside the address at the top of the window, and call again.";
    case "NotFoundError":
      return "The browser finds no microphone. Plug one in, and call again.";
    case "NotReadableError":
      return "Another program holds the microphone. Close it, and call again.";
    default:
      return `The microphone cannot be used${name === "" ? "" : ` (${name})`}.`;
  }
}

/** A voice that says nothing, for who only listens and presses keys. */
export function silence(): MediaStream {
  const context = soundContext();
  const out = new MediaStreamAudioDestinationNode(context);
  // Keys travel between frames of sound, and without a source there are none.
  const nothing = new ConstantSourceNode(context, { offset: 0 });
  nothing.connect(out);
  nothing.start();
  return out.stream;
}

let context: AudioContext | undefined;

/** The page's one context of sound, made when it is first needed. */
export function soundContext(): AudioContext {
  context ??= new AudioContext();
  if (context.state === "suspended") void context.resume();
  return context;
}

/** Microphones or loudspeakers; unnamed until the microphone was allowed once. */
export async function devices(kind: "audioinput" | "audiooutput"): Promise<{ id: string; label: string }[]> {
  if (navigator.mediaDevices === undefined) return [];
  const all = await navigator.mediaDevices.enumerateDevices();
  return all
    .filter((device) => device.kind === kind && device.deviceId !== "")
    .map(({ deviceId, label }, i) => ({ id: deviceId, label: label || `${i + 1}` }));
}
