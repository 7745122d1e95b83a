/** What people are told when something does not work: what it is, and what they can do. */

/** An error with a `code` for programs and a `message` for people. */
export class CallError extends Error {
  /**
   * @param {string} code
   * @param {string} words
   * @param {unknown} [cause]
   */
  constructor(code, words, cause) {
    super(words, { cause });
    this.name = "CallError";
    this.code = code;
  }
}

export const UNREACHABLE = "The server cannot be reached, or takes no calls from this page. Is it running?";

/** By the name of the error that the browser gives. */
const MICROPHONE = {
  NotAllowedError: [
    "denied",
    "This page may not use the microphone. Click the icon beside the address above, allow the microphone, and press the button " +
      "again. If it is allowed there, look into your system's privacy settings: they may forbid it to the browser.",
  ],
  NotFoundError: ["no-microphone", "No microphone was found. Plug one in, or switch on your headset, and press the button again."],
  NotReadableError: [
    "busy-microphone",
    "The microphone is there but could not be opened. Another program may be using it: close that one, or plug the microphone in " +
      "again, and press the button once more.",
  ],
  OverconstrainedError: [
    "unfit-microphone",
    "The microphone that was chosen is gone, or cannot do what is asked of it. Choose another one in the settings.",
  ],
  SecurityError: ["forbidden", "This page may not use the microphone: whoever made it, or embeds it in theirs, has to allow that."],
  AbortError: ["aborted", "The microphone stopped before it could be used. Press the button again."],
};

/** By the code of the error that the server gives, where ours are kinder than its own. */
const SERVER = {
  hello: "This page and the server do not understand each other. Load the page again; it may be out of date.",
  token: "The server asks for a token, and this is not the right one. Ask whoever runs it.",
  late: "It took too long to reach the server. Press the button again.",
  busy: "All lines are busy at the moment. Try again in a little while.",
  declined: "The server does not take this call.",
  unavailable: "Nobody can answer at the moment. Try again in a little while.",
  protocol: "The server did not understand this page and ended the call. Load the page again; it may be out of date.",
};

const GOODBYES = {
  "hung up": "The other side hung up.",
  busy: SERVER.busy,
  declined: SERVER.declined,
  unavailable: SERVER.unavailable,
  "going away": "The server is going away.",
};

/**
 * What a browser must have for a call, or the error that says what it lacks.
 * @returns {CallError | null}
 */
export function lacking() {
  if (!globalThis.isSecureContext) {
    return new CallError(
      "insecure",
      `Browsers give pages the microphone only over https, or on the machine itself. This one came from ${location.origin}: ` +
        "open it at http://localhost, or at an address that begins with https.",
    );
  }
  if (!navigator.mediaDevices?.getUserMedia || !globalThis.AudioWorkletNode || !globalThis.WebSocket) {
    return new CallError("unsupported", "This browser cannot make calls: it has no microphone for pages, or no audio worklets.");
  }
  return null;
}

/**
 * @param {unknown} error what opening a microphone has thrown
 * @returns {CallError}
 */
export function microphoneError(error) {
  if (error instanceof CallError) return error;
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  const [code, words] = MICROPHONE[name] ?? ["audio", `The sound could not be set up (${error}). Press the button again.`];
  return new CallError(code, words, error);
}

/**
 * @param {string} code of the server's message
 * @param {string} [words] its own
 */
export function serverError(code, words) {
  return new CallError(code, SERVER[code] ?? words ?? "The server ended the call.");
}

/** @param {string} reason */
export function goodbye(reason) {
  return GOODBYES[reason] ?? "The call is over.";
}
