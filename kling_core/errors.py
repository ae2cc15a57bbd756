"""What a user did wrong, where, and what to do about it. Every check reports through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One mistake: `where` it is ("shot 3, line 2"), `what` is wrong, and the `remedy`."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}"


class KlingError(Exception):
    """A user's mistake, or several of them. The command line prints it and exits with code 2."""

    def __init__(self, *problems: Problem):
        if not problems:
            raise ValueError("a KlingError needs at least one Problem")
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class ProblemList:
    """Collects mistakes so that a user sees all of them at once, not one a run."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, where: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(where, what.rstrip("."), remedy))

    def gather(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """What the function returns, or None where it raises a KlingError, whose mistakes are taken over."""
        try:
            return function(*arguments, **named)
        except KlingError as error:
            self.problems += error.problems
            return None

    def raise_if_any(self) -> None:
        if self.problems:
            raise KlingError(*self.problems)
