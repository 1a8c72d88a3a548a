"""Static witness: the pretend data pipeline. Data sets, transforms, loaders, and what tells their split."""

from __future__ import annotations

from typing import Any

from tinyguard.datasets import data_set, data_set_at
from tinyguard.events import BatchDrawn, DatasetBuilt, LoaderBuilt, Samples
from tinyguard.program.calls import made_instance
from tinyguard.program.containers import collected
from tinyguard.program.iteration import batch_of
from tinyguard.program.machine import ATTRIBUTE, CALL, MAKERS, SET_ATTRIBUTE, Call, Machine
from tinyguard.program.pretend.values import Dataset, Loader, Tensor, Transform
from tinyguard.program.values import (
    CONSTANT,
    MISSING,
    Class,
    Instance,
    Int,
    Iteration,
    List,
    Method,
    Range,
    Tuple,
    Unknown,
)
from tinyguard.splits import FOLDERS, PART, SPLIT_ARGUMENTS, SPLIT_WORDS, is_random_transform, split_of_path

# --- what tells the split ---------------------------------------------------------------------------------------------


def split_of(call: Call) -> tuple[str | None, str]:
    """The split that constructor arguments name, and the evidence in words."""
    flag = call.kwargs.get("train", call.kwargs.get("is_train", call.kwargs.get("training")))
    if isinstance(flag, bool):
        return ("train" if flag else "test"), f"train={flag}"
    for name in SPLIT_ARGUMENTS:
        value = call.kwargs.get(name)
        if isinstance(value, str) and value.lower() in SPLIT_WORDS:
            return SPLIT_WORDS[value.lower()], f"{name}={value!r}"
    for value in call.args:
        if isinstance(value, str) and value.lower() in SPLIT_WORDS:
            return SPLIT_WORDS[value.lower()], f"{value!r}"
    for value in call.values():
        if isinstance(value, str) and ("/" in value or "\\" in value or "." in value):
            split = split_of_path(value)
            if split is not None:
                return split, f"path {value!r}"
    return None, ""


def samples_of_call(machine: Machine, call: Call, kind: str) -> Samples:
    """What a data set's constructor tells about its samples."""
    split, evidence = split_of(call)
    root = call.argument(0, "root")
    root = root if isinstance(root, str) else None
    if kind in FOLDERS and root is not None:
        split = split_of_path(root)
        evidence = f"folder {root.rstrip('/').rpartition('/')[2]!r}" if split else ""
    if kind == "EMNIST":
        kind, split, evidence = _emnist(call)
    known = data_set(kind) or data_set_at(root)
    if known is not None and split is None and kind in _TRAIN_FIRST:
        flag = call.argument(1, "train", True)
        if isinstance(flag, bool):
            split, evidence = ("train" if flag else "test"), f"train={flag}"
    transform = next((value for value in call.values() if isinstance(value, Transform)), None)
    return Samples(
        kind=kind,
        split=split,
        evidence=evidence,
        size=known.size(split) if known else None,
        classes=known.classes if known and call.kwargs.get("target_transform") is None else None,
        root=root,
        augmentation=transform.augmentation if transform else (),
        class_order="sorted" if kind in FOLDERS else _class_order(call),
        rearranged=kind in FOLDERS and machine.rearranges(),
    )


def _emnist(call: Call) -> tuple[str, str | None, str]:
    """EMNIST is six data sets; its argument `split` names one of them, and has nothing to do with training."""
    name, train = call.argument(1, "split"), call.kwargs.get("train", True)
    split = ("train" if train else "test") if isinstance(train, bool) else None
    return f"EMNIST {name}" if isinstance(name, str) else "EMNIST", split, f"train={train}" if split else ""


def _class_order(call: Call) -> str | None:
    """Where a list of class names among the arguments comes from: a file's name, or "sorted"."""
    for value in call.values():
        first = value.items[0] if isinstance(value, List) and value.items else None
        key = first.key if isinstance(first, Unknown) else None
        names = []
        while isinstance(key, tuple) and len(key) > 1:
            names.append(key[0])
            if key[0] == "file":
                return "sorted" if "sorted" in names else f"of {key[1].rpartition('/')[2]}"
            key = key[1]
    return None


