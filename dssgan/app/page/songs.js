// The list of songs, with what each of them is doing.
import { drawWaveform } from "./canvas.js";
import { button, clock, make } from "./elements.js";
import { readWaveform } from "./server.js";

const STATES = { queued: "waits", separating: "is being separated", done: "is separated", failed: "failed", cancelled: "was cancelled" };

class Item {
  constructor(song, acts) {
    this.name = make("h3");
    this.about = make("p", { class: "about" });
    this.bar = make("progress", { max: 1, value: 0 });
    this.progress = make("div", { class: "progress" }, this.bar);
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.open = button("Open", () => acts.open(this.song));
    this.cancel = button("Cancel", () => acts.cancel(this.song));
    this.again = button("Again", () => acts.again(this.song));
    this.remove = button("Delete", () => {
      if (confirm(`Delete ${this.song.name} with its stems?`)) acts.remove(this.song);
    });
    this.element = make(
      "li", { class: "item" }, make("div", {}, this.name, this.about),
      make("div", { class: "actions" }, this.open, this.cancel, this.again, this.remove), this.canvas, this.progress,
    );
    this.put(song);
    readWaveform(song, "mix", (peaks, framesAPeak) => {
      this.peaks = peaks;
      this.framesAPeak = framesAPeak;
      this.draw();
    }).catch(() => {}); // it is only seen
  }

  draw() {
    if (!this.peaks || !this.canvas.isConnected) return;
    const colour = getComputedStyle(this.element).getPropertyValue("--accent");
    const view = { from: 0, to: this.song.seconds * this.song.sample_rate };
    drawWaveform(this.canvas, this.peaks, this.framesAPeak, view, colour);
    this.element.dataset.drawn = "";
  }

  put(song) {
    this.song = song;
    const { state } = song;
    this.element.dataset.id = song.id;
    this.element.dataset.state = state;
    this.name.textContent = song.name;
    const parts = [clock(song.seconds), STATES[state]];
    if (state === "separating" && song.left_seconds !== null) parts.push(`${clock(song.left_seconds)} left`);
    if (state === "failed") parts.push(song.error);
    if (state === "done" && song.note) parts.push(song.note);
    this.about.textContent = parts.join("; ");
    this.about.classList.toggle("error", state === "failed");
    const isOpen = state === "queued" || state === "separating";
    this.progress.hidden = !isOpen;
    this.bar.value = song.done_seconds / song.seconds;
    this.bar.setAttribute("aria-label", `How much of ${song.name} is separated`);
    this.cancel.hidden = !isOpen;
    this.again.hidden = isOpen;
    this.again.textContent = state === "done" ? "Separate again" : "Try again";
    [[this.open, "Open"], [this.cancel, "Cancel"], [this.again, this.again.textContent], [this.remove, "Delete"]]
      .forEach(([one, verb]) => one.setAttribute("aria-label", `${verb} ${song.name}`));
  }
}

export class SongList {
  constructor(element, acts) {
    this.element = element;
    this.acts = acts;
    this.items = new Map();
    this.words = [];
    addEventListener("resize", () => this.items.forEach((item) => item.draw()));
  }

  find(id) { return this.items.get(id)?.song; }

  replace(songs) {
    const known = new Set(songs.map(({ id }) => id));
    [...this.items.keys()].filter((id) => !known.has(id)).forEach((id) => this.drop(id));
    songs.forEach((song) => this.put(song));
    this.count();
  }

  put(song) {
    if (this.items.has(song.id)) {
      this.items.get(song.id).put(song);
    } else {
      const item = new Item(song, this.acts);
      this.items.set(song.id, item);
      this.element.prepend(item.element); // the latest first
      item.draw();
    }
    this.filterOne(this.items.get(song.id));
    this.count();
  }

  drop(id) {
    this.items.get(id)?.element.remove();
    this.items.delete(id);
    this.count();
  }

  mark(id) { this.items.forEach((item, key) => item.element.classList.toggle("is-open", key === id)); }

  filter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.items.forEach((item) => this.filterOne(item));
    this.count();
  }

  filterOne(item) {
    item.element.hidden = !this.words.every((word) => item.song.name.toLowerCase().includes(word));
  }

  count() {
    const shown = [...this.items.values()].filter((item) => !item.element.hidden).length;
    const none = document.querySelector("#no-songs");
    none.hidden = shown > 0;
    none.textContent = this.items.size ? "No song has such a name." : "There are no songs yet.";
  }

  // A file that is being sent.
  addWaiting(name) {
    const bar = make("progress", { max: 1, value: 0, "aria-label": `How much of ${name} was sent` });
    const element = make(
      "li", { class: "item" }, make("div", {}, make("h3", { text: name }), make("p", { class: "about", text: "is being added" })),
      make("div", { class: "progress" }, bar),
    );
    this.element.prepend(element);
    return { show: (share) => { bar.value = share; }, remove: () => element.remove() };
  }
}
