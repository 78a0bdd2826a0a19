"""A game day on one machine: a pool of nodes, customers who need it, and remediation that acts."""
