// The player: the signals of a song in step, with mute, solo, level and panorama for each.
import { drawSpectrogram, drawWaveform } from "./canvas.js";
import { Comparison } from "./compare.js";
import { Downloads } from "./downloads.js";
import { button, clock, make, trying, warn } from "./elements.js";
import { Excerpts, getJson, readWaveform, request } from "./server.js";
import { Transport } from "./transport.js";

const CLICK = "click";
const COLOURS = {
  mix: "#9aa7b8", drums: "#ff9d4d", other: "#6fb1ff", kick: "#ff7a59", snare: "#ffc14d", toms: "#c792ea", hihat: "#7fdbca",
  cymbals: "#addb67", click: "#e8eaee",
};
const SHOWN = { hihat: "hi-hat", other: "everything else" };
const QUIETEST_DB = -40;
export const shown = (name) => SHOWN[name] ?? name;

class Track {
  constructor(view, name) {
    Object.assign(this, { view, name, gainDb: 0, pan: 0, isMuted: name === CLICK, isSolo: false, peaks: null });
    const label = shown(name);
    this.mute = button("Mute", () => this.set({ isMuted: !this.isMuted }), { "aria-label": `Mute ${label}`, class: "mute" });
    this.solo = button("Solo", () => this.set({ isSolo: !this.isSolo }), { "aria-label": `Solo ${label}`, class: "solo" });
    this.level = make("input", { type: "range", min: QUIETEST_DB, max: 12, step: 0.5, value: 0, "aria-label": `Level of ${label}, dB` });
    this.panner = make("input", { type: "range", min: -1, max: 1, step: 0.05, value: 0, "aria-label": `Panorama of ${label}` });
    this.levelText = make("output");
    this.panText = make("output");
    this.level.addEventListener("input", () => this.set({ gainDb: Number(this.level.value) }));
    this.panner.addEventListener("input", () => this.set({ pan: Number(this.panner.value) }));
    this.level.addEventListener("dblclick", () => this.set({ gainDb: 0 }));
    this.panner.addEventListener("dblclick", () => this.set({ pan: 0 }));
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.head = make("span", { class: "playhead" });
    this.loop = make("span", { class: "loop", hidden: true });
    this.strip = make("div", { class: "strip" }, this.canvas, this.loop, this.head);
    const panRow = make("label", {}, "Pan", this.panner, this.panText);
    panRow.hidden = view.song.channels !== 2;
    this.element = make(
      "li", { class: "track", "data-name": name },
      make("div", { class: "mixer" }, make("span", { class: "name", text: label }), this.mute, this.solo,
        make("label", {}, "Level", this.level, this.levelText), panRow),
      this.strip,
    );
    this.strip.addEventListener("pointerdown", (event) => view.drag(event, this.strip));
  }

  set(changes) {
    Object.assign(this, changes);
    this.view.mixed();
  }

  get isAudible() {
    if (this.isMuted) return false;
    return this.isSolo || !this.view.tracks.some((track) => track.isSolo);
  }

  get gain() { return this.isAudible && this.gainDb > QUIETEST_DB ? 10 ** (this.gainDb / 20) : 0; }

  show() {
    this.mute.setAttribute("aria-pressed", String(this.isMuted));
    this.solo.setAttribute("aria-pressed", String(this.isSolo));
    this.level.value = this.gainDb;
    this.panner.value = this.pan;
    this.levelText.textContent = this.gainDb > QUIETEST_DB ? `${this.gainDb > 0 ? "+" : ""}${this.gainDb} dB` : "off";
    this.panText.textContent = this.pan === 0 ? "centre" : `${Math.round(Math.abs(this.pan) * 100)} ${this.pan < 0 ? "left" : "right"}`;
  }
}

export class PlayerView {
  constructor(element, { models }) {
    Object.assign(this, { element, models, song: null, transport: null, tracks: [], picture: "waveform" });
    addEventListener("resize", () => this.draw());
  }

