"""What a file is refused with."""


class ModelFileError(ValueError):
    """A file that holds no model that can be loaded here; the message says what was expected and what came."""
