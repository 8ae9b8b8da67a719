"""Statements as trees, so that a failing one can be made smaller: a node is a text, a list of nodes,
or a Part, which has something smaller of the same type to stand in for it."""


class Part:
    """`node`, or `instead` once it has been found that it does not matter."""

    def __init__(self, node, instead=""):
        self.node = node
        self.instead = instead
        self.dropped = False


def text_of(node):
    if isinstance(node, str):
        return node
    if isinstance(node, Part):
        return text_of(node.instead if node.dropped else node.node)
    return "".join(text_of(child) for child in node)


def parts_of(node):
    """What could still be dropped, the largest first."""
    if isinstance(node, Part):
        if node.dropped:
            return parts_of(node.instead)
        return [node] + parts_of(node.node)
    if isinstance(node, list):
        return [part for child in node for part in parts_of(child)]
    return []


def shrink(statements, still_fails):
    """Drops statements, then parts of them, as long as what is left still fails. Changes the trees."""
    for i in reversed(range(len(statements))):
        fewer = statements[:i] + statements[i + 1:]
        if fewer and still_fails(fewer):
            statements = fewer
    progress = True
    while progress:
        progress = False
        for statement in statements:
            for part in parts_of(statement):
                part.dropped = True
                if part in parts_of(statement) or not still_fails(statements):
                    part.dropped = False
                else:
                    progress = True
                    break
    return statements