_TRAIN_FIRST = frozenset({"MNIST", "FashionMNIST", "KMNIST", "QMNIST", "CIFAR10", "CIFAR100", "USPS"})

# --- data sets --------------------------------------------------------------------------------------------------------


def new_dataset(machine: Machine, samples: Samples) -> Dataset:
    dataset = Dataset(machine.new_number(), samples, built=machine.place())
    if not samples.sources:
        dataset.fields["samples"] = samples.replace(sources=frozenset((dataset.number,)))
    machine.emit(DatasetBuilt, dataset=dataset.number, samples=dataset.samples)
    return dataset


def make_dataset(machine: Machine, call: Call) -> Dataset:
    """torchvision.datasets.<Something>(...)"""
    samples = samples_of_call(machine, call, call.path.rpartition(".")[2])
    if samples.kind == "FakeData":
        size, classes = call.argument(0, "size", 1000), call.argument(2, "num_classes", 10)
        samples = samples.replace(
            size=int(size) if isinstance(size, int) else None,
            classes=int(classes) if isinstance(classes, int) else None,
        )
    return new_dataset(machine, samples)


def make_tensor_dataset(machine: Machine, call: Call) -> Dataset:
    tensors = [value for value in call.args if isinstance(value, Tensor)]
    sources = frozenset(number for tensor in tensors for number in _sources_of(tensor))
    size = tensors[0].length if tensors else None
    return new_dataset(machine, Samples(kind="TensorDataset", sources=sources, size=size))


def _sources_of(tensor: Tensor) -> frozenset[int]:
    return frozenset(number for loader in tensor.loaders for number in loader.samples.sources)


def dataset_of(machine: Machine, value: Any) -> Dataset | None:
    """The data set that a value is: one of ours, or an object of a user's Dataset class."""
    if isinstance(value, Dataset):
        return value
    if isinstance(value, Instance) and value.cls is not None:
        known: Dataset | None = value.fields.get("(dataset)")
        if known is None:
            known = Dataset(machine.new_number(), Samples(kind=value.cls.name), built=value.built)
            known.instance = value
            machine.heap.write(value.fields, "(dataset)", known)
        return known
    return None


def make_user_dataset(machine: Machine, cls: Class, call: Call) -> Any:
    """An object of a user's Dataset class: what its arguments and its attributes tell."""
    instance = made_instance(machine, cls, call)
    samples = samples_of_call(machine, call, cls.name)
    inner = [value for value in instance.fields.values() if isinstance(value, Dataset)]
    if len(inner) == 1 and samples.split is None:
        samples = inner[0].samples.replace(kind=inner[0].samples.kind or cls.name)
    dataset = Dataset(machine.new_number(), samples, built=instance.built)
    dataset.fields["samples"] = samples.replace(sources=samples.sources or frozenset((dataset.number,)))
    dataset.instance = instance
    instance.fields["(dataset)"] = dataset
    machine.emit(DatasetBuilt, dataset=dataset.number, samples=dataset.samples)
    return instance


def make_subset(machine: Machine, call: Call) -> Any:
    """A part of a data set: its own split, told by its name or else unknown; the origin is remembered."""
    parent = dataset_of(machine, call.argument(0, "dataset"))
    indices = call.argument(1, "indices")
    size: Any = len(indices.items) if isinstance(indices, List) and indices.exact else None
    if isinstance(indices, Range) and isinstance(indices.stop, int) and isinstance(indices.start, int):
        size = indices.stop - indices.start
    if isinstance(indices, Tensor):
        size = indices.length
    chosen = isinstance(indices, Unknown) or (isinstance(indices, List) and not indices.exact)
    return _part_of(machine, parent, size, chosen=chosen) if parent else Unknown()


def _part_of(machine: Machine, parent: Dataset, size: Any = None, *, chosen: bool = False) -> Dataset:
    """`chosen`: perhaps by class, so that nobody knows of how many classes the part is."""
    samples = parent.samples.replace(classes=None) if chosen else parent.samples
    evidence = PART if samples.split == "train" else samples.evidence
    size = int(size) if isinstance(size, int) and size > 1 else None
    return new_dataset(machine, samples.replace(evidence=evidence, size=size))


