"""Terms that what is made of songs has to keep."""

import pytest

from dssgan.data.rights import share_alike


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Salamander Drumkit: CC BY-SA 3.0 (Alexander Holm)", ("CC BY-SA 3.0",)),
        ("kit: CC-BY-SA-4.0", ("CC-BY-SA-4.0",)), ("NAM_models: GPL-3.0 (members)", ("GPL-3.0",)),
        ("GMRockKit: Glen MacArthur / Sebastian Moors, GPL", ("GPL",)), ("TimGM6mb: GPL-2 (Tim Brechbill)", ("GPL-2",)),
        ("FluidSynth: LGPL-2.1", ()),
        ("Jim Harney, Creative Commons - Attribution-ShareAlike 3.0 Unported", ("Attribution-ShareAlike 3.0",)),
        ("piano: CC BY 4.0 (Bengt Nilsson)", ()), ("CC0 1.0", ()), ("", ()),
    ],
)  # fmt: skip
def test_licences_that_ask_for_the_same_terms(line: str, found: tuple[str, ...]) -> None:
    assert share_alike([line]) == found


def test_each_is_named_once() -> None:
    assert share_alike(["a: GPL-2", "b: GPL-2; CC BY-SA 3.0"]) == ("CC BY-SA 3.0", "GPL-2")
