// Plays the signals of a song on one clock, in step to the sample, from excerpts that are read as they are needed.
import { Stretcher } from "./stretch.js";

const FIRST_SECONDS = 0.5; // a short first excerpt, so that a seek sounds at once
const EXCERPT_SECONDS = 2;
const AHEAD_SECONDS = 3;
const LEAD_SECONDS = 0.015;
const FADE_SECONDS = 0.01;

// Events: "change" where it began or ended to play, "error" with the error as `detail`.
export class Transport extends EventTarget {
  #context;
  #frame = 0;
  #loop = null;
  #read;
  #run = 0; // counts up whenever what was begun is no longer wanted
  #scheduled = []; // {when, seconds, frame, speed, sources}
  #signals = new Map();
  #speed = 1;

  // names: of the signals; read: (names, first frame, number of frames) -> Map of name to an array of channels
  constructor({ names, sampleRate, numFrames, channels, read, context }) {
    super();
    Object.assign(this, { names, sampleRate, numFrames, channels, playing: false, count: null });
    this.#read = read;
    this.#context = context;
    names.forEach((name) => this.#signals.set(name, { gain: 1, pan: 0, nodes: null }));
  }

  get seconds() { return this.numFrames / this.sampleRate; }
  get loop() { return this.#loop; }
  get speed() { return this.#speed; }
  get context() { return this.#context(); }

  // What sounds now, for whoever looks into it: {name, source, input, gain}.
  get nodes() {
    return this.#scheduled.flatMap(({ sources }) => sources.map(({ name, source }) => ({
      name, source, ...this.#signals.get(name).nodes,
    })));
  }

  get position() {
    if (!this.playing || !this.#scheduled.length) return this.#frame / this.sampleRate;
    const now = this.context.currentTime;
    const current = this.#scheduled.findLast(({ when }) => when <= now) ?? this.#scheduled[0];
    const passed = Math.min(Math.max(0, now - current.when), current.seconds) * current.speed;
    return current.frame / this.sampleRate + passed;
  }

  setLevel(name, { gain, pan }) {
    const signal = this.#signals.get(name);
    if (gain !== undefined) signal.gain = gain;
    if (pan !== undefined) signal.pan = pan;
    if (!signal.nodes) return;
    const now = this.context.currentTime;
    signal.nodes.gain.gain.cancelScheduledValues(0);
    signal.nodes.gain.gain.setTargetAtTime(signal.gain, now, FADE_SECONDS / 3);
    signal.nodes.panner?.pan.setTargetAtTime(signal.pan, now, FADE_SECONDS / 3);
  }

  // from and to: seconds; null plays on to the end
  setLoop(from, to) {
    this.#loop = from === null ? null : { from: this.#toFrame(from), to: Math.max(this.#toFrame(to), this.#toFrame(from) + 1) };
    this.#again();
  }

  setSpeed(speed) {
    this.#speed = speed;
    this.#again();
  }

  async toggle() {
    if (this.playing) this.pause();
    else await this.play();
  }

  async play() {
    if (this.playing) return;
    this.playing = true;
    this.#run += 1;
    const run = this.#run;
    this.#changed();
    try {
      const { context } = this;
      await context.resume();
      if (!this.#signals.get(this.names[0]).nodes) this.#connect(context);
      if (this.#frame >= this.numFrames) this.#frame = 0;
      await this.#feed(context, run);
    } catch (error) {
      if (run !== this.#run) return;
      this.pause();
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
    }
  }

  pause() {
    if (!this.playing) return;
    this.#frame = this.#toFrame(this.position);
    this.#stop();
    this.playing = false;
    this.#changed();
  }

  seek(seconds) {
    const goesOn = this.playing;
    if (goesOn) this.#stop();
    this.playing = false;
    this.#frame = this.#toFrame(seconds);
    if (goesOn) this.play();
    else this.#changed();
  }

  #toFrame(seconds) { return Math.round(Math.min(Math.max(seconds, 0), this.seconds) * this.sampleRate); }

  #changed() { this.dispatchEvent(new Event("change")); }

  #again() { if (this.playing) this.seek(this.position); }

  #stop() {
    this.#run += 1;
    this.#scheduled.forEach(({ sources }) => sources.forEach(({ source }) => source.stop()));
    this.#scheduled = [];
  }

  #connect(context) {
    this.#signals.forEach((signal) => {
      const input = new GainNode(context);
      const gain = new GainNode(context, { gain: signal.gain });
      const panner = this.channels === 2 ? new StereoPannerNode(context, { pan: signal.pan }) : null;
      input.connect(gain);
      (panner ? gain.connect(panner) : gain).connect(context.destination);
      signal.nodes = { input, gain, panner };
    });
  }

