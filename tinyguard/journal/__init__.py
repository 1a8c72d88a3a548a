"""The journal: what happens, line by line, in a file that outlives the kernel; and what can be read off it."""
