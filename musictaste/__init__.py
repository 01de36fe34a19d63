"""Know your own music by mood and by style."""

import os

__version__ = "0.1.0"

# From 1.29 on, onnxruntime tells Microsoft which models run where, and keeps a number of the device for that in the
# user's cache, unless it is forbidden before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
