// Talks to the app.
export class AppError extends Error {}

const failed = async (answer) => {
  const { error } = await answer.json().catch(() => ({}));
  return new AppError(error ?? `the app answered ${answer.status}`);
};

export const request = async (path, options = {}) => {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new AppError("the app does not answer; is it still running?");
  }
  if (!answer.ok) throw await failed(answer);
  return answer;
};

export const getJson = async (path) => (await request(path)).json();

export const send = async (method, path, body) => {
  const options = { method };
  if (body !== undefined) Object.assign(options, { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  const answer = await request(path, options);
  return answer.status === 204 ? null : answer.json();
};

// Sends a file; by XMLHttpRequest, since fetch does not report progress.
export const upload = (file, options, onProgress) => new Promise((resolve, reject) => {
  const query = new URLSearchParams({ name: file.name, ...options });
  const sending = new XMLHttpRequest();
  sending.open("POST", `/songs?${query}`);
  sending.setRequestHeader("content-type", "application/octet-stream");
  sending.responseType = "json";
  sending.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded / total));
  sending.addEventListener("load", () => {
    if (sending.status === 201) resolve(sending.response);
    else reject(new AppError(sending.response?.error ?? `the app answered ${sending.status}`));
  });
  sending.addEventListener("error", () => reject(new AppError("the app does not answer; is it still running?")));
  sending.send(file);
});

// A signal's excerpts, as numbers. The last few are kept.
export class Excerpts {
  constructor(song) {
    this.song = song;
    this.kept = new Map();
  }

  async read(names, first, frames) {
    const key = `${names.join()} ${first} ${frames}`;
    if (!this.kept.has(key)) {
      this.kept.set(key, this.fetch(names, first, frames));
      if (this.kept.size > 12) this.kept.delete(this.kept.keys().next().value);
    }
    try {
      return new Map(await this.kept.get(key));
    } catch (error) {
      this.kept.delete(key);
      throw error;
    }
  }

  async fetch(names, first, frames) {
    const query = new URLSearchParams({ signals: names.join(), start: first, frames });
    const answer = await request(`/songs/${this.song.id}/audio?${query}`);
    const scale = Number(answer.headers.get("x-scale"));
    const numbers = new Int16Array(await answer.arrayBuffer());
    const { channels } = this.song;
    const length = numbers.length / (names.length * channels);
    const channel = (index) => Float32Array.from(numbers.subarray(index * length, (index + 1) * length), (value) => value / scale);
    return new Map(names.map((name, number) => [
      name, Array.from({ length: channels }, (_, which) => channel(number * channels + which)),
    ]));
  }
}

// Calls onPeaks with the pairs of lowest and highest so far, as a waveform comes in.
export const readWaveform = async (song, name, onPeaks, signal) => {
  const answer = await request(`/songs/${song.id}/waveform/${name}`, { signal });
  const framesAPeak = Number(answer.headers.get("x-frames-a-peak"));
  const total = 2 * Math.ceil((song.seconds * song.sample_rate) / framesAPeak) + 2;
  const peaks = new Int8Array(total);
  let length = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const part = new Int8Array(value.buffer, value.byteOffset, Math.min(value.byteLength, total - length));
    peaks.set(part, length);
    length += part.length;
    onPeaks(peaks.subarray(0, length - (length % 2)), framesAPeak);
  }
};
