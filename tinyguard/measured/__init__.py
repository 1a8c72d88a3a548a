"""Events that only a run can tell: numbers that are measured while it goes on. Nobody reads them off the source."""
