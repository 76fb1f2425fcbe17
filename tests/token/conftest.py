"""The fixtures of the token's tests."""

from tests.token.faulty import faulty, faulty_library

__all__ = ["faulty", "faulty_library"]