def make_random_split(machine: Machine, call: Call) -> Any:
    parent = dataset_of(machine, call.argument(0, "dataset"))
    lengths = call.argument(1, "lengths")
    number = len(lengths.items) if isinstance(lengths, (List, Tuple)) else 2
    if parent is None:
        return Unknown()
    given = lengths.items if isinstance(lengths, (List, Tuple)) and lengths.items else (None,) * number
    return Tuple(tuple(_part_of(machine, parent, size) for size in _sizes(given, parent.samples.size)[:6]))


def _sizes(lengths: tuple[Any, ...], total: int | None) -> tuple[Any, ...]:
    """Lengths as they are, or fractions of the total; of what rounding leaves, the first parts get one sample each."""
    if not all(isinstance(length, float) for length in lengths):
        return lengths
    if total is None or abs(sum(lengths) - 1) > 1e-6:
        return (None,) * len(lengths)
    sizes = [int(total * fraction) for fraction in lengths]
    left = total - sum(sizes)
    return tuple(size + (index < left) for index, size in enumerate(sizes))


def make_concat(machine: Machine, call: Call) -> Any:
    """Several data sets as one: what they agree on."""
    items, _ = collected(machine, call.argument(0, "datasets"), call.frame)
    parts = [dataset for item in items if (dataset := dataset_of(machine, item)) is not None]
    if not parts:
        return Unknown()
    first = parts[0].samples
    same = all(part.samples.split == first.split for part in parts)
    sizes = [part.samples.size for part in parts]
    return new_dataset(
        machine,
        first.replace(
            split=first.split if same else None,
            evidence=first.evidence if same else "",
            size=sum(size for size in sizes if size) if all(sizes) else None,
            sources=frozenset(number for part in parts for number in part.samples.sources),
        ),
    )


def attribute_of_dataset(machine: Machine, dataset: Dataset, name: str) -> Any:
    if name in dataset.fields and name != "samples":
        return dataset.fields[name]
    if name == "classes" and dataset.samples.classes:
        return List(machine.new_number(), {"items": (Unknown(),) * dataset.samples.classes, "exact": True})
    if name == "dataset":
        return dataset
    if name in ("data", "targets", "labels", "imgs", "samples", "class_to_idx", "indices", "train_data", "test_data"):
        return Unknown()
    return Method(dataset, name)


def set_attribute_of_dataset(machine: Machine, dataset: Dataset, name: str, value: Any) -> None:
    if name == "transform":
        seen = value.augmentation if isinstance(value, Transform) else ()
        machine.heap.write(dataset.fields, "samples", dataset.samples.replace(augmentation=seen))
    elif name in ("data", "targets", "labels", "samples", "imgs"):
        changed = dataset.samples.sources | {machine.new_number()}  # not the published data set any more
        machine.heap.write(dataset.fields, "samples", dataset.samples.replace(size=None, classes=None, sources=changed))
    else:
        machine.heap.write(dataset.fields, name, value)


# --- transforms -------------------------------------------------------------------------------------------------------


def make_transform(machine: Machine, call: Call) -> Transform:
    """torchvision.transforms.<Something>(...)"""
    name = call.path.rpartition(".")[2]
    names: list[str] = []
    known = True
    for value in call.values():
        if isinstance(value, (List, Tuple)):
            for item in value.items:
                if isinstance(item, Transform):
                    names.extend(item.augmentation)
                    known = known and item.known
                elif not isinstance(item, CONSTANT):
                    known = False
        elif isinstance(value, Transform):
            names.extend(value.augmentation)
    if is_random_transform(name):
        probability = call.kwargs.get("p", 1)
        if probability != 0:
            names.append(name)
    return Transform(tuple(dict.fromkeys(names)), known=known)


def identity(machine: Machine, value: Any) -> int:
    """A number for a value that has none, the same each time."""
    number: int = machine.caches.setdefault(("identity", id(value)), machine.new_number())
    machine.caches[("kept", id(value))] = value  # so that its id is not used again
    return number


