"""From what became of every series to findings, a file for each kind of trouble. Pure."""
