"""The static witness follows one object through names, containers, attributes and loops."""

from __future__ import annotations

import pytest
from watched import watch

from tinyguard.events import (
    BackwardRan,
    BatchDrawn,
    LoaderBuilt,
    ModelBuilt,
    ModeSet,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    SchedulerBuilt,
    SchedulerStepped,
)

MODEL = "model = nn.Linear(4, 3)\n"


@pytest.mark.parametrize(
    "hand_on",
    [
        "other = model",
        "other = first = model",
        "other, rest = model, 5",
        "(rest, other), tail = (5, model), 6",
        "rest, *others = 5, 6, model\nother = others[-1]",
        "other = {'net': model}['net']",
        "box = {}\nbox['net'] = model\nother = box.get('net')",
        "box = dict(net=model)\nother = box.pop('net')",
        "box = {**{'net': model}}\nother = box['net']",
        "box = {}\nbox.update(net=model)\nother = box['net']",
        "box = {}\nother = box.setdefault('net', model)",
        "other = list({'net': model}.values())[0]",
        "for name, other in {'net': model}.items(): pass",
        "other = [5, model][1]",
        "other = [5, model][-1]",
        "other = [5, 6, model][1:][1]",
        "items = []\nitems.append(model)\nother = items[0]",
        "items = [5]\nitems += [model]\nother = items[1]",
        "items = [5]\nitems.extend([model])\nother = items.pop()",
        "items = [5] + [model]\nother = items[1]",
        "other = [model for _ in range(1)][0]",
        "other = {name: model for name in ['net']}['net']",
        "other = next(iter([model]))",
        "for other in [model]: pass",
        "for other in (model,): pass",
        "for index, other in enumerate([model]): pass",
        "for number_, other in zip([1], [model]): pass",
        "other = tuple([model])[0]",
        "(other := model)",
        "class Box: pass\nbox = Box()\nbox.net = model\nother = box.net",
        "class Box: pass\nBox.net = model\nother = Box().net",
        "class Box: pass\nbox = Box()\nsetattr(box, 'net', model)\nother = getattr(box, 'net')",
        "from types import SimpleNamespace\nbox = SimpleNamespace(net=model)\nother = box.net",
        "import collections\nBox = collections.namedtuple('Box', 'net size')\nbox = Box(model, 5)\nother = box.net",
        "import collections\nbox = collections.defaultdict(list)\nbox['nets'].append(model)\nother = box['nets'][0]",
        "other = model.to('cuda')",
        "other = model.cuda().float().train()",
        "other = torch.compile(model)",
        "other = model if model else None",
        "other = None\nother = other or model",
        "other = (lambda value: value)(model)",
        "other: nn.Module = model",
    ],
)
def test_a_model_handed_on_is_the_same_model(hand_on: str) -> None:
    seen = watch(f"{MODEL}{hand_on}\nother.eval()")
    assert seen.last(ModeSet).model == seen.object("model")


@pytest.mark.parametrize(
    "build",
    ["other = nn.Linear(4, 3)", "import copy\nother = copy.deepcopy(model)", "other = type(model)(4, 3)"],
)
def test_a_model_built_or_copied_is_another(build: str) -> None:
    seen = watch(f"{MODEL}{build}\nother.eval()")
    assert seen.last(ModeSet).model == seen.object("other") != seen.object("model")


@pytest.mark.parametrize("give", ["eval('model')", "globals()['model']", "unknown_library.build()", "undefined"])
def test_what_cannot_be_read_may_be_anybody_s_model(give: str) -> None:
    seen = watch(f"import unknown_library\nother = {give}\nother(torch.ones(2, 4)).sum().backward()")
    assert seen.one(BackwardRan).reaches == Parameters(complete=False)


@pytest.mark.parametrize("give", ["torch.ones(2, 4)", "np.load('x.npy')", "open('x').read()", "len(undefined)"])
def test_unknown_data_has_no_graph(give: str) -> None:
    seen = watch(f"import numpy as np\n{MODEL}(model(torch.ones(2, 4)) * {give}).sum().backward()")
    assert seen.one(BackwardRan).reaches == seen.one(ModelBuilt).parameters


