"""What a person can put right: the command line shows these as one line, everything else is a bug."""


class InputError(ValueError):
    """The table, the target or an option is not what is needed; the message says what was expected and what came."""


def shortened(names, limit=12):
    """The first names, separated by commas, and how many more there are; names with line breaks as in Python."""
    names = [name if name.isprintable() else repr(name) for name in map(str, names)]
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f", ... ({rest} more)" if rest > 0 else "")


def one_line(message, limit=200):
    """A message, or an exception's, without line breaks and not longer than a line or two."""
    text = " ".join(str(message).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
