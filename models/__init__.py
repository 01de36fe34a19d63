"""The model files, found through importlib.resources."""
