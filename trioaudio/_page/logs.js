/** What is written down of a call: who said what, and what happened when. */

/** Lines that are kept in each. */
const MOST = 300;

/** @param {HTMLElement} list */
function append(list, item) {
  const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(item);
  while (list.childElementCount > MOST) list.firstElementChild?.remove();
  if (follows) list.scrollTop = list.scrollHeight;
}

function element(name, className, words = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = words;
  return made;
}

export class Transcript {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    /** @type {Map<string, HTMLElement>} */
    this.lines = new Map();
  }

  begin() {
    this.lines.clear();
    this.list.replaceChildren();
  }

  /** @param {{who: string, id: string, text: string, final: boolean}} line */
  show({ who, id, text, final }) {
    const key = `${who} ${id}`;
    let line = this.lines.get(key);
    if (!line) {
      line = element("li", who);
      line.append(element("b", "hidden", who === "agent" ? "Agent: " : "You: "), element("span", ""));
      this.lines.set(key, line);
      append(this.list, line);
    }
    /** @type {HTMLElement} */ (line.lastElementChild).textContent = text;
    line.classList.toggle("partial", !final);
    if (line === this.list.lastElementChild) this.list.scrollTop = this.list.scrollHeight;
  }

  /** The agent was interrupted amid its last line. */
  interrupted() {
    const lines = this.list.querySelectorAll(".agent");
    lines[lines.length - 1]?.classList.add("cut");
  }
}

export class Log {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    this.begin();
  }

  begin() {
    this.since = performance.now();
    this.list.replaceChildren();
  }

  /** @param {{kind?: string, heard?: number}} [more] */
  add(words, details = "", { kind = "", heard = 0 } = {}) {
    const item = element("li", kind);
    const seconds = Math.floor((performance.now() - this.since) / 1000);
    const time = element("time", "", `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
    const heardWords = heard ? `${whole(heard)} ms${details ? " · " : ""}` : "";
    item.append(time, element("b", "", words), element("span", "", heardWords + details));
    append(this.list, item);
    return item;
  }

  /** What became of a turn that was interrupted: how much was heard, how much was not. */
  receipt({ turn, heard_ms, dropped_ms, latency_ms, evidence }) {
    const estimated = evidence === "estimated" ? " (estimated)" : "";
    const item = this.add("Interrupted", `turn ${turn}`, { kind: "receipt" });
    const all = heard_ms + dropped_ms || 1;
    const bar = element("div", "share");
    const part = element("i", "");
    part.style.setProperty("--share", String(heard_ms / all));
    bar.append(part);
    const figures = element("dl", "");
    for (const [name, value, more] of [
      ["heard", heard_ms, estimated],
      ["dropped", dropped_ms, ""],
      ["latency", latency_ms, ""],
    ]) {
      const row = element("div", String(name));
      row.append(element("dt", "", String(name)), element("dd", "", `${whole(Number(value))} ms${more}`));
      figures.append(row);
    }
    item.append(bar, figures);
    this.list.scrollTop = this.list.scrollHeight;
  }
}

function whole(/** @type {number} */ ms) {
  return Math.round(ms).toLocaleString("en");
}
