"""Names of columns that are no names in Python, in TensorFlow, or of a file."""

from __future__ import annotations

NUMBERS = (
    "pick up", "pick-up", "pick_up", "distance (km)", "what?", "km/h", "a:b", "v1.0", "it's",
    'so "good"', "50 %", "#1", "a=b", "a,b", "{SPAN}", "1st", "_hidden", "거리 (km)", "Größe", "🚕",
    "x" * 300, "class", "examples", "features", "scores", "self", "name", "inputs", "args",
    "column_0", "distance", "distance_xf", "distance_xf_xf", "<b>bold</b>", "back\\slash", "$HOME",
    "tab\there", " padded ",
)  # fmt: skip
TEXTS = ("stop name", "stop-name", "../up", "y" * 300, "정류장", "label.text", "None")
BUCKETS = ("hour of day", "Stunde?", "시간")
LABEL = "취소 (0/1)"
TIME = "시작 at?"
INPUTS = (*NUMBERS, *sorted(BUCKETS), *TEXTS)
