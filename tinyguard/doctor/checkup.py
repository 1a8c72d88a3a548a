"""The whole examination: a namespace -> a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import nn

from tinyguard.doctor import influence, learning, loaders, randomness, setting
from tinyguard.doctor.answers import Answer, Part, Report, ok, unknown, wrong
from tinyguard.doctor.drawing import Batch, NoBatchError, draw, reason
from tinyguard.doctor.subjects import Subjects
from tinyguard.doctor.trial import NoTrialError, Trial
from tinyguard.doctor.undisturbed import undisturbed
from tinyguard.report.text import plural

SECONDS = 30.0  # for everything
READING_S = 6.0  # for a batch, and as much for the files of a data set
LEARNING_S = 6.0  # for learning a batch by heart
MOST = 8  # models, and loaders


def doctor(
    namespace: Mapping[str, Any],
    *,
    seconds: float = SECONDS,
    aside: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Report:
    """Examines the models, loaders, criteria and optimizers of a kernel, or of `globals()`.

    Models are tried on deep copies, batches are drawn past their loaders, random numbers are our own: nothing of the
    user's changes, as far as their own code (`forward`, `__getitem__`, `collate_fn`) changes nothing but the objects
    it is called on. What cannot be examined costs that answer alone. When `seconds` are over, what is left is skipped.

    `aside`: within it, a guard that watches this process looks away.
    """
    began = perf_counter()
    with aside():
        subjects = Subjects(namespace)
        with undisturbed(subjects.generators()):
            parts = _Checkup(subjects, began + seconds).parts()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()  # what the copies took
    return Report(parts=tuple(parts), seconds=perf_counter() - began)


class _Checkup:
    def __init__(self, subjects: Subjects, until: float) -> None:
        self._subjects = subjects
        self._until = until
        self._batches: dict[str, Batch | NoBatchError] = {}

    def parts(self) -> list[Part]:
        subjects = self._subjects
        if not (subjects.models or subjects.loaders or subjects.optimizers):
            told = "no model, loader or optimizer has a name here"
            return [Part(title="kernel", answers=(unknown("subjects", told, "run the cells that build them"),))]
        found = [Part(title="kernel", answers=tuple(_safely("memory", setting.memory)))]
        for name in list(subjects.loaders)[:MOST]:
            split = subjects.split(name)
            title = f"loader `{name}`" + (f" ({split})" if split else "")
            found.append(Part(title=title, answers=tuple(_safely("loader", partial(self._loader, name)))))
        for name in list(subjects.models)[:MOST]:
            found.append(Part(title=f"model `{name}`", answers=tuple(self._model(name))))
        for name in subjects.optimizers:
            found.append(
                Part(
                    title=f"optimizer `{name}`",
                    answers=tuple(_safely("optimizer", partial(self._optimizer, name))),
                )
            )
        left = [*list(subjects.loaders)[MOST:], *list(subjects.models)[MOST:]]
        if left:
            found.append(
                Part(title="left out", answers=(unknown("others", f"{plural(len(left), 'more loader or model')}"),))
            )
        return found

    def _loader(self, name: str) -> list[Answer]:
        return loaders.examined(self._subjects.loaders[name], self._batch(name), self._seconds(READING_S))

    def _optimizer(self, name: str) -> list[Answer]:
        subjects = self._subjects
        return setting.optimizer(name, subjects.optimizers[name], subjects.models, subjects.optimizers.values())

    def _model(self, name: str) -> list[Answer]:
        model = self._subjects.models[name]
        answers = _safely("model", lambda: setting.model(model))
        if not any(parameter.requires_grad for parameter in model.parameters()):
            return answers
        try:
            trial, loader = self._trial(model)
        except (NoTrialError, NoBatchError) as error:
            return [*answers, unknown("forward", f"it could not be tried: {error}")]
        how = f", {trial.given.words}" if trial.given.words else ""
        answers.append(ok("forward", f"a batch of `{loader}`{how} gives {tuple(trial.output.shape)}"))
        for question, ask in (
            ("classes", lambda: self._classes(trial, loader)),
            ("two passes in eval mode agree", lambda: randomness.of_eval_mode(trial)),
            ("a sample's output depends on it alone", lambda: influence.of_other_samples(trial)),
            ("no step sees later ones", lambda: influence.of_later_steps(trial)),
            ("every input has an influence", lambda: influence.of_inputs(trial)),
            ("every parameter gets a gradient", lambda: learning.gradients(trial)),
            ("first loss", lambda: learning.first_loss(trial)),
            (
                "can learn one batch by heart",
                lambda: learning.by_heart(trial, seconds=self._seconds(LEARNING_S)),
            ),
        ):
            if perf_counter() > self._until:
                answers.append(unknown(question, "time ran out"))
            else:
                answers += _safely(question, ask)
        return answers

    def _trial(self, model: nn.Module) -> tuple[Trial, str]:
        """On a batch of the first loader that the model takes one of. Raises NoTrialError or NoBatchError."""
        first: Exception | None = None
        for name in self._subjects.training_loaders() or list(self._subjects.loaders):
            batch = self._batch(name)
            try:
                if isinstance(batch, NoBatchError):
                    raise batch
                return Trial(model, batch, self._subjects.criteria), name
            except (NoTrialError, NoBatchError) as error:
                first = first or error
            except Exception as error:
                first = first or NoTrialError(reason(error))
        raise first or NoTrialError("there is no loader to take a batch from")

    def _classes(self, trial: Trial, loader: str) -> Answer | None:
        """[I5]: the classes of the data against the outputs of the model."""
        question, output = "outputs", trial.output
        dataset = self._subjects.loaders[loader].dataset
        batch = self._batch(loader)
        labels = loaders.labels_of(dataset, batch if isinstance(batch, Batch) else None)
        if output.dim() != 2 or labels is None:
            return None
        named, outputs = loaders.classes_named(dataset), output.shape[1]
        if outputs == 1:
            return None
        highest = max(labels.high + 1, named or 0)
        told = f"{outputs}, for {highest} classes"
        if outputs < highest:
            return wrong(question, told, f"build the model with {highest} outputs")
        if outputs > highest and (labels.whole or named):
            return unknown(question, told, f"unless that is meant, build the model with {highest} outputs")
        return ok(question, told if labels.whole or named else f"{outputs}; labels in the batch reach {labels.high}")

    def _batch(self, loader: str) -> Batch | NoBatchError:
        if loader not in self._batches:
            try:
                self._batches[loader] = draw(self._subjects.loaders[loader], seconds=self._seconds(READING_S))
            except NoBatchError as error:
                self._batches[loader] = error
        return self._batches[loader]

    def _seconds(self, most: float) -> float:
        return max(0.0, min(most, self._until - perf_counter()))


def _safely(question: str, ask: Callable[[], Any]) -> list[Answer]:
    """The answer, or several, or none; a fault of ours or of the user's code costs this answer alone."""
    try:
        found = ask()
    except NoTrialError as error:
        return [unknown(question, str(error))]
    except Exception as error:
        return [unknown(question, f"it could not be tried: {reason(error)}")]
    return [] if found is None else [found] if isinstance(found, Answer) else list(found)
