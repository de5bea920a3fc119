// Exports: stems, a mix with the levels of the player, MIDI.
import { announce, button, make, remember, remembered, trying } from "./elements.js";
import { shown } from "./player.js";
import { send } from "./server.js";

const FORMATS = [
  ["wav", "wav, 16 bits"], ["wav 24", "wav, 24 bits"], ["flac", "flac, 16 bits"], ["flac 24", "flac, 24 bits"], ["mp3", "mp3"], ["m4a", "m4a"],
  ["ogg", "ogg"], ["opus", "opus"],
];

const NAMES = { other: "without drums" };
const follow = (path) => make("a", { href: path, download: "" }).click();

export class Downloads {
  constructor(view) {
    this.view = view;
    const { song } = view;
    this.format = make("select", { name: "format" }, ...FORMATS.map(([value, text]) => new Option(text, value)));
    this.format.value = remembered("format", { format: "wav" }).format;
    this.format.addEventListener("change", () => remember("format", { format: this.format.value }));
    const parts = new Set(Object.values(song.sums).flat());
    const all = [...Object.keys(song.sums), ...song.sources].filter((name) => song.options.pieces || !parts.has(name));
    const stems = [...all.filter((name) => !parts.has(name)), ...all.filter((name) => parts.has(name))];
    this.click = make("input", { type: "checkbox", name: "click" });
    this.counts = make("input", { type: "checkbox", name: "count_in" });
    const withClick = make("span", {}, make("label", { class: "check" }, this.click, " with the click "), make("label", { class: "check" }, this.counts, " and four beats before"));
    withClick.hidden = !song.beats;
    this.result = make("p", { class: "note", role: "status" });
    this.element = make(
      "section", { class: "panel", "aria-labelledby": "export-title" },
      make("h3", { id: "export-title", text: "Export" }),
      make("div", { class: "controls" }, make("label", {}, "Format ", this.format)),
      make("div", { class: "links" },
        ...stems.map((name) => button(NAMES[name] ?? shown(name), () => this.take(`stems/${name}`), { "data-stem": name })),
        button("All as zip", () => this.take("stems.zip"), { "data-stem": "zip" }),
        button("One file for DJ software", () => follow(`/songs/${song.id}/stem-file`), { "data-stem": "stem.mp4" }),
        ...(song.options.midi ? [button("MIDI of the drums", () => follow(`/songs/${song.id}/midi`), { "data-stem": "midi" })] : [])),
      make("div", { class: "links" }, button("Mix with these levels", trying(() => this.mix()), { class: "play", "data-stem": "mix" }), withClick),
      this.result,
    );
  }

  get chosen() {
    const [format, bits] = this.format.value.split(" ");
    return { format, ...(bits ? { bits: Number(bits) } : {}) };
  }

  take(path) {
    announce("The file is being made.");
    follow(`/songs/${this.view.song.id}/${path}?${new URLSearchParams(this.chosen)}`);
  }

  async mix() {
    const { song, tracks } = this.view;
    const audible = tracks.filter((track) => track.name !== "click" && track.gain > 0);
    const levels = Object.fromEntries(audible.map((track) => [track.name, { gain_db: track.gainDb, pan: track.pan }]));
    const click = tracks.find((track) => track.name === "click");
    this.result.textContent = "The mix is being made.";
    try {
      const made = await send("POST", `/songs/${song.id}/mixes`, {
        levels, ...this.chosen, ...(this.click.checked ? { click: { gain_db: click.gainDb }, count_in: this.counts.checked } : {}),
      });
      const loudness = made.loudness_lufs === null ? "silence" : `${made.loudness_lufs.toFixed(1)} LUFS, highest sample ${made.peak_db.toFixed(1)} dB`;
      const turned = made.gain_db < 0 ? `; turned down by ${(-made.gain_db).toFixed(1)} dB, so that it does not clip` : "";
      this.result.textContent = `The mix: ${loudness}${turned}.`;
      follow(made.url);
    } catch (error) {
      this.result.textContent = "";
      throw error;
    }
  }
}
