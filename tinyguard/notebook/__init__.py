"""Files -> cells of Python whose positions are those of the file."""
