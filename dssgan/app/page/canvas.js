// Draws waveforms and spectrograms.
const fit = (canvas) => {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.max(1, Math.round(canvas.clientWidth * ratio)), Math.max(1, Math.round(canvas.clientHeight * ratio))];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return canvas.getContext("2d");
};

// peaks: pairs of lowest and highest; view: {from, to} in frames; full: the peak that fills the canvas
export const drawWaveform = (canvas, peaks, framesAPeak, view, colour, full = 64) => {
  const context = fit(canvas);
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  context.fillStyle = colour;
  const perPixel = (view.to - view.from) / width / framesAPeak;
  for (let pixel = 0; pixel < width; pixel += 1) {
    const first = Math.floor(view.from / framesAPeak + pixel * perPixel);
    const last = Math.max(first + 1, Math.floor(view.from / framesAPeak + (pixel + 1) * perPixel));
    let low = 127;
    let high = -128;
    for (let index = first; index < last && 2 * index + 1 < peaks.length; index += 1) {
      low = Math.min(low, peaks[2 * index]);
      high = Math.max(high, peaks[2 * index + 1]);
    }
    if (high < low) break;
    const top = (1 - Math.min(high / full, 1)) * (height / 2);
    const bottom = (1 - Math.max(low / full, -1)) * (height / 2);
    context.fillRect(pixel, top, 1, Math.max(1, bottom - top));
  }
};

// from near black through violet and orange to near white, rising in lightness
const STOPS = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];
const COLOURS = Uint8ClampedArray.from({ length: 256 * 4 }, (_, index) => {
  const at = (Math.floor(index / 4) / 255) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  return index % 4 === 3 ? 255 : STOPS[low][index % 4] + (at - low) * (STOPS[low + 1][index % 4] - STOPS[low][index % 4]);
});

// shade: rows of bytes from the highest band down
export const drawSpectrogram = (canvas, shade, columns) => {
  const context = fit(canvas);
  const rows = shade.length / columns;
  const image = new ImageData(columns, rows);
  shade.forEach((value, index) => image.data.set(COLOURS.subarray(4 * value, 4 * value + 4), 4 * index));
  const buffer = new OffscreenCanvas(columns, rows);
  buffer.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(buffer, 0, 0, canvas.width, canvas.height);
};
