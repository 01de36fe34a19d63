"""How well the user's own listening is predicted from what came before it, and what would be needed to do better."""
