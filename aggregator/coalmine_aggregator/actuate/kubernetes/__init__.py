"""Readiness gates of Kubernetes: a condition of each pod, false while its node is out."""
