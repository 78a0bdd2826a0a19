"""Questions about history, answered from the store by processes of their own."""