def test_a_copied_model_has_parameters_of_its_own() -> None:
    seen = watch(
        f"import copy\n{MODEL}twin = copy.deepcopy(model)\n"
        "optim.SGD(model.parameters(), 0.1)\noptim.SGD(twin.parameters(), 0.1)"
    )
    one, other = seen.all(OptimizerBuilt)
    assert one.parameters.disjoint(other.parameters)


def test_a_model_built_again_has_other_parameters() -> None:
    seen = watch(
        f"{MODEL}optimizer = optim.SGD(model.parameters(), lr=0.1)\n{MODEL}"
        "model(torch.ones(2, 4)).sum().backward()\noptimizer.step()"
    )
    assert seen.one(BackwardRan).reaches.disjoint(seen.one(OptimizerStepped).parameters)


def test_what_an_optimizer_holds_and_what_backward_reaches_are_the_same_leaves() -> None:
    seen = watch(
        """
        # %%
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2))
                self.heads = nn.ModuleList([nn.Linear(2, 3) for _ in range(2)])
                self.scale = nn.Parameter(torch.ones(1))
            def forward(self, x):
                x = self.body(x).flatten(1) * self.scale
                return sum(head(x) for head in self.heads)
        net = Net()
        optimizer = optim.SGD(net.parameters(), lr=0.1)
        net(torch.ones(2, 1, 3, 3)).sum().backward()
        optimizer.step()
        """
    )
    built = seen.one(ModelBuilt)
    assert built.kind == "Net"
    assert len(built.parameters.leaves) == 5
    assert built.parameters == seen.one(OptimizerBuilt).parameters == seen.one(BackwardRan).reaches
    assert seen.one(OptimizerStepped).optimizer == seen.one(OptimizerBuilt).optimizer


@pytest.mark.parametrize("children", ["list(net.children())", "net.children()", "net"])
def test_every_block_of_a_long_stack_is_frozen_by_a_loop(children: str) -> None:
    seen = watch(
        "net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), *[nn.Linear(4, 4) for _ in range(30)])\n"
        f"for block in {children}:\n    for p in block.parameters():\n        p.requires_grad = False\n"
        "head = nn.Linear(4, 3)\nhead(net(torch.ones(2, 4))).sum().backward()"
    )
    assert seen.one(BackwardRan).reaches == seen.all(ModelBuilt)[-1].parameters


DEEP = """
# %%
def stack(width, depth):
    blocks = [nn.Linear(4, width)]
    for _ in range(1, depth):
        blocks.append(nn.Linear(width, width))
    return {held}
net = stack(8, {depth})
optimizer = optim.SGD(net.parameters(), lr=0.1)
"""


@pytest.mark.parametrize("depth", [2, 30])
@pytest.mark.parametrize(
    "held", ["nn.Sequential(*blocks)", "nn.ModuleList(blocks)", "nn.Sequential(nn.ReLU(), *blocks)"]
)
def test_a_long_stack_of_blocks_is_complete_like_a_short_one(held: str, depth: int) -> None:
    seen = watch(DEEP.format(held=held, depth=depth))
    assert seen.one(OptimizerBuilt).parameters.complete
    assert seen.one(OptimizerBuilt).parameters.leaves > seen.all(ModelBuilt)[0].parameters.leaves


@pytest.mark.parametrize(
    "chosen",
    [
        "blocks[1:]",
        "blocks[7:]",
        "[block for block in blocks if flag()]",
        "list(nn.Sequential(*blocks).children())[7:]",
        "list(nn.ModuleList(blocks).children())[7:]",
    ],
)
def test_a_part_of_a_long_stack_may_hold_any_of_its_blocks(chosen: str) -> None:
    seen = watch(
        f"def flag(): return torch.rand(1) > 0.5\n"
        f"blocks = [nn.Linear(4, 4) for _ in range(30)]\nrest = nn.Sequential(*{chosen})\n"
        f"optim.SGD(rest.parameters(), lr=0.1)"
    )
    built = seen.all(ModelBuilt)
    assert seen.one(OptimizerBuilt).parameters.leaves == built[0].parameters.union(built[1].parameters).leaves


