"""From settled counts to alerts that open, change scope and close. Pure."""
