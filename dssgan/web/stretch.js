// Music at another speed and the same pitch: waveform similarity overlap-add. Source: Verhelst and Roelands, "An overlap-add
// technique based on waveform similarity (WSOLA) for high quality time-scale modification of speech", 1993.
// All signals of a song are cut at the same places, which are chosen by their sum, so that they stay in step.
export class Stretcher {
  static HOP = 1024;

  // read: (first frame, number of frames) -> Map of name to an array of channels; silence beyond the song's ends
  constructor(speed, read) {
    this.speed = speed;
    this.read = read;
    this.next = null; // where the last piece would go on
    this.tails = new Map();
    const { HOP } = Stretcher;
    this.window = Float32Array.from({ length: 2 * HOP }, (_, index) => 0.5 - 0.5 * Math.cos((Math.PI * index) / HOP));
  }

  // Return how many frames are read at a time: whole hops of the output.
  static round(frames, speed) {
    const step = Stretcher.HOP * speed;
    return Math.max(1, Math.round(frames / step)) * step;
  }

  async stretch(first, frames) {
    const { HOP } = Stretcher;
    const search = HOP / 2;
    const hops = Math.ceil(frames / (HOP * this.speed));
    const begin = Math.round(first - 2 * search - HOP);
    const length = Math.round(frames) + 4 * HOP + 4 * search;
    const signals = await this.read(begin, length);
    const sum = new Float32Array(length);
    signals.forEach((channels) => channels.forEach((channel) => {
      for (let index = 0; index < length; index += 1) sum[index] += channel[index];
    }));
    const places = [];
    for (let hop = 0; hop < hops; hop += 1) {
      const ideal = Math.round(first + hop * HOP * this.speed) - begin;
      const place = this.next === null ? ideal : this.similar(sum, ideal, this.next - begin, search);
      places.push(place);
      this.next = place + HOP + begin;
    }
    const stretched = new Map();
    signals.forEach((channels, name) => stretched.set(name, channels.map(
      (channel, number) => this.join(channel, places, `${name} ${number}`),
    )));
    return stretched;
  }

  similar(sum, ideal, wanted, search) {
    if (wanted < 0 || wanted + Stretcher.HOP > sum.length) return ideal;
    let best = ideal;
    let most = -Infinity;
    for (let place = ideal - search; place <= ideal + search; place += 2) {
      let product = 0;
      let energy = 1e-9;
      for (let index = 0; index < Stretcher.HOP; index += 4) {
        const value = sum[place + index];
        product += value * sum[wanted + index];
        energy += value * value;
      }
      const similarity = product / Math.sqrt(energy);
      if (similarity > most) {
        most = similarity;
        best = place;
      }
    }
    return best;
  }

  join(channel, places, key) {
    const { HOP } = Stretcher;
    const out = new Float32Array(places.length * HOP + HOP);
    const tail = this.tails.get(key);
    if (tail) out.set(tail);
    // nothing comes before the first piece: it begins at once
    const fresh = !tail;
    places.forEach((place, hop) => {
      for (let index = 0; index < 2 * HOP; index += 1) {
        const weight = fresh && hop === 0 && index < HOP ? 1 : this.window[index];
        out[hop * HOP + index] += weight * channel[place + index];
      }
    });
    this.tails.set(key, out.slice(places.length * HOP));
    return out.subarray(0, places.length * HOP);
  }
}
