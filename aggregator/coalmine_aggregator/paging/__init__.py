"""Who hears of an alert, when and how often: routes, holds, escalations, rotas. Pure."""
