"""The colours of pictures and of the page that shows them."""

from __future__ import annotations

# Okabe and Ito (2008), "Color Universal Design": told apart with any colour vision.
BLUE, ORANGE = "#0072B2", "#C04E00"
INK, SOFT, MIST, FAINT = "#1c2530", "#5c6874", "#b3bcc6", "#dfe3e8"
PALE_BLUE, PALE_ORANGE = "#6DB3DC", "#F0A070"  # so pale that ink is read on them
