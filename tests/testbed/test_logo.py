"""What is drawn is a PNG that others read, in a bank's colour."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QImage

from tokenmgr.domain.look import LARGEST_LOGO, Look
from tokenmgr.testbed.logo import SIDE, Shape, logo


@pytest.mark.parametrize("shape", Shape)
def test_it_is_a_picture_in_two_colours_that_a_bank_may_have(shape: Shape) -> None:
    made = logo((11, 79, 138), shape)
    read = QImage.fromData(made)
    assert (read.width(), read.height()) == (SIDE, SIDE)
    seen = {read.pixelColor(x, y).name() for x in range(SIDE) for y in range(SIDE)}
    assert seen == {"#0b4f8a", "#ffffff"}
    assert len(made) < LARGEST_LOGO
    assert Look(logo=made).logo == made
