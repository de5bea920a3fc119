// A blind comparison: a passage by two models, of which nobody sees which is which until a choice is made.
import { button, make, trying, warn } from "./elements.js";
import { Excerpts, send } from "./server.js";
import { Transport } from "./transport.js";

export class Comparison {
  constructor(view) {
    this.view = view;
    this.rounds = null;
    const options = () => view.models.map(({ name }) => new Option(name, name));
    this.selects = [make("select", { name: "one" }, ...options()), make("select", { name: "other" }, ...options())];
    this.selects[1].selectedIndex = Math.min(1, view.models.length - 1);
    this.begin = button("Compare", trying(() => this.start()));
    this.area = make("div");
    this.element = make(
      "details", { class: "panel" }, make("summary", { text: "Compare two models, blind" }),
      make("p", { class: "note", text: "The passage that is looped, or ten seconds from where the song is." }),
      make("div", { class: "controls" }, make("label", {}, "One ", this.selects[0]), make("label", {}, "the other ", this.selects[1]), this.begin),
      this.area,
    );
  }

  close() { this.transport?.pause(); }

  async start() {
    const { song, transport, mark } = this.view;
    const models = this.selects.map(({ value }) => value);
    if (models[0] === models[1]) throw new Error("Choose two models that differ.");
    const [from, to] = mark ?? [transport.position, transport.position + 10];
    const songs = await send("POST", `/songs/${song.id}/passages`, {
      start_seconds: from, seconds: Math.min(Math.max(to - from, 1), 60), models,
    });
    this.songs = new Map(songs.map((one) => [one.id, one]));
    this.order = songs.map(({ id }) => id).sort(() => Math.random() - 0.5);
    this.transport?.pause();
    this.transport = null;
    this.area.replaceChildren(make("p", { role: "status", text: "The passage is being separated." }));
  }

  put(song) {
    if (!this.songs?.has(song.id)) return;
    this.songs.set(song.id, song);
    const all = [...this.songs.values()];
    const failed = all.find(({ state }) => state === "failed" || state === "cancelled");
    if (failed) {
      warn(new Error(failed.error || "The comparison was cancelled."));
      this.area.replaceChildren();
    } else if (!this.transport && all.every(({ state }) => state === "done")) {
      this.listen();
    }
  }

  listen() {
    const songs = this.order.map((id) => this.songs.get(id));
    const [first] = songs;
    const readers = songs.map((song) => new Excerpts(song));
    const names = songs.flatMap((_, index) => ["drums", "other"].map((stem) => `${index} ${stem}`));
    this.transport = new Transport({
      names, sampleRate: first.sample_rate, numFrames: Math.round(first.seconds * first.sample_rate), channels: first.channels,
      context: () => this.view.context(),
      read: async (_, from, frames) => {
        const parts = await Promise.all(readers.map((reader) => reader.read(["drums", "other"], from, frames)));
        return new Map(parts.flatMap((part, index) => [...part].map(([stem, channels]) => [`${index} ${stem}`, channels])));
      },
    });
    this.transport.setLoop(0, this.transport.seconds);
    this.transport.addEventListener("error", ({ detail }) => warn(detail));
    let [model, stem] = [0, "drums"];
    const choose = () => {
      names.forEach((name) => this.transport.setLevel(name, { gain: name === `${model} ${stem}` ? 1 : 0 }));
      models.forEach((one, index) => one.setAttribute("aria-pressed", String(index === model)));
      stems.forEach(([name, one]) => one.setAttribute("aria-pressed", String(name === stem)));
    };
    const models = songs.map((_, index) => button(String.fromCharCode(65 + index), () => { model = index; choose(); }));
    const stems = ["drums", "other"].map((name) => [name, button(name === "drums" ? "drums" : "without drums", () => { stem = name; choose(); })]);
    const play = button("Play", () => { this.view.transport.pause(); this.transport.toggle(); }, { class: "play" });
    this.transport.addEventListener("change", () => { play.textContent = this.transport.playing ? "Pause" : "Play"; });
    const result = make("p", { role: "status" });
    const likes = songs.map((song, index) => button(`${String.fromCharCode(65 + index)} is better`, () => {
      const others = songs.map((one, which) => `${String.fromCharCode(65 + which)} is ${one.options.model}`).join(", ");
      result.textContent = `You chose ${song.options.model}: ${others}.`;
    }));
    choose();
    this.area.replaceChildren(
      make("div", { class: "controls" }, play, ...models, ...stems.map(([, one]) => one)), make("div", { class: "controls" }, ...likes), result,
    );
  }
}
