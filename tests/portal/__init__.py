"""The pages where customers log in: by themselves (ASGI), behind real TLS, and in a real browser."""
