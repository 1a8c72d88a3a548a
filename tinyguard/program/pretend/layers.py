"""What is known of torch.nn's layers and losses: a table of names. Adding a layer is adding its name."""

from __future__ import annotations

import re

from tinyguard.pattern import pattern
from tinyguard.program.pretend.values import Layer

_WITH_PARAMETERS = """
    Linear LazyLinear Bilinear Identity_ Conv1d Conv2d Conv3d LazyConv1d LazyConv2d LazyConv3d ConvTranspose1d
    ConvTranspose2d ConvTranspose3d Embedding EmbeddingBag LayerNorm GroupNorm RMSNorm PReLU LocalResponseNorm_
    MultiheadAttention_
"""
_NORMALISING = """
    BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm
    InstanceNorm1d_ InstanceNorm2d_ InstanceNorm3d_
"""
_DROPPING = "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout"
_RECURRENT = "RNN LSTM GRU RNNCell GRUCell LSTMCell MultiheadAttention"
_TRANSFORMERS = """
    Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer
"""
_PASSING = "Identity Flatten Unflatten"
_ACTIVATIONS = {
    "Softmax": "softmax",
    "Softmax2d": "softmax",
    "LogSoftmax": "log_softmax",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "logsigmoid",
}
_LOSSES = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "NLLLoss2d": "nll_loss",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "MSELoss": "mse_loss",
    "KLDivLoss": "kl_div",
    "GaussianNLLLoss": "gaussian_nll_loss",
    "PoissonNLLLoss": "poisson_nll_loss",
    "CTCLoss": "ctc_loss",
    "MultiLabelMarginLoss": "multilabel_margin_loss",
    "MultiLabelSoftMarginLoss": "multilabel_soft_margin_loss",
    "L1Loss": "l1_loss",
}
FUNCTIONAL_LOSSES = frozenset(_LOSSES.values()) | {
    "smooth_l1_loss",
    "huber_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "cosine_embedding_loss",
}
FUNCTIONAL_ACTIVATIONS = {
    "softmax": "softmax",
    "softmin": "softmax",
    "gumbel_softmax": "softmax",
    "log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
    "logsigmoid": "logsigmoid",
    "expit": "sigmoid",
}

# Without `dim` torch takes one by the number of dimensions of the input, and warns; the methods of tensors ask for it.
DIMENSIONED = frozenset({"softmax", "log_softmax", "softmin", "Softmax", "LogSoftmax", "Softmin"})

LAYERS: dict[str, Layer] = {}
for _name in _WITH_PARAMETERS.split():
    if not _name.endswith("_"):
        LAYERS[_name] = Layer(_name, parameters=True)
for _name in _NORMALISING.split():
    LAYERS[_name.rstrip("_")] = Layer(
        _name.rstrip("_"), parameters=not _name.endswith("_"), mode_matters=not _name.endswith("_")
    )
for _name in _DROPPING.split():
    LAYERS[_name] = Layer(_name, mode_matters=True, passes=True)
for _name in _RECURRENT.split():
    LAYERS[_name] = Layer(_name, parameters=True, recurrent=not _name.endswith(("RNNCell", "GRUCell")))
for _name in _TRANSFORMERS.split():
    LAYERS[_name] = Layer(_name, parameters=True, mode_matters=True)
for _name in _PASSING.split():
    LAYERS[_name] = Layer(_name, passes=True)
for _name, _activation in _ACTIVATIONS.items():
    LAYERS[_name] = Layer(_name, activation=_activation)
for _name, _function in _LOSSES.items():
    LAYERS[_name] = Layer(_name, criterion=_function)

CONTAINERS = frozenset({"Sequential", "ModuleList", "ModuleDict"})
OTHER = Layer("Module")  # any other layer of torch.nn: a function without parameters


def layer_named(name: str) -> Layer:
    """The layer of this class name in torch.nn; classes that are not in the table have no parameters."""
    layer = LAYERS.get(name)
    if layer is None:
        function = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Loss")).lower() + "_loss"
        criterion = function if name.endswith("Loss") else ""
        layer = LAYERS[name] = Layer(name, criterion=criterion)
    return layer


def opaque(kind: str, *, mode_matters: bool) -> Layer:
    """A whole network of a library that we do not look into."""
    return Layer(kind, parameters=True, mode_matters=mode_matters, opaque=True)


OPAQUE_WITHOUT_MODE = pattern(r"^(?:vgg\d+|squeezenet)$")