  async #feed(context, run) {
    const stretcher = this.#speed === 1 ? null : new Stretcher(this.#speed, (first, frames) => this.#padded(first, frames));
    let frame = this.#frame;
    let when = null;
    let seconds = FIRST_SECONDS;
    while (run === this.#run) {
      const end = this.#loop && frame < this.#loop.to ? this.#loop.to : this.numFrames;
      const wanted = seconds * this.sampleRate;
      const frames = Math.min(stretcher ? Stretcher.round(wanted, this.#speed) : Math.round(wanted), end - frame);
      const excerpt = await (stretcher ? stretcher.stretch(frame, frames) : this.#read(this.names, frame, frames));
      if (run !== this.#run) return;
      const soon = context.currentTime + LEAD_SECONDS;
      if (when === null) when = soon + this.#countIn(context, soon, frame);
      else if (when < context.currentTime) when = soon; // what was read came too late
      when = Math.round(when * context.sampleRate) / context.sampleRate;
      const lasts = Math.round(frames / this.#speed) / this.sampleRate;
      this.#schedule(context, excerpt, { when, seconds: lasts, frame, speed: this.#speed });
      when += lasts;
      frame += frames;
      if (frame >= end && this.#loop) {
        frame = this.#loop.from;
      } else if (frame >= end) {
        await this.#until(context, when, run);
        if (run !== this.#run) return;
        this.#stop();
        this.playing = false;
        this.#frame = 0;
        this.#changed();
        return;
      }
      seconds = EXCERPT_SECONDS;
      await this.#until(context, when - AHEAD_SECONDS, run);
    }
  }

  #schedule(context, excerpt, segment) {
    const sources = [...excerpt].map(([name, channels]) => {
      const length = Math.round(segment.seconds * this.sampleRate);
      const buffer = new AudioBuffer({ length, numberOfChannels: channels.length, sampleRate: this.sampleRate });
      channels.forEach((channel, number) => buffer.copyToChannel(channel.subarray(0, length), number));
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(this.#signals.get(name).nodes.input);
      source.start(segment.when);
      return { name, source };
    });
    this.#scheduled = this.#scheduled.filter(({ when, seconds }) => when + seconds > context.currentTime - 1);
    this.#scheduled.push({ ...segment, sources });
  }

  // count: {sound: AudioBuffer, beats: seconds, number} counts beats before the song begins
  #countIn(context, soon, frame) {
    const { count } = this;
    const here = frame / this.sampleRate;
    const first = count?.beats.findIndex((beat) => beat >= here - 0.01) ?? -1;
    if (first < 0 || first + 1 >= count.beats.length) return 0;
    const period = count.beats[first + 1] - count.beats[first];
    const delay = Math.max(0, count.number * period - (count.beats[first] - here)) / this.#speed;
    for (let number = 1; number <= count.number; number += 1) {
      const source = new AudioBufferSourceNode(context, { buffer: count.sound });
      source.connect(context.destination);
      source.start(soon + delay + (count.beats[first] - here - number * period) / this.#speed);
      this.#scheduled.push({ when: -1, seconds: Infinity, frame, speed: 0, sources: [{ name: this.names[0], source }] });
    }
    return delay;
  }

  async #padded(first, frames) {
    const from = Math.min(Math.max(first, 0), this.numFrames);
    const to = Math.min(Math.max(first + frames, 0), this.numFrames);
    const excerpt = to > from ? await this.#read(this.names, from, to - from)
      : new Map(this.names.map((name) => [name, [new Float32Array(0)]]));
    excerpt.forEach((channels, name) => excerpt.set(name, channels.map((channel) => {
      const padded = new Float32Array(frames);
      padded.set(channel, from - first);
      return padded;
    })));
    return excerpt;
  }

  async #until(context, when, run) {
    while (run === this.#run && context.currentTime < when) {
      await new Promise((resolve) => { setTimeout(resolve, Math.min(200, Math.max(10, 1000 * (when - context.currentTime)))); });
    }
  }
}
