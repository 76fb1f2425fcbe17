"""How the server's edges are served: processes behind sockets, TLS, and what a connection and a request may cost."""
