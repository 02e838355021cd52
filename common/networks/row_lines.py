"""Rows of maps that wait for a layer: few that every layer looks back at, or many in a queue.

Channels of a map lie next to each other (channels-last), so that a row is in one piece and rows are
joined by copying memory.
"""

from collections import deque

import torch
from torch import Tensor

Rows = Tensor | None  # (b, c, rows, w); None where none is ready yet


class Line:
    """The last few rows of a map, in a place of their own, so that the heap gets no holes."""

    rows: Tensor

    def __init__(self) -> None:
        self._empty = True

    def put(self, rows: Tensor) -> Tensor:
        """All that wait, (b, c, n, w), with `rows` at the end; `keep` says what stays of them."""
        return rows if self._empty else joined([self.rows, rows])

    def keep(self, rest: Tensor, end: bool = False) -> None:
        """The rows that go on waiting; with `end` none do."""
        if end:
            self._empty, self.rows = True, rest[:, :, :0].clone()
            return
        if self._empty or self.rows.shape != rest.shape:
            self.rows = rest.clone()
        else:
            self.rows.copy_(rest)
        self._empty = False


class Queue:
    """Many rows that wait, as the maps they came in; count: of rows."""

    def __init__(self) -> None:
        self.parts: deque[Tensor] = deque()
        self.count = 0

    def put(self, rows: Tensor) -> None:
        """Adds rows (b, c, n, w) at the end."""
        self.parts.append(rows)
        self.count += rows.shape[2]

    def take(self, count: int) -> Tensor:
        """The first `count` of the rows that are there."""
        self.count -= count
        taken: list[Tensor] = []
        while count:
            part = self.parts.popleft()
            if part.shape[2] > count:
                self.parts.appendleft(part[:, :, count:].clone())  # lets go of the others
            taken.append(part[:, :, :count])
            count -= taken[-1].shape[2]
        return joined(taken)


def joined(parts: list[Tensor]) -> Tensor:
    """Rows one below the other. Channels lie next to each other, so that rows are in one piece."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat([part.movedim(1, -1) for part in parts], 1).movedim(-1, 1)
