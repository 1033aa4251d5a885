"""Where tensors of a file go: where they were, or to the CPU where there is no such place."""

import warnings

import torch


class Devices:
    """The devices that are here, and those that were asked for in vain."""

    def __init__(self):
        self._missing = set()

    def known(self, device):
        """A device that is here.

        Parameters
        ----------
        device : str, torch.device or None
            As it was where the file was written; None is no device, and stays so.

        Returns
        -------
        device : str, torch.device or None
            "cpu" if it is not here.

        Raises
        ------
        RuntimeError
            If torch knows no device of this name.
        """
        if device is None or _is_here(torch.device(device)):
            return device
        self._missing.add(str(device))
        return "cpu"

    def warn(self):
        """Says which devices are missing, if any are."""
        if self._missing:
            warnings.warn(
                f"the model was saved on {', '.join(sorted(self._missing))}, which torch does not see here: its "
                "tensors were put on the CPU. To fit it again, set its device to 'cpu'",
                stacklevel=3,
            )


def _is_here(device):
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return device.type == "cpu"
