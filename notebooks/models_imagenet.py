"""The four models of the comparison, for 64 x 64 images (TinyImageNet) and 32 x 32 ones (CIFAR-10).

All share one plan, a stem and four stages of 3 x 3 convolutions with batch norm, each stage halving the image and
doubling the channels. They differ only in what the comparison is about: skip connections, size, channel attention.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profiles import profile_named


class SqueezeExcitation(nn.Module):
    """Weighs every channel by what the whole image says about it (Hu et al., 2018)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, kernel_size=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.excite(self.squeeze(x))


class Block(nn.Module):
    """Two convolutions with batch norm; optionally channel attention after them and a skip connection around them."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, skip: bool = False, attention: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.attention = SqueezeExcitation(outputs) if attention else nn.Identity()
        self.skip = skip
        self.shortcut: nn.Module = nn.Identity()
        if skip and (stride != 1 or inputs != outputs):
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.attention(self.bn2(self.conv2(out)))
        if self.skip:
            out = out + self.shortcut(x)
        return self.relu(out)


class ConvNet(nn.Module):
    """Stem, four stages of `depths` blocks with `width`, 2, 4 and 8 times `width` channels, average pool, linear head.

    Takes images (batch, 3, height, width), returns logits (batch, num_classes).
    """

    def __init__(
        self,
        num_classes: int,
        *,
        width: int = 64,
        stem_stride: int = 1,
        depths: tuple[int, int, int, int] = (1, 1, 1, 1),
        skip: bool = False,
        attention: bool = False,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, kernel_size=3, stride=stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        blocks: list[nn.Module] = []
        channels = width
        for stage, depth in enumerate(depths):
            outputs = width * 2**stage
            for number in range(depth):
                stride = 2 if stage > 0 and number == 0 else 1
                blocks.append(Block(channels, outputs, stride, skip=skip, attention=attention))
                channels = outputs
        self.stages = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(self.stem(x))
        return self.classifier(torch.flatten(self.pool(x), 1))


def get_model(name: str, num_classes: int, *, profile: str | None = None) -> nn.Module:
    """A new, untrained model: `baseline`, `residual`, `deeper_wider` or `se_attention`.

    `profile` says how large it is, see profiles.py. `baseline` has four plain blocks, `residual` blocks with skip
    connections, `deeper_wider` more of those with half as many channels again, `se_attention` is `baseline` with
    channel attention. Raises ValueError for any other name.
    """
    size = profile_named(profile)
    if name == "baseline":
        return ConvNet(num_classes, width=size.width, stem_stride=size.stem_stride)
    if name == "residual":
        return ConvNet(num_classes, width=size.width, stem_stride=size.stem_stride, depths=size.residual, skip=True)
    if name == "deeper_wider":
        wider = size.width * 3 // 2
        return ConvNet(num_classes, width=wider, stem_stride=size.stem_stride, depths=size.deeper, skip=True)
    if name == "se_attention":
        return ConvNet(num_classes, width=size.width, stem_stride=size.stem_stride, attention=True)
    raise ValueError(f"no model is called {name!r}; there are 'baseline', 'residual', 'deeper_wider', 'se_attention'")


def count_parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