# --- loaders ----------------------------------------------------------------------------------------------------------


def make_loader(machine: Machine, call: Call) -> Loader:
    """torch.utils.data.DataLoader(...)"""
    given = call.argument(0, "dataset", Unknown())
    dataset = dataset_of(machine, given)
    samples = dataset.samples if dataset is not None else Samples()
    sampler = call.kwargs.get("sampler") or call.kwargs.get("batch_sampler") or call.argument(3, "sampler")
    has_sampler = sampler is not None
    if has_sampler and samples.split == "train":
        # A sampler picks part of the data; which part, only a name can tell.
        samples = samples.replace(evidence=PART, size=None, sources=frozenset((machine.new_number(),)))
    if dataset is None and not isinstance(given, CONSTANT):
        samples = samples.replace(sources=frozenset((identity(machine, given),)))
    whole = "batch_sampler" in call.kwargs  # it says which samples make a batch, and how many
    batch_size = None if whole else call.argument(1, "batch_size", 1)
    shuffle = call.argument(2, "shuffle", False)
    drop_last = call.argument(-1, "drop_last", False)
    known = not call.open
    if dataset is not None and dataset.instance is not None and _streams(dataset.instance):
        shuffle = None
    loader = Loader(
        machine.new_number(),
        {"samples": samples, "dataset": given, "batch_size": batch_size},
        built=machine.place(),
    )
    machine.emit(
        LoaderBuilt,
        loader=loader.number,
        samples=samples,
        dataset=dataset.number if dataset else None,
        shuffle=shuffle if isinstance(shuffle, bool) and (known or "shuffle" in call.kwargs) else None,
        sampler=has_sampler,
        batch_size_at=batch_size.place if isinstance(batch_size, Int) else None,
        batch_size=int(batch_size) if isinstance(batch_size, int) and (known or "batch_size" in call.kwargs) else None,
        drop_last=drop_last if isinstance(drop_last, bool) and known else None,
    )
    return loader


def _streams(instance: Instance) -> bool:
    """An iterable data set gives its samples in the order of its own; a loader cannot shuffle them."""
    return instance.cls is not None and instance.cls.find("__getitem__") is MISSING


def attribute_of_loader(machine: Machine, loader: Loader, name: str) -> Any:
    if name == "dataset":
        return loader.fields.get("dataset", Unknown())
    if name == "batch_size":
        return loader.fields.get("batch_size", Unknown())
    return Method(loader, name)


def draw(machine: Machine, iterable: Any) -> Any:
    """next(iter(loader)): one batch; MISSING's place is taken by UNKNOWN for anything else."""
    if isinstance(iterable, Loader):
        machine.emit(BatchDrawn, loader=iterable.number, samples=iterable.samples)
        return batch_of(iterable)
    if isinstance(iterable, Iteration):
        return iterable.combine(tuple(draw(machine, part) for part in iterable.parts), None)
    return Unknown(graph=isinstance(iterable, Unknown) and iterable.graph)


def call_method_of_loader(machine: Machine, loader: Loader, name: str, call: Call) -> Any:
    if name in ("next", "__next__", "next_batch"):
        return draw(machine, loader)
    if name == "__iter__":
        return loader
    return Unknown()


def call_method_of_dataset(machine: Machine, dataset: Dataset, name: str, call: Call) -> Any:
    return Unknown()


def call_transform(machine: Machine, transform: Transform, call: Call) -> Any:
    value = call.argument(0)
    return value if isinstance(value, Tensor) else Tensor()


METHODS_OF = {Loader: call_method_of_loader, Dataset: call_method_of_dataset}
ATTRIBUTE[Loader] = attribute_of_loader
ATTRIBUTE[Dataset] = attribute_of_dataset
SET_ATTRIBUTE[Dataset] = set_attribute_of_dataset
CALL[Transform] = call_transform
for _name in ("Dataset", "IterableDataset", "TensorDataset", "Subset", "ConcatDataset"):
    MAKERS[f"torch.utils.data.{_name}"] = make_user_dataset
