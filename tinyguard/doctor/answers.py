"""What an examination says: an answer to each question, in parts; plain values, read by whoever shows them."""

from __future__ import annotations

from enum import Enum

from tinyguard.record import Record


class Verdict(Enum):
    """UNKNOWN: it could not be examined, or only the user knows whether it is right."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Answer(Record):
    """One line of a report. Its words may hold names of the user's: untrusted text."""

    question: str  # "targets", "every parameter gets a gradient"
    verdict: Verdict
    told: str  # what was seen, with its numbers
    change: str = ""  # what to change, where something is wrong or may be


class Part(Record):
    """The answers about one thing: "loader `train_loader`", "model `net`"."""

    title: str
    answers: tuple[Answer, ...] = ()


class Report(Record):
    """An examination of everything that lay ready."""

    parts: tuple[Part, ...] = ()
    seconds: float = 0.0  # that it took

    def answers(self, verdict: Verdict) -> tuple[Answer, ...]:
        return tuple(answer for part in self.parts for answer in part.answers if answer.verdict is verdict)

    def answer(self, title: str, question: str) -> Answer:
        """The answer to this question about this thing. Raises KeyError when it was not asked."""
        for part in self.parts:
            for answer in part.answers:
                if part.title == title and answer.question == question:
                    return answer
        raise KeyError((title, question))


def ok(question: str, told: str) -> Answer:
    return Answer(question=question, verdict=Verdict.OK, told=told)


def wrong(question: str, told: str, change: str) -> Answer:
    return Answer(question=question, verdict=Verdict.WRONG, told=told, change=change)


def unknown(question: str, told: str, change: str = "") -> Answer:
    return Answer(question=question, verdict=Verdict.UNKNOWN, told=told, change=change)
