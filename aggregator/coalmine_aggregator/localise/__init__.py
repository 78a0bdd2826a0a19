"""From counts to scopes: which patterns explain a loss. Pure."""
