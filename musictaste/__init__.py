"""Know your own music by mood and by style."""

__version__ = "0.1.0"
