"""Where a setting stands in its YAML file, so that what is wrong with it can be told by line."""

from collections.abc import Iterator

import yaml

# One parser for what is read and for where it stands: the two that PyYAML has differ over `{n: 1?}`.
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there
Keys = tuple[str, ...]  # the keys and numbers of list items that lead to a value, from the outermost on


def lines(text: str) -> dict[Keys, int]:
    """The line, from 1, on which each value's key stands, or the item where the value is one of a list.

    Raises yaml.YAMLError where the text is no YAML.
    """
    root = yaml.compose(text, Loader=SAFE)
    return {(): 1} | ({} if root is None else dict(_below(root, ())))


def line(text: str, keys: Keys) -> int:
    """The line of the value at `keys`; of what should hold it, where it is not there."""
    known = lines(text)
    return next(known[keys[:n]] for n in range(len(keys), -1, -1) if keys[:n] in known)


def _below(node: yaml.Node, at: Keys) -> Iterator[tuple[Keys, int]]:
    if isinstance(node, yaml.MappingNode):
        pairs = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        pairs = [(str(i), value, value) for i, value in enumerate(node.value)]
    else:
        return
    for name, marked, value in pairs:
        yield (*at, name), marked.start_mark.line + 1
        yield from _below(value, (*at, name))