  holds(target) { return this.element.contains(target); }

  // A passage that was separated for a comparison.
  passage(song) { this.comparison?.put(song); }

  show(song) {
    if (!song) {
      this.close();
      return;
    }
    const same = this.song?.id === song.id && this.song.state === song.state;
    const isDone = song.state === "done";
    if (same) return;
    this.close();
    this.song = song;
    this.element.hidden = false;
    this.build(isDone ? [...song.sources, ...(song.beats ? [CLICK] : [])] : ["mix"]);
  }

  close() {
    this.transport?.pause();
    this.reading?.abort();
    this.comparison?.close();
    Object.assign(this, { song: null, transport: null, tracks: [], comparison: null });
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  // With MIDI but without pieces, the drums are one track.
  grouped(names) {
    const { song } = this;
    if (song.options.pieces || song.options.drums) return names;
    const parts = new Set(Object.values(song.sums).flat());
    return [...Object.keys(song.sums), ...names.filter((name) => !parts.has(name))];
  }

  build(signals) {
    const { song } = this;
    const names = this.grouped(signals);
    this.excerpts = new Excerpts(song);
    this.view = { from: 0, to: Math.round(song.seconds * song.sample_rate) };
    this.mark = null;
    this.loudest = 8; // silence stays a line
    this.transport = new Transport({
      names, sampleRate: song.sample_rate, numFrames: this.view.to, channels: song.channels,
      read: (wanted, first, frames) => this.excerpts.read(wanted, first, frames), context: () => this.context(),
    });
    this.transport.addEventListener("change", () => this.changed());
    this.transport.addEventListener("error", ({ detail }) => warn(detail));
    this.tracks = names.map((name) => new Track(this, name));
    this.playButton = button("Play", () => this.transport.toggle(), { class: "play", "aria-label": `Play ${song.name}` });
    this.seek = make("input", { class: "seek", type: "range", min: 0, max: song.seconds, step: 0.01, value: 0, "aria-label": "Position, seconds" });
    this.seek.addEventListener("input", () => this.transport.seek(Number(this.seek.value)));
    this.time = make("span", { class: "time" });
    this.half = button("Half speed", () => this.setHalf(), { "aria-pressed": "false" });
    this.looping = button("Loop", () => this.toggleLoop(), { "aria-pressed": "false" });
    this.pictures = button("Spectrograms", () => this.togglePictures(), { "aria-pressed": String(this.picture === "spectrogram") });
    const zoom = [
      button("Zoom in", () => this.zoom(0.5)), button("Zoom out", () => this.zoom(2)), button("Whole song", () => this.zoom(Infinity)),
    ];
    const hasClick = names.includes(CLICK);
    this.counts = make("input", { type: "checkbox", name: "counts" });
    const count = make("label", { class: "check" }, this.counts, "Count in");
    count.hidden = !hasClick;
    this.counts.addEventListener("change", trying(() => this.prepareCount()));
    const title = make("h2", { id: "player-title", text: song.name, tabindex: "-1" });
    this.element.replaceChildren(
      title,
      make("div", { class: "controls" }, this.playButton, this.seek, this.time),
      make("div", { class: "controls", role: "group", "aria-label": "View and playback" }, this.looping, this.half, count, this.pictures, ...zoom),
      make("ul", { class: "tracks" }, ...this.tracks.map((track) => track.element)),
      make("p", { class: "keys" }, ...KEY_HELP()),
    );
    if (song.state === "done") {
      this.comparison = new Comparison(this);
      this.element.append(new Downloads(this).element, this.comparison.element);
    }
    this.mixed();
    this.changed();
    this.read();
  }

  context() {
    if (this.audio?.sampleRate !== this.song.sample_rate) {
      this.audio?.close();
      this.audio = new AudioContext({ sampleRate: this.song.sample_rate });
    }
    return this.audio;
  }

  async read() {
    this.reading = new AbortController();
    const { signal } = this.reading;
    for (const track of this.tracks) {
      if (track.name === CLICK) continue;
      try {
        await readWaveform(this.song, track.name, (peaks, framesAPeak) => {
          const known = track.peaks?.length ?? 0;
          Object.assign(track, { peaks, framesAPeak });
          const loudest = peaks.subarray(known).reduce((most, peak) => Math.max(most, Math.abs(peak)), this.loudest);
          const isLouder = loudest > this.loudest;
          this.loudest = loudest;
          if (this.picture === "waveform" && isLouder) this.draw(); // all tracks to one scale
          else if (this.picture === "waveform") this.drawOne(track);
        }, signal);
      } catch (error) {
        if (!signal.aborted) warn(error);
        return;
      }
    }
  }

  draw() {
    if (!this.song) return;
    this.tracks.forEach((track) => this.drawOne(track));
    this.place();
  }

  drawOne(track) {
    if (this.picture === "spectrogram") this.drawSpectrogram(track);
    else if (track.peaks) {
      drawWaveform(track.canvas, track.peaks, track.framesAPeak, this.view, COLOURS[track.name] ?? "#6fb1ff", this.loudest);
    }
  }

  drawSpectrogram(track) {
    clearTimeout(track.waiting);
    track.waiting = setTimeout(trying(async () => {
      const { song, view } = this;
      const width = Math.max(1, Math.min(1200, track.canvas.clientWidth));
      const query = new URLSearchParams({ start: view.from, frames: Math.max(1, view.to - view.from), width });
      const answer = await request(`/songs/${song.id}/spectrogram/${track.name}?${query}`);
      const shade = new Uint8Array(await answer.arrayBuffer());
      if (this.song === song && this.view === view) drawSpectrogram(track.canvas, shade, width);
    }), 80);
  }

  togglePictures() {
    this.picture = this.picture === "waveform" ? "spectrogram" : "waveform";
    this.pictures.setAttribute("aria-pressed", String(this.picture === "spectrogram"));
    this.tracks.forEach((track) => track.canvas.getContext("2d").clearRect(0, 0, track.canvas.width, track.canvas.height));
    this.draw();
  }

  zoom(factor) {
    const whole = Math.round(this.song.seconds * this.song.sample_rate);
    const length = Math.round(Math.min(Math.max((this.view.to - this.view.from) * factor, this.song.sample_rate / 4), whole));
    const middle = Math.round(this.transport.position * this.song.sample_rate);
    const from = Math.min(Math.max(0, middle - Math.round(length / 2)), whole - length);
    this.view = { from, to: from + length };
    this.draw();
  }

  mixed() {
    this.tracks.forEach((track) => {
      track.show();
      this.transport.setLevel(track.name, { gain: track.gain, pan: track.pan });
    });
  }

  setHalf() {
    const isHalf = this.transport.speed === 1;
    this.transport.setSpeed(isHalf ? 0.5 : 1);
    this.half.setAttribute("aria-pressed", String(isHalf));
  }

  // A passage that was marked by dragging, or what is seen.
  toggleLoop() {
    if (this.transport.loop) {
      this.transport.setLoop(null);
      this.mark = null;
    } else {
      const rate = this.song.sample_rate;
      const [from, to] = this.mark ?? [this.view.from / rate, this.view.to / rate];
      this.transport.setLoop(from, to);
      this.mark = [from, to];
      if (this.transport.position < from || this.transport.position > to) this.transport.seek(from);
    }
    this.place();
  }

  toSeconds(event, strip) {
    const box = strip.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    return (this.view.from + share * (this.view.to - this.view.from)) / this.song.sample_rate;
  }

  drag(event, strip) {
    if (event.button !== 0) return;
    const from = this.toSeconds(event, strip);
    const begin = event.clientX;
    strip.setPointerCapture(event.pointerId);
    const move = (moved) => {
      if (Math.abs(moved.clientX - begin) < 6) return;
      const to = this.toSeconds(moved, strip);
      this.mark = [Math.min(from, to), Math.max(from, to)];
      this.place();
    };
    strip.addEventListener("pointermove", move);
    strip.addEventListener("pointerup", (ended) => {
      strip.removeEventListener("pointermove", move);
      if (Math.abs(ended.clientX - begin) < 6) {
        this.transport.seek(from);
      } else {
        this.transport.setLoop(...this.mark);
        this.transport.seek(this.mark[0]);
      }
      this.place();
    }, { once: true });
  }

  async prepareCount() {
    if (!this.counts.checked) {
      this.transport.count = null;
      return;
    }
    const beats = await getJson(`/songs/${this.song.id}/beats`);
    const first = Math.round(beats[0] * this.song.sample_rate);
    const signals = await this.excerpts.read([CLICK], first, Math.round(this.song.sample_rate / 20));
    const [sound] = signals.get(CLICK);
    const buffer = new AudioBuffer({ length: sound.length, sampleRate: this.song.sample_rate });
    buffer.copyToChannel(sound, 0);
    this.transport.count = { sound: buffer, beats, number: 4 };
  }

  changed() {
    const verb = this.transport.playing ? "Pause" : "Play";
    this.playButton.textContent = verb;
    this.playButton.setAttribute("aria-label", `${verb} ${this.song.name}`);
    this.follow();
  }

  follow() {
    if (!this.song) return;
    this.place();
    if (this.transport.playing) requestAnimationFrame(() => this.follow());
  }

  place() {
    const { position, loop } = this.transport;
    const rate = this.song.sample_rate;
    this.seek.value = position;
    this.seek.setAttribute("aria-valuetext", `${clock(position)} of ${clock(this.song.seconds)}`);
    this.time.textContent = `${clock(position)} of ${clock(this.song.seconds)}`;
    this.looping.setAttribute("aria-pressed", String(loop !== null));
    const toPercent = (seconds) => (100 * (seconds * rate - this.view.from)) / (this.view.to - this.view.from);
    const percent = toPercent(position);
    this.tracks.forEach((track) => {
      track.head.hidden = percent < 0 || percent > 100;
      track.head.style.left = `${percent}%`;
      track.loop.hidden = !this.mark;
      if (this.mark) {
        track.loop.style.left = `${toPercent(this.mark[0])}%`;
        track.loop.style.width = `${toPercent(this.mark[1]) - toPercent(this.mark[0])}%`;
      }
    });
  }

  soloOnly(index) {
    const track = this.tracks[index];
    if (track) track.set({ isSolo: !track.isSolo });
  }

  key(event) {
    if (!this.song || event.ctrlKey || event.altKey || event.metaKey) return;
    const act = KEYS[event.key];
    if (!act) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, summary, a")) return;
    // outside of the player a key does what it does there
    if (!this.holds(event.target) && event.target.closest("button, label")) return;
    event.preventDefault();
    act(this);
  }
}

const KEYS = {
  " ": (view) => view.transport.toggle(),
  ArrowLeft: (view) => view.transport.seek(view.transport.position - 1),
  ArrowRight: (view) => view.transport.seek(view.transport.position + 1),
  l: (view) => view.toggleLoop(),
  h: (view) => view.setHalf(),
  "+": (view) => view.zoom(0.5),
  "-": (view) => view.zoom(2),
  ...Object.fromEntries([...Array(9).keys()].map((index) => [String(index + 1), (view) => view.soloOnly(index)])),
};
const KEY_HELP = () => [
  "Drag over a picture to loop that passage. Keys: ", make("kbd", { text: "space" }), " plays and pauses, ", make("kbd", { text: "←" }), " and ",
  make("kbd", { text: "→" }), " move by a second, ", make("kbd", { text: "1" }), " to ", make("kbd", { text: "9" }), " solo, ",
  make("kbd", { text: "l" }), " loops, ", make("kbd", { text: "h" }), " is half speed, ", make("kbd", { text: "+" }), " and ",
  make("kbd", { text: "-" }), " zoom.",
];
