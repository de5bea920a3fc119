// The page: songs come in, the list shows how far they are, and one of them is open in the player.
import { announce, remember, remembered, trying, warn } from "./elements.js";
import { PlayerView } from "./player.js";
import { getJson, send, upload } from "./server.js";
import { SongList } from "./songs.js";

const AUDIO = /\.(wav|flac|ogg|oga|opus|mp3|aif|aiff|au|w64|m4a|mp4|aac|wma|webm|mka|ac3|wv|ape|caf|mkv|mov|avi)$/i;
const DEFAULTS = { model: "default", pieces: false, midi: false, drums: false, precision: "auto", shifts: "1" };

const form = document.querySelector("#options-form");
const models = await getJson("/models");
form.elements.model.replaceChildren(...models.map(({ name, about }) => new Option(`${name}: ${about}`, name)));
const showOptions = (options) => Object.entries(options).forEach(([name, value]) => {
  const field = form.elements[name];
  if (field?.type === "checkbox") field.checked = Boolean(value);
  else if (field && [...field.options].some((option) => option.value === String(value))) field.value = String(value);
});
const readOptions = () => Object.fromEntries(Object.keys(DEFAULTS).map((name) => {
  const field = form.elements[name];
  return [name, field.type === "checkbox" ? field.checked : field.value];
}));
showOptions(remembered("options", DEFAULTS));
form.addEventListener("change", ({ target }) => {
  // drums are taken apart, or there is nothing to separate
  if (target.name === "drums" && target.checked && !form.elements.midi.checked) form.elements.pieces.checked = true;
  remember("options", readOptions());
});
form.addEventListener("submit", (event) => event.preventDefault());

const player = new PlayerView(document.querySelector("#player"), { models });
const opened = () => new URLSearchParams(location.hash.slice(1)).get("song");
const open = (song) => { location.hash = song ? `song=${song.id}` : ""; };
const list = new SongList(document.querySelector("#songs"), {
  open,
  cancel: trying((song) => send("POST", `/songs/${song.id}/cancel`)),
  again: trying((song) => send("POST", `/songs/${song.id}/separate`, readOptionsAsNumbers())),
  remove: trying((song) => send("DELETE", `/songs/${song.id}`)),
});
const readOptionsAsNumbers = () => ({ ...readOptions(), shifts: Number(form.elements.shifts.value) });

// songs in

let sending = Promise.resolve();
const add = (files) => {
  const chosen = files.filter((file) => AUDIO.test(file.name) || /^(audio|video)\//.test(file.type));
  if (!chosen.length) {
    warn(new Error(files.length ? "There is no sound among these files." : "There are no files in it."));
    return;
  }
  if (chosen.length < files.length) announce(`${files.length - chosen.length} files are no sound and were left out.`);
  const options = readOptions();
  chosen.forEach((file) => {
    const waiting = list.addWaiting(file.name);
    // one after another: together they would all come in last
    sending = sending.then(trying(async () => {
      try {
        const song = await upload(file, options, (share) => waiting.show(share));
        announce(`${song.name} was added.`);
      } finally {
        waiting.remove();
      }
    }));
  });
};

const entriesOf = (entry) => new Promise((resolve) => {
  if (entry.isFile) {
    entry.file((file) => resolve([file]), () => resolve([]));
    return;
  }
  const reader = entry.createReader();
  const found = [];
  const next = () => reader.readEntries(async (entries) => {
    if (!entries.length) {
      resolve((await Promise.all(found.map(entriesOf))).flat());
      return;
    }
    found.push(...entries.filter(({ name }) => !name.startsWith(".")));
    next();
  }, () => resolve([]));
  next();
});

document.querySelectorAll("#files, #folder").forEach((input) => input.addEventListener("change", () => {
  add([...input.files]);
  input.value = "";
}));
if (!("webkitdirectory" in document.createElement("input"))) document.querySelector("#folder-label").hidden = true;
let depth = 0;
addEventListener("dragenter", (event) => { event.preventDefault(); depth += 1; document.body.classList.add("is-over"); });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) document.body.classList.remove("is-over"); });
addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("is-over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...event.dataTransfer.files];
  add(entries.length ? (await Promise.all(entries.map(entriesOf))).flat() : files);
});

// what changes

const showOpen = () => {
  const id = opened();
  const song = list.find(id);
  list.mark(song?.id ?? null);
  player.show(song ?? null);
};
const changed = (song) => {
  if (song.passage) {
    player.passage(song);
    return;
  }
  const before = list.find(song.id);
  list.put(song);
  if (before && before.state !== song.state && song.state === "done") announce(`${song.name} is separated.`);
  if (before && before.state !== song.state && song.state === "failed") announce(`${song.name}: ${song.error}`);
  if (opened() === song.id) player.show(song);
};
const removed = (id) => {
  list.drop(id);
  if (opened() === id) open(null);
};
const follow = () => {
  const events = new EventSource("/events");
  let later = null; // changes that come while the list is on its way are newer than it
  const receive = (act) => {
    act();
    later?.push(act);
  };
  events.addEventListener("open", trying(async () => {
    const since = [];
    later = since;
    list.replace(await getJson("/songs"));
    since.forEach((act) => act());
    if (later === since) later = null;
    showOpen();
  }));
  events.addEventListener("song", ({ data }) => receive(() => changed(JSON.parse(data))));
  events.addEventListener("removed", ({ data }) => receive(() => removed(JSON.parse(data).id)));
};
document.querySelector("#search").addEventListener("input", ({ target }) => list.filter(target.value));
addEventListener("hashchange", showOpen);
addEventListener("keydown", (event) => player.key(event));
addEventListener("keyup", (event) => {
  // a button in the player would take the space bar for a click
  if (event.key === " " && player.holds(event.target)) event.preventDefault();
});
follow();
window.dssganPlayer = player; // for whoever looks into the page