@pytest.mark.parametrize(
    "given",
    [
        "model.parameters()",
        "list(model.parameters())",
        "[p for p in model.parameters()]",
        "[p for p in model.parameters() if p.requires_grad]",
        "filter(lambda p: p.requires_grad, model.parameters())",
        "[{'params': model.parameters()}]",
        "[{'params': model.parameters(), 'lr': 0.1}]",
        "[p for name, p in model.named_parameters()]",
        "[model.weight, model.bias]",
        "params=model.parameters()",
        "{'params': model.parameters()}.values()",
    ],
)
def test_an_optimizer_takes_the_parameters_it_is_given(given: str) -> None:
    seen = watch(f"{MODEL}optim.SGD({given}, lr=0.1)")
    assert seen.one(OptimizerBuilt).parameters.leaves == seen.one(ModelBuilt).parameters.leaves


def test_the_parameters_of_two_models_are_both() -> None:
    seen = watch("a, b = nn.Linear(1, 1), nn.Linear(1, 1)\noptim.Adam(list(a.parameters()) + list(b.parameters()))")
    a, b = seen.all(ModelBuilt)
    assert seen.one(OptimizerBuilt).parameters == a.parameters.union(b.parameters)


def test_a_frozen_part_is_neither_held_nor_reached() -> None:
    seen = watch(
        "a, b = nn.Linear(4, 4), nn.Linear(4, 3)\n"
        "for p in a.parameters():\n    p.requires_grad = False\n"
        "b(a(torch.ones(2, 4))).sum().backward()"
    )
    assert seen.one(BackwardRan).reaches == seen.all(ModelBuilt)[1].parameters


def test_a_detached_loss_reaches_nothing() -> None:
    seen = watch(f"{MODEL}model(torch.ones(2, 4)).detach().sum().backward()")
    assert seen.one(BackwardRan).reaches == Parameters()


def test_a_scheduler_knows_its_optimizer() -> None:
    seen = watch(
        f"{MODEL}optimizer = optim.SGD(model.parameters(), lr=0.1)\n"
        "scheduler = optim.lr_scheduler.StepLR(optimizer, 5)\nscheduler.step()"
    )
    assert seen.one(SchedulerBuilt).optimizer == seen.one(SchedulerStepped).optimizer == seen.object("optimizer")


def test_a_batch_comes_from_the_loader_that_is_iterated() -> None:
    seen = watch(
        "train_loader, test_loader = (DataLoader(datasets.MNIST('.', train=train)) for train in (True, False))\n"
        "loaders = {'train': train_loader, 'val': test_loader}\n"
        "for phase in ['train', 'val']:\n"
        "    for step, (x, y) in enumerate(loaders[phase]):\n"
        "        pass\n"
    )
    train, test = seen.all(LoaderBuilt)
    assert (train.samples.split, test.samples.split) == ("train", "test")
    assert list(dict.fromkeys(event.loader for event in seen.all(BatchDrawn))) == [train.loader, test.loader]


@pytest.mark.parametrize(
    "around", ["tqdm({})", "enumerate({})", "iter({})", "zip({}, range(5))", "list({})", "islice({}, 5)"]
)
def test_what_wraps_a_loader_draws_its_batches(around: str) -> None:
    seen = watch(
        "from tqdm import tqdm\nfrom itertools import islice\n"
        f"loader = DataLoader(datasets.MNIST('.', train=True))\nfor item in {around.format('loader')}: pass"
    )
    assert {event.loader for event in seen.all(BatchDrawn)} == {seen.object("loader")}


def test_a_loss_remembers_the_loader_and_the_model() -> None:
    seen = watch(
        f"{MODEL}loader = DataLoader(datasets.MNIST('.', train=True), batch_size=8)\n"
        "for x, y in loader:\n    F.cross_entropy(model(x.view(-1, 4)), y).backward()"
    )
    ran = seen.last(BackwardRan)
    assert ran.loader == seen.object("loader")
    assert [use.model for use in ran.models] == [seen.object("model")]
    assert ran.criterion == "cross_entropy"
    assert ran.samples is not None
    assert ran.samples.split == "train"
