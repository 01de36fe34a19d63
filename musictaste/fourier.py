"""The Fourier transform of real numbers in single precision, by scipy.

Of scipy only the compiled transforms are loaded: its package of them also imports special functions, a Fortran parser
and tests of numpy, which takes a quarter of a second, as long as hearing a track.
"""

from __future__ import annotations

from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

Reals = NDArray[np.float32]


def _compiled() -> Any:
    """pypocketfft; scipy keeps it to itself, so where it lies elsewhere one day there is None."""
    spec = PathFinder.find_spec("pypocketfft", [str(Path(scipy.__path__[0], "fft", "_pocketfft"))])
    if not spec or not spec.loader:
        return None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module if hasattr(module, "r2c") and hasattr(module, "c2r") else None


_pocketfft = _compiled()


def rfft(samples: Reals) -> NDArray[np.complex64]:
    """The transform of each row [..., n], complex64 [..., 1 + n // 2]; scipy.fft.rfft's."""
    if _pocketfft is None:
        import scipy.fft

        return np.asarray(scipy.fft.rfft(samples))
    return np.asarray(_pocketfft.r2c(samples, (samples.ndim - 1,)))


def irfft(spectrum: NDArray[np.complex64] | Reals) -> Reals:
    """The real numbers [2 (n - 1)] of which this is the transform [n]; scipy.fft.irfft's."""
    if _pocketfft is None:
        import scipy.fft

        return np.asarray(scipy.fft.irfft(spectrum))
    whole = spectrum.astype(np.complex64, copy=False)
    return np.asarray(_pocketfft.c2r(whole, (0,), 2 * (len(whole) - 1), forward=False, inorm=2))
