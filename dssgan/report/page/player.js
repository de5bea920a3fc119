"use strict";
// Makes one of the signals of a song heard, which all play in step; nothing is started anew when another is chosen.
(() => {
  let context = null;
  let current = null; // the song that keys go to

  const decode = (uri) => {
    const bytes = Uint8Array.from(atob(uri.slice(uri.indexOf(",") + 1)), (character) => character.charCodeAt(0));
    return context.decodeAudioData(bytes.buffer);
  };
  const nameOf = (row, what) => `${row.dataset.number} ${what}`;

  class Song {
    constructor(element, group) {
      this.element = element;
      this.group = group;
      this.rows = [...element.querySelectorAll(".signal")];
      this.rows.forEach((row, number) => { row.dataset.number = number; });
      this.chosen = this.rows[0];
      this.place = 0; // until there is a transport
      this.transport = null;
      this.button = element.querySelector(".play");
      this.bar = element.querySelector(".seek");
      this.clock = element.querySelector(".time");
      this.button.addEventListener("click", () => this.toggle());
      this.bar.addEventListener("input", () => this.seek(Number(this.bar.value)));
      this.rows.forEach((row) => {
        row.querySelector(".pick").addEventListener("click", () => this.choose(row));
        row.querySelector(".strip").addEventListener("click", (event) => {
          const box = event.currentTarget.getBoundingClientRect();
          this.choose(row);
          this.seek(((event.clientX - box.left) / box.width) * this.seconds);
        });
      });
    }

    get seconds() { return this.transport?.seconds ?? 10; }

    get playing() { return this.transport?.playing ?? false; }

    async load() {
      context ??= new AudioContext();
      await context.resume();
      this.loading ??= this.decode();
      await this.loading;
      return this.transport;
    }

    async decode() {
      const sounds = new Map();
      await Promise.all(this.rows.flatMap((row) => [...row.querySelectorAll("script")].map(async (script) => {
        sounds.set(nameOf(row, script.dataset.what), await decode(JSON.parse(script.textContent)));
      })));
      const buffers = [...sounds.values()];
      const read = async (names, first, frames) => new Map(names.map((name) => {
        const buffer = sounds.get(name);
        const channels = Array.from({ length: buffer.numberOfChannels }, (_, number) => buffer.getChannelData(number));
        return [name, channels.map((channel) => channel.subarray(first, first + frames))];
      }));
      this.transport = new Transport({
        names: [...sounds.keys()], sampleRate: context.sampleRate, context: () => context, read,
        numFrames: Math.min(...buffers.map((buffer) => buffer.length)),
        channels: Math.max(...buffers.map((buffer) => buffer.numberOfChannels)),
      });
      this.transport.setLoop(0, this.transport.seconds);
      this.transport.seek(this.place);
      this.bar.max = this.seconds;
      this.mix();
      this.transport.addEventListener("change", () => this.changed());
    }

    position() { return this.transport?.position ?? this.place; }

    isHeard(row, what) {
      const known = [...row.querySelectorAll("script")].map((script) => script.dataset.what);
      return row === this.chosen && what === (known.includes(this.group.what) ? this.group.what : known[0]);
    }

    async toggle() {
      if (this.playing) this.pause();
      else await this.play();
    }

    async play() {
      current = this;
      songs.forEach((song) => song !== this && song.pause());
      await this.load();
      this.transport.play();
    }

    pause() { this.transport?.pause(); }

    seek(place) {
      current = this;
      this.place = ((place % this.seconds) + this.seconds) % this.seconds;
      this.transport?.seek(this.place);
      this.show();
    }

    changed() {
      const verb = this.playing ? "Pause" : "Play";
      this.button.textContent = verb;
      this.button.setAttribute("aria-label", `${verb} ${this.element.dataset.name}`);
      this.follow();
    }

    choose(row) {
      current = this;
      this.chosen = row;
      this.rows.forEach((other) => other.querySelector(".pick").setAttribute("aria-pressed", String(other === row)));
      this.mix();
    }

    mix() {
      if (!this.transport) return;
      this.rows.forEach((row) => row.querySelectorAll("script").forEach(({ dataset }) => {
        this.transport.setLevel(nameOf(row, dataset.what), { gain: this.isHeard(row, dataset.what) ? 1 : 0 });
      }));
    }

    follow() {
      this.show();
      if (this.playing) requestAnimationFrame(() => this.follow());
    }

    show() {
      const place = this.position();
      this.bar.value = place;
      this.clock.textContent = `${place.toFixed(1)} s`;
      this.rows.forEach((row) => {
        row.querySelector(".playhead").style.left = `${(100 * place) / this.seconds}%`;
      });
    }
  }

  // Choices outlive the page where the browser lets a file keep something.
  const memory = {
    key: `dssgan ${document.title}`,
    read() { try { return JSON.parse(localStorage.getItem(this.key)) ?? []; } catch { return []; } },
    write(choices) { try { localStorage.setItem(this.key, JSON.stringify(choices)); } catch { /* not kept */ } },
  };

  class Group {
    constructor(element) {
      this.element = element;
      this.choices = memory.read();
      this.songs = [...element.querySelectorAll(".song")].map((song) => new Song(song, this));
      const pressed = element.querySelectorAll(".what button");
      this.what = pressed[0].dataset.what;
      pressed.forEach((button) => button.addEventListener("click", () => {
        this.what = button.dataset.what;
        pressed.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        this.songs.forEach((song) => { this.picture(song); song.mix(); });
      }));
      this.ballot = element.querySelector(".ballot");
      if (this.ballot) this.prepareBlindTest();
    }

    picture(song) {
      song.rows.forEach((row) => {
        const pictures = [...row.querySelectorAll("img")];
        if (pictures.length > 1) pictures.forEach((image) => { image.hidden = image.dataset.what !== this.what; });
      });
    }

    prepareBlindTest() {
      this.button = this.element.querySelector(".blind");
      this.button.addEventListener("click", () => this.setBlind(!this.isBlind));
      this.ballot.querySelector(".reveal").addEventListener("click", () => { this.setBlind(false); this.reveal(); });
      this.ballot.querySelector(".export").addEventListener("click", () => this.save());
      this.ballot.querySelector(".forget").addEventListener("click", () => {
        this.choices = [];
        memory.write(this.choices);
        this.setBlind(true);
      });
      this.songs.forEach((song) => song.rows.forEach((row) => row.querySelector(".prefer")?.addEventListener(
        "click", () => this.prefer(song, row),
      )));
      if (this.choices.length) this.reveal();
    }

    setBlind(isBlind) {
      this.isBlind = isBlind;
      this.button.setAttribute("aria-pressed", String(isBlind));
      this.element.classList.toggle("is-blind", isBlind);
      this.ballot.hidden = !isBlind && !this.choices.length;
      this.ballot.querySelector("table").hidden = isBlind || !this.choices.length;
      this.songs.forEach((song) => this.name(song, isBlind));
      this.count();
    }

    name(song, isBlind) {
      const methods = song.rows.filter((row) => row.classList.contains("method"));
      if (isBlind) {
        for (let last = methods.length - 1; last > 0; last -= 1) { // Fisher and Yates
          const other = Math.floor(Math.random() * (last + 1));
          [methods[last], methods[other]] = [methods[other], methods[last]];
        }
      } else {
        methods.sort((one, other) => song.order.indexOf(one) - song.order.indexOf(other));
      }
      song.order ??= [...song.rows];
      const others = song.rows.filter((row) => !row.classList.contains("method"));
      song.rows = [...others, ...methods];
      song.element.querySelector(".signals").append(...song.rows);
      song.element.querySelector("h4 small").hidden = isBlind; // it names the best method
      song.rows.forEach((row, index) => {
        const name = row.querySelector(".name");
        const letter = `method ${String.fromCharCode(65 + methods.indexOf(row))}`;
        name.textContent = isBlind && methods.includes(row) ? letter : name.dataset.name;
        row.querySelector("kbd").textContent = index < 9 ? String(index + 1) : "";
        row.querySelectorAll("img").forEach((image) => {
          image.dataset.alt ??= image.alt;
          image.alt = isBlind && methods.includes(row) ? `Hidden spectrogram of ${letter}` : image.dataset.alt;
        });
        const prefer = row.querySelector(".prefer");
        if (prefer) prefer.hidden = !isBlind;
      });
    }

    prefer(song, row) {
      const choice = {
        song: song.element.dataset.name,
        heard: this.element.querySelector(".what [aria-pressed=true]").textContent,
        choice: row.querySelector(".name").dataset.name,
        among: song.rows.filter((other) => other.classList.contains("method"))
          .map((other) => other.querySelector(".name").dataset.name),
        time: new Date().toISOString(),
      };
      const same = (other) => other.song === choice.song && other.heard === choice.heard;
      this.choices = [...this.choices.filter((other) => !same(other)), choice];
      memory.write(this.choices);
      this.count();
    }

    count() {
      const songs = new Set(this.choices.map((choice) => choice.song)).size;
      this.ballot.querySelector(".tally").textContent = `You have chosen in ${songs} of ${this.songs.length} songs.`;
    }

    reveal() {
      this.ballot.hidden = false;
      this.ballot.querySelector("table").hidden = false;
      const row = (choice) => {
        const line = document.createElement("tr");
        [["th", choice.song], ["td", choice.heard], ["td", choice.choice]].forEach(([tag, text]) => {
          const cell = document.createElement(tag);
          if (tag === "th") cell.scope = "row";
          cell.textContent = text;
          line.append(cell);
        });
        return line;
      };
      this.ballot.querySelector("tbody").replaceChildren(...this.choices.map(row));
      this.count();
    }

    save() {
      const text = JSON.stringify({ report: document.title, choices: this.choices }, null, 2);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      link.download = "listening.json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
  }

  const groups = [...document.querySelectorAll(".players")].map((element) => new Group(element));
  const songs = groups.flatMap((group) => group.songs);

  const isInView = (song) => {
    const box = song.element.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  };
  const songOfKeys = (target) => songs.find((song) => song.element.contains(target))
    ?? (current && isInView(current) ? current : songs.find(isInView));
  const step = (song, by) => {
    const next = song.rows[song.rows.indexOf(song.chosen) + by];
    if (next) song.choose(next);
  };
  const KEYS = {
    " ": (song) => song.toggle(),
    "ArrowLeft": (song) => song.seek(song.position() - 1),
    "ArrowRight": (song) => song.seek(song.position() + 1),
    "ArrowUp": (song) => step(song, -1),
    "ArrowDown": (song) => step(song, 1),
    ...Object.fromEntries([...Array(9).keys()].map((index) => [String(index + 1), (song) => {
      if (song.rows[index]) song.choose(song.rows[index]);
    }])),
  };
  addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
    const inside = songs.some((song) => song.element.contains(event.target));
    // outside of a song a key keeps what it does where it is used: menus, buttons, scrolling up and down
    if (!inside && (event.target.closest("select, input, button, a, summary, [tabindex]")
      || event.key === "ArrowUp" || event.key === "ArrowDown")) return;
    const song = songOfKeys(event.target);
    if (!song) return;
    event.preventDefault();
    act(song);
  });
  // a button in a song would take the space bar for a click
  addEventListener("keyup", (event) => {
    if (event.key === " " && songs.some((song) => song.element.contains(event.target))) event.preventDefault();
  });
  window.dssganSongs = songs; // for whoever looks into the page
})();
