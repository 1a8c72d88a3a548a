"""The state of a training -> text, picture, HTML and JSON. Pure: no torch, no kernel, no clock."""
