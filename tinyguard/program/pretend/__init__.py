"""Static witness: the pretend torch and its companions. What they are called by, what calling them does."""
