"""From findings to alerts that open, change and close, one page for each cause. Pure."""
