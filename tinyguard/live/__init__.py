"""Live witness: torch and the kernel -> events. The only stage that imports torch."""
