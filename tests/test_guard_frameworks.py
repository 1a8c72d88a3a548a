"""The guard in trainings whose loop belongs to a framework: Lightning, Hugging Face, accelerate.

Their places are lines of this file, never of the framework.
"""

from __future__ import annotations

import linecache
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tinyguard.finding import Finding, Severity
from tinyguard.guard import Guard

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3))

    def forward(self, x: Any) -> Any:
        return self.body(x)


def samples(start: int, end: int) -> TensorDataset:
    x = torch.randn(480, 8, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x[start:end], ((x[:, 0] > 0).long() + (x[:, 1] > 0).long())[start:end])


def guarded(training: Callable[[], list[float]]) -> tuple[list[float], list[Finding]]:
    told: list[Finding] = []
    complaints: list[str] = []
    guard = Guard(tell=told.append, complain=complaints.append, path=__file__)
    guard.start()
    try:
        numbers = training()
    finally:
        guard.end()
    assert complaints == []
    return numbers, [finding for finding in told if finding.severity > Severity.NOTE]


def lines(told: list[Finding]) -> list[tuple[str, str]]:
    """The code of each finding but symptoms, and the text of the line where it stands."""
    for finding in told:
        assert finding.place.path == __file__
    causes = [finding for finding in told if not finding.code.startswith("TNY7")]
    return [(finding.code, linecache.getline(__file__, finding.place.line).strip()) for finding in causes]


def fingerprint(model: nn.Module) -> list[float]:
    return [*(tensor.double().sum().item() for tensor in model.state_dict().values()), torch.rand(1).item()]


# --- Lightning --------------------------------------------------------------------------------------------------------


def fit(kind: str) -> list[float]:
    lightning = pytest.importorskip("lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)

    class Lit(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()
            self.automatic_optimization = kind != "manual"

        def forward(self, x: Any) -> Any:
            return self.net(x)

        def training_step(self, batch: Any, _: int) -> Any:
            x, labels = batch
            if kind == "eval mode":
                self.eval()
            if kind == "softmax":
                return nn.functional.cross_entropy(self(x).softmax(1), labels)
            loss = nn.functional.cross_entropy(self(x), labels)
            if kind == "manual":
                optimizer = self.optimizers()
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
            return loss

        def validation_step(self, batch: Any, _: int) -> None:
            x, labels = batch
            self.log("accuracy", (self(x).argmax(1) == labels).float().mean())

        test_step = validation_step

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam((other if kind == "other model" else self).parameters(), lr=1e-2)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2)]

    lightning.seed_everything(0, verbose=False)
    model, other = Lit(), Lit()
    train_loader = DataLoader(samples(0, 320), batch_size=16, shuffle=True)
    val_loader, test_loader = DataLoader(samples(320, 400), batch_size=16), DataLoader(samples(400, 480), batch_size=16)
    trainer = lightning.Trainer(
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        accumulate_grad_batches=2 if kind == "accumulated" else 1,
    )
    trainer.fit(model, test_loader if kind == "test loader" else train_loader, val_loader)
    trainer.validate(model, val_loader, verbose=False)
    trainer.test(model, test_loader, verbose=False)
    return fingerprint(model)


@pytest.mark.parametrize("kind", ["automatic", "manual", "accumulated"])
def test_lightning_gives_the_same_and_nothing_is_told_of_it(kind: str) -> None:
    assert guarded(lambda: fit(kind)) == (fit(kind), [])


@pytest.mark.parametrize(
    ("kind", "code", "line"),
    [
        ("other model", "TNY501", "trainer.fit("),
        ("eval mode", "TNY301", "trainer.fit("),
        ("test loader", "TNY201", "trainer.fit("),
        ("softmax", "TNY401", "return nn.functional.cross_entropy("),
    ],
)
def test_a_fault_in_lightning_is_named_at_a_line_of_the_users(kind: str, code: str, line: str) -> None:
    _, told = guarded(lambda: fit(kind))
    ((found, where),) = lines(told)
    assert found == code
    assert where.startswith(line)


# --- Hugging Face -----------------------------------------------------------------------------------------------------


class Rows(Dataset[Any]):
    """As a Trainer wants them: dicts."""

    def __init__(self, rows: TensorDataset) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        x, label = self.rows[index]
        return {"inputs": x, "labels": label}


class Classifier(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.net, self.kind = Net(), kind

    def forward(self, inputs: Any, labels: Any = None) -> Any:
        logits = self.net(inputs)
        if self.kind == "softmax":
            logits = logits.softmax(1)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def huggingface(kind: str, folder: Path) -> list[float]:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    transformers.set_seed(0)
    model, other = Classifier(kind), Classifier(kind)
    optimizer = torch.optim.AdamW((other if kind == "other model" else model).parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step / 50))
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=3,
        per_device_train_batch_size=16,
        gradient_accumulation_steps=2 if kind == "accumulated" else 1,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        logging_strategy="no",
    )
    train_set, test_set = Rows(samples(0, 320)), Rows(samples(400, 480))
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=test_set if kind == "swapped" else train_set,
        eval_dataset=train_set if kind == "swapped" else test_set,
        optimizers=(optimizer, scheduler),
    )
    trainer.train()
    trainer.evaluate()
    return fingerprint(model)


@pytest.mark.parametrize("kind", ["plain", "accumulated"])
def test_a_trainer_gives_the_same_and_nothing_is_told_of_it(kind: str, tmp_path: Path) -> None:
    assert guarded(lambda: huggingface(kind, tmp_path)) == (huggingface(kind, tmp_path), [])


@pytest.mark.parametrize(
    ("kind", "code", "line"),
    [
        ("other model", "TNY501", "optimizer = torch.optim.AdamW("),
        ("swapped", "TNY201", "trainer.train()"),
        ("softmax", "TNY401", "logits = logits.softmax(1)"),
    ],
)
def test_a_fault_in_a_trainer_is_named_at_a_line_of_the_users(kind: str, code: str, line: str, tmp_path: Path) -> None:
    _, told = guarded(lambda: huggingface(kind, tmp_path))
    ((found, where),) = lines(told)
    assert found == code
    assert where.startswith(line)


# --- accelerate -------------------------------------------------------------------------------------------------------


def accelerated(kind: str) -> list[float]:
    accelerate = pytest.importorskip("accelerate")
    torch.manual_seed(0)
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    model, other = Net(), Net()
    optimizer = torch.optim.AdamW((other if kind == "other model" else model).parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 20)
    train_set, test_set = samples(0, 320), samples(400, 480)
    train_loader, test_loader = accelerator.prepare(
        DataLoader(train_set, batch_size=16, shuffle=True), DataLoader(test_set, batch_size=16)
    )
    model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)
    hits = []
    for _ in range(3):
        model.train()
        for x, labels in test_loader if kind == "test loader" else train_loader:
            with accelerator.accumulate(model):
                loss = nn.functional.cross_entropy(model(x), labels)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                if kind != "never cleared":
                    optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            hits.append(float(sum((model(x).argmax(1) == labels).sum() for x, labels in test_loader)))
    return [*hits, *fingerprint(model)]


def test_accelerate_gives_the_same_and_nothing_is_told_of_it() -> None:
    assert guarded(lambda: accelerated("plain")) == (accelerated("plain"), [])


@pytest.mark.parametrize(
    ("kind", "code"), [("other model", "TNY501"), ("test loader", "TNY201"), ("never cleared", "TNY506")]
)
def test_a_fault_in_an_accelerated_loop_is_named(kind: str, code: str) -> None:
    _, told = guarded(lambda: accelerated(kind))
    assert code in [found for found, _ in lines(told)]
