/** The ear and the voice of a phone in a page: a tone instead of a microphone, and what is strongest in what comes in. */
const context = new AudioContext();

/** A stream that holds a sine of `hertz` at −10 dBFS. */
export function voice(hertz) {
  const oscillator = new OscillatorNode(context, { frequency: hertz });
  const volume = new GainNode(context, { gain: 0.316 });
  const out = new MediaStreamAudioDestinationNode(context);
  oscillator.connect(volume).connect(out);
  oscillator.start();
  return out.stream;
}

/** A video track that shows nothing. */
export function picture() {
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, canvas.width, canvas.height);
  return canvas.captureStream(5).getVideoTracks()[0];
}

let analyser;

/** Listens to what a peer connection receives from now on. */
export function hearFrom(connection) {
  const take = (track) => {
    if (track?.kind !== "audio") return;
    const stream = new MediaStream([track]);
    // Chromium decodes only what an element plays.
    const element = new Audio();
    element.srcObject = stream;
    element.muted = true;
    void element.play();
    analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
    new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(analyser);
  };
  connection.addEventListener("track", ({ track }) => take(track));
  for (const receiver of connection.getReceivers()) take(receiver.track);
}

/** The strongest frequency in Hz of the last 85 ms; 0 while it is silent. */
export function heard() {
  if (analyser === undefined) return 0;
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const at = levels.reduce((best, level, n) => (level > levels[best] ? n : best), 0);
  return levels[at] < -50 ? 0 : (at * context.sampleRate) / analyser.fftSize;
}

/** Presses keys as telephone-events, as soon as the connection takes them. */
export async function press(connection, keys) {
  const { dtmf } = connection.getSenders().find((sender) => sender.dtmf);
  while (!dtmf.canInsertDTMF) await new Promise((resolve) => setTimeout(resolve, 10));
  dtmf.insertDTMF(keys);
}

/** The round trip in seconds, by RTCP; undefined before there was any. */
export async function roundTrip(connection) {
  for (const report of (await connection.getStats()).values())
    if (report.type === "remote-inbound-rtp") return report.roundTripTime;
}

/** What the connection says that it received. */
export async function statistics(connection) {
  for (const report of (await connection.getStats()).values())
    if (report.type === "inbound-rtp" && report.kind === "audio")
      return {
        received: report.packetsReceived,
        lost: report.packetsLost,
        jitter: report.jitter,
        energy: report.totalAudioEnergy,
        concealed: report.concealedSamples / report.totalSamplesReceived,
      };
  return { received: 0, lost: 0, jitter: 0, energy: 0, concealed: 0 };
}
