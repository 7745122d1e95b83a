/** The page: one button, both voices, and what became of each interruption. */

import { connect, devices } from "./trioaudio.js";
import { Log, Transcript } from "./logs.js";
import { Waves } from "./waves.js";

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const NOTHING = {
  ...{ state: "idle", captured: 0, sent: 0, dropped: 0, received: 0, played: 0, discarded: 0, queued: 0, underruns: 0, underrun: 0 },
  ...{ prebuffer: 0, latency: 0, interruptions: 0, turn: 0, connections: 0, contextRate: 0, muted: false, call: "" },
};
/** Milliseconds in which a second press of the button is taken for the first: a double click must not hang up. */
const DOUBLE = 600;

/** @type {import("./trioaudio.js").Call | null} */
let call = null;
/** @type {import("./trioaudio.js").Stats | null} */
let last = null;
let startedAt = 0;
let holding = false;
let token = tokenOfAddress();

const waves = new Waves($("waves"));
const transcript = new Transcript($("transcript"));
const log = new Log($("events"));

globalThis.trioaudio = {
  stats: () => call?.stats() ?? last ?? NOTHING,
  get call() {
    return call;
  },
};

/** A token may come as `#token=...`, which browsers keep to themselves; it does not stay in the address. */
function tokenOfAddress() {
  const shown = new URLSearchParams(location.hash.slice(1)).get("token");
  if (shown) history.replaceState(null, "", location.pathname + location.search);
  return shown ?? undefined;
}

// ---- the call

function mode() {
  return /** @type {"open" | "push"} */ (document.body.dataset.mode);
}

function audio() {
  const deviceId = $("microphone").value;
  return {
    echoCancellation: $("echo").checked,
    noiseSuppression: $("noise").checked,
    autoGainControl: $("gain").checked,
    ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
  };
}

function start() {
  $("trouble").hidden = true;
  startedAt = performance.now();
  call = connect({ mode: mode(), audio: audio(), token, speaker: $("speaker").value || undefined });
  for (const [name, act] of Object.entries(ON)) call.addEventListener(name, (event) => act(/** @type {CustomEvent} */ (event).detail));
  log.begin();
  transcript.begin();
}

const ON = {
  state: ({ state, words }) => show(state, words),
  ready({ call: name, again }) {
    log.add(again ? "Connected again: a new call" : "Connected", name);
    fillDevices();
  },
  transcript: (line) => transcript.show(line),
  turn: ({ turn }) => log.add(`Agent speaks`, `turn ${turn}`),
  played: ({ turn, ms }) => log.add("Heard to the end", `turn ${turn}`, { heard: ms }),
  receipt(receipt) {
    log.receipt(receipt);
    transcript.interrupted();
  },
  muted: ({ on }) => {
    log.add(on ? "Microphone muted" : "Microphone open");
    drawMute(on);
  },
  underrun: ({ ms }) => log.add("The network was late", `${Math.round(ms)} ms of silence`, { kind: "bad" }),
  dropped: ({ ms }) => log.add("The network was too slow", `${Math.round(ms)} ms of the microphone dropped`, { kind: "bad" }),
  device: ({ label }) => label && log.add("Microphone", label),
  warning({ words }) {
    log.add("Trouble", words, { kind: "bad" });
    complain("Something does not work", words);
  },
  reconnecting: ({ words, in_ms }) => log.add("Connection lost", `${words} In ${(in_ms / 1000).toFixed(1)} s.`, { kind: "bad" }),
  closed({ words, error }) {
    last = call?.stats() ?? last;
    call = null;
    holding = false;
    log.add("Call ended", error?.code ?? words, { kind: error ? "bad" : "" });
    drawMute(false);
    if (error) complain(TITLES[error.code] ?? "It did not work", words, error.code);
    show(error ? "error" : "idle", error ? "Not connected" : words);
  },
};

const TITLES = {
  denied: "The microphone is blocked",
  "no-microphone": "There is no microphone",
  "busy-microphone": "The microphone is taken",
  insecure: "This address is not secure",
  token: "A token is needed",
  unreachable: "No connection",
  busy: "All lines are busy",
};

function complain(title, words, code = "") {
  $("trouble-title").textContent = title;
  $("trouble-words").textContent = words;
  $("token-form").hidden = code !== "token";
  $("trouble").dataset.code = code;
  $("trouble").hidden = false;
}

// ---- what is shown

function show(state, words) {
  document.body.dataset.state = state === "closed" ? "idle" : state;
  if (state !== "closed") $("state").textContent = words;
  draw();
}

function draw() {
  const state = document.body.dataset.state ?? "idle";
  const live = call?.live ?? false;
  const push = mode() === "push";
  const [words, hint] = live
    ? push
      ? [holding ? "Let go to send" : "Hold to talk", "Hold the button or the space bar while you speak. Escape stops the agent."]
      : ["Hang up", "Just speak, also to interrupt. M mutes, Escape stops the agent."]
    : call
      ? ["Cancel", state === "microphone" ? "Your browser asks whether this page may hear you." : "One moment …"]
      : ["Start talking", "Press, allow the microphone, and speak. To interrupt, just speak."];
  $("talk-words").textContent = words;
  $("hint").textContent = hint;
  $("hangup").hidden = !(push && live);
  document.body.classList.toggle("live", live);
  document.body.classList.toggle("calling", call !== null);
  document.body.classList.toggle("holding", holding);
  for (const control of [$("mute"), $("write").querySelector("button")]) control.setAttribute("aria-disabled", String(!live));
  $("stop").setAttribute("aria-disabled", String(state !== "speaking"));
}

