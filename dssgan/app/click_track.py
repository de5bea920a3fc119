"""A click on the beats of a song, and a count before the first of them."""

from dataclasses import dataclass

import numpy as np

from dssgan.types import Audio

COUNT = 4  # beats that are counted before a song

_CLICK_HZ, _CLICK_SECONDS, _CLICK_LEVEL = 1500.0, 0.05, 0.5


@dataclass(frozen=True)
class ClickTrack:
    """Short tones on beats.

    Args:
        beats: times, seconds, rising.
        sample_rate: Hz.
        channels: number of channels, all alike.
    """

    beats: tuple[float, ...]
    sample_rate: int
    channels: int

    def read(self, start_frame: int, num_frames: int) -> Audio:
        """Return an excerpt, (channels, samples)."""
        audio = np.zeros(num_frames, np.float32)
        sound = self._sound()
        for beat in self.beats:
            at = round(beat * self.sample_rate) - start_frame
            first, last = max(at, 0), min(at + len(sound), num_frames)
            if first < last:
                audio[first:last] = sound[first - at : last - at]
        return np.broadcast_to(audio, (self.channels, num_frames)).copy()

    def _sound(self) -> Audio:
        seconds = np.arange(round(_CLICK_SECONDS * self.sample_rate)) / self.sample_rate
        tone = np.sin(2 * np.pi * _CLICK_HZ * seconds) * np.exp(-seconds / (_CLICK_SECONDS / 5))
        sound: Audio = (_CLICK_LEVEL * tone).astype(np.float32)
        return sound

    def counted_in(self) -> tuple["ClickTrack", int]:
        """Return a click that counts `COUNT` beats before the first one.

        Returns:
            The click, and how many samples later the song begins in it.
        """
        if len(self.beats) < 2:
            return self, 0
        period = float(np.median(np.diff(self.beats[: COUNT + 1])))
        lead_frames = max(round((COUNT * period - self.beats[0]) * self.sample_rate), 0)
        lead = lead_frames / self.sample_rate
        first = self.beats[0] + lead
        counted = [first - number * period for number in range(COUNT, 0, -1)]
        later = (beat + lead for beat in self.beats)
        return ClickTrack((*(max(beat, 0.0) for beat in counted), *later), self.sample_rate, self.channels), lead_frames
