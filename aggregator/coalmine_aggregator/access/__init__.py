"""Who may do what: tokens, sign-in by OpenID Connect, a proxy's word, roles, and the audit log."""