function drawMute(on) {
  $("mute").setAttribute("aria-pressed", String(on));
  $("mute").querySelector("span").textContent = on ? "Unmute" : "Mute";
  document.body.classList.toggle("muted", on);
}

function drawFigures() {
  const { latency, prebuffer, underruns, interruptions, sent, played } = globalThis.trioaudio.stats();
  const shown = {
    Spoken: `${(sent / 1000).toFixed(1)} s`,
    Played: `${(played / 1000).toFixed(1)} s`,
    Latency: `${Math.round(latency)} ms`,
    "Kept back": `${Math.round(prebuffer)} ms`,
    Underruns: underruns,
    Interruptions: interruptions,
  };
  const rows = Object.entries(shown).map(([name, value]) => {
    const row = document.createElement("div");
    row.append(element("dt", name), element("dd", String(value)));
    return row;
  });
  $("figures").replaceChildren(...rows);
}

function element(name, words) {
  const made = document.createElement(name);
  made.textContent = words;
  return made;
}

function drawLevel() {
  const level = call?.level ?? 0;
  const shown = Math.round(100 * Math.min(1, level ** 0.5));
  $("level").setAttribute("aria-valuenow", String(shown));
  $("level").style.setProperty("--level", String(shown / 100));
  $("talk").style.setProperty("--level", String(shown / 100));
}

async function fillDevices() {
  const { microphones, speakers, canChooseSpeaker } = await devices();
  $("speaker-label").hidden = !canChooseSpeaker;
  for (const [select, found] of [[$("microphone"), microphones], [$("speaker"), speakers]]) {
    const chosen = select.value;
    const named = found.filter((device) => device.label && device.deviceId !== "default");
    select.replaceChildren(new Option("Default", ""), ...named.map((device) => new Option(device.label, device.deviceId)));
    select.value = named.some((device) => device.deviceId === chosen) ? chosen : "";
  }
}

// ---- what is pressed

function pressed() {
  if (!call) start();
  else if (performance.now() - startedAt > DOUBLE && !(mode() === "push" && document.body.classList.contains("live"))) call.close();
}

function hold() {
  if (holding || mode() !== "push" || !document.body.classList.contains("live")) return;
  holding = true;
  call?.talk();
  draw();
}

function release() {
  if (!holding) return;
  holding = false;
  call?.commit();
  draw();
}

function able(control) {
  return control.getAttribute("aria-disabled") !== "true";
}

function listen() {
  $("talk").addEventListener("click", pressed);
  $("talk").addEventListener("pointerdown", (event) => event.button === 0 && hold());
  addEventListener("pointerup", release);
  addEventListener("pointercancel", release);
  addEventListener("blur", release);
  $("mute").addEventListener("click", () => able($("mute")) && call?.mute(!call.muted));
  $("stop").addEventListener("click", () => able($("stop")) && call?.interrupt());
  $("hangup").addEventListener("click", () => call?.close());
  addEventListener("keydown", keyDown);
  addEventListener("keyup", (event) => (event.key === " " || event.key === "Enter") && release());
  $("write").addEventListener("submit", send);
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    token = $("token").value;
    start();
  });
  for (const input of document.querySelectorAll("input[name=mode]")) input.addEventListener("change", choose);
  $("microphone").addEventListener("change", () => call?.useMicrophone($("microphone").value).catch(trouble));
  $("speaker").addEventListener("change", () => call?.useSpeaker($("speaker").value).catch(trouble));
  for (const id of ["echo", "noise", "gain"]) $(id).addEventListener("change", () => call?.setAudio(audio()).catch(trouble));
  navigator.mediaDevices?.addEventListener("devicechange", fillDevices);
}

function trouble(error) {
  ON.warning({ words: error.message });
}

/** @param {KeyboardEvent} event */
function keyDown(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const writing = target.matches("input[type=text], input[type=password], select");
  if (event.key === "Escape" && able($("stop"))) call?.interrupt();
  if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.toLowerCase() === "m" && able($("mute")) && !event.repeat) call?.mute(!call.muted);
  const talks = target === $("talk") ? event.key === " " || event.key === "Enter" : event.key === " " && target === document.body;
  if (talks && mode() === "push" && document.body.classList.contains("live")) {
    event.preventDefault();
    hold();
  }
}

/** @param {SubmitEvent} event */
function send(event) {
  event.preventDefault();
  const words = $("text").value.trim();
  if (!words || !able($("write").querySelector("button"))) return;
  call?.sendText(words);
  transcript.show({ who: "caller", id: `written ${performance.now()}`, text: words, final: true });
  $("text").value = "";
}

/** @param {Event} event */
function choose(event) {
  document.body.dataset.mode = /** @type {HTMLInputElement} */ (event.target).value;
  keep();
  release();
  call?.setMode(mode());
  draw();
}

// ---- what is kept until the next time

function keep() {
  try {
    localStorage.setItem("trioaudio.mode", mode());
  } catch {
    // a browser may forbid it
  }
}

function recall() {
  try {
    document.body.dataset.mode = localStorage.getItem("trioaudio.mode") === "push" ? "push" : "open";
  } catch {
    return;
  }
  /** @type {HTMLInputElement} */ (document.querySelector(`input[value=${mode()}]`)).checked = true;
}

recall();
listen();
fillDevices();
draw();
drawFigures();
setInterval(drawFigures, 250);
waves.run(
  () => call?.analysers,
  () => !call?.muted && (mode() === "open" || holding),
  drawLevel,
);
document.body.dataset.loaded = "true";
