"""The pre-flight: what lies ready in a kernel, examined before it is trained, on copies and batches of our own."""
