"""Unknowns that are affine in one other unknown, x = factor * parent + offset: a union-find forest that can go back."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field

import numpy as np

from bnfold.gauge.equations import GROUND, Ids, Reals

_DEEP = 16


@dataclass
class _Undo:
    linked: list[Ids] = field(default_factory=list)
    moved: list[tuple[Ids, Ids, Reals, Reals, Reals]] = field(default_factory=list)


class Forest:
    """Which unknown hangs on which.

    Attributes:
        link: int64 [size], the unknown that each was linked to, itself if it is free.
        origin: int64 [size], who asked for that link, -1 if it is free.
    """

    def __init__(self, size: int) -> None:
        self.link: Ids = np.arange(size)
        self.origin: Ids = np.full(size, -1)
        self._parent = np.arange(size)
        self._factor = np.ones(size)
        self._offset = np.zeros(size)
        self._error = np.zeros(size)
        self._undo: list[_Undo] = []
        self._deep = False

    def copy(self) -> Forest:
        """An independent forest with the same links; none may be open to be taken back."""
        twin = copy(self)
        for name, part in vars(self).items():
            if isinstance(part, np.ndarray):
                setattr(twin, name, part.copy())
        twin._undo = []
        return twin

    def begin(self) -> None:
        """Links from here on can be taken back with `rollback`; calls nest."""
        if self._deep and not self._undo:
            self.flatten()
            self._deep = False
        self._undo.append(_Undo())

    def commit(self) -> None:
        """Keep the links since the last `begin`."""
        done = self._undo.pop()
        if self._undo:
            self._undo[-1].linked += done.linked
            self._undo[-1].moved += done.moved

    def rollback(self) -> None:
        """Take back the links since the last `begin`."""
        undo = self._undo.pop()
        for ids, parent, factor, offset, error in reversed(undo.moved):
            self._parent[ids], self._factor[ids] = parent, factor
            self._offset[ids], self._error[ids] = offset, error
        for ids in undo.linked:
            self._parent[ids] = self.link[ids] = ids
            self._factor[ids], self._offset[ids], self._error[ids] = 1, 0, 0
            self.origin[ids] = -1

    def hang(self, child: Ids, parent: Ids, factor: Reals, offset: Reals, error: Reals, origin: Ids) -> None:
        """Let free unknowns, each named once, be factor * parent + offset; a parent has a smaller id than its child."""
        self._parent[child] = self.link[child] = parent
        self._factor[child], self._offset[child], self._error[child] = factor, offset, error
        self.origin[child] = origin
        if self._undo:
            self._undo[-1].linked.append(child)

    def find(self, ids: Ids) -> tuple[Ids, Reals, Reals, Reals]:
        """Roots of unknowns, with factor, offset and error: x = factor * root + offset, within some eps of error.

        Where all are roots themselves, `ids` is returned as it is and the rest as scalars.
        """
        flat = ids.reshape(-1)
        root = self._parent.take(flat)
        if (root == flat).all():
            return ids, np.ones(()), np.zeros(()), np.zeros(())
        factor, offset, error = self._factor.take(flat), self._offset.take(flat), self._error.take(flat)
        distant = far = np.flatnonzero(self._parent.take(root) != root)
        steps = 0
        while len(far):
            if steps == _DEEP:
                self.flatten()
                self._deep = True
            at, size = root.take(far), factor.take(far)
            offset[far] += size * self._offset.take(at)
            error[far] += np.abs(size) * self._error.take(at)
            factor[far] = size * self._factor.take(at)
            root[far] = parent = self._parent.take(at)
            far = far[self._parent.take(parent) != parent]
            steps += 1
        if steps:
            self._move(flat[distant], root[distant], factor[distant], offset[distant], error[distant])
        shape = ids.shape
        return root.reshape(shape), factor.reshape(shape), offset.reshape(shape), error.reshape(shape)

    def flatten(self) -> None:
        """Let unknowns point at their roots, in steps that double the distance.

        Where it must be taken back, only those linked meanwhile: their parents are linked meanwhile or roots.
        """
        if self._undo:
            far = np.concatenate([self._parent[:0], *(ids for undo in self._undo for ids in undo.linked)])
        else:
            far = np.flatnonzero(self._parent != GROUND)
        while True:
            parent = self._parent[far]
            beyond = self._parent[parent] != parent
            far, parent = far[beyond], parent[beyond]
            if not len(far):
                return
            factor = self._factor[far]
            self._move(
                far,
                self._parent[parent],
                factor * self._factor[parent],
                self._offset[far] + factor * self._offset[parent],
                self._error[far] + np.abs(factor) * self._error[parent],
            )

    def _move(self, ids: Ids, parent: Ids, factor: Reals, offset: Reals, error: Reals) -> None:
        """Let unknowns point farther along their chains, which changes no equation."""
        if self._undo:
            old = (self._parent[ids], self._factor[ids], self._offset[ids], self._error[ids])
            self._undo[-1].moved.append((ids, *old))
        self._parent[ids], self._factor[ids] = parent, factor
        self._offset[ids], self._error[ids] = offset, error
