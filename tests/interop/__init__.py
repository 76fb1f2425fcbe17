"""Other people's programs against our CA, as it runs."""
