"""Static witness: the usual companions of a training. Most read their arguments and keep none of them."""

from __future__ import annotations

from typing import Any

from tinyguard.program.machine import KNOWN, PACKAGES, Call, Machine
from tinyguard.program.pretend.data import dataset_of, make_subset
from tinyguard.program.pretend.known import Handler, data, known
from tinyguard.program.pretend.tensors import activated, combined_tensors
from tinyguard.program.pretend.values import Tensor
from tinyguard.program.values import Tuple, Unknown

HARMLESS = """
    abc argparse array ast base64 bisect bz2 calendar cmath codecs collections colorsys contextlib copy csv
    ctypes dataclasses datetime decimal difflib enum errno fractions functools gc getpass glob gzip hashlib
    heapq hmac html http importlib inspect io itertools json keyword linecache locale logging lzma math
    mimetypes multiprocessing numbers operator os pathlib pickle pickletools platform pprint queue random re
    sched secrets select shelve shlex shutil signal socket sqlite3 statistics string struct subprocess sys
    tarfile tempfile textwrap threading time timeit token tokenize traceback types typing typing_extensions
    unicodedata unittest urllib uuid warnings weakref xml zipfile zlib numpy pandas scipy matplotlib seaborn
    sklearn skimage cv2 PIL imageio plotly bokeh altair tqdm tensorboard tensorboardX torchsummary torchinfo
    torchviz torchmetrics wandb mlflow neptune comet_ml visdom IPython ipywidgets google requests yaml h5py
    joblib nltk spacy gensim tokenizers sentencepiece datasets evaluate sacrebleu rouge_score psutil GPUtil
    humanize thop fvcore ptflops netron onnx onnxruntime albumentations imgaug imutils librosa soundfile
    networkx sympy numba cupy xgboost lightgbm statsmodels gym gymnasium kaggle gdown wget torchaudio
    torchdata livelossplot prettytable tabulate rich colorama termcolor dotenv omegaconf hydra pycocotools
    faiss umap shap lime captum tensorflow keras jax flax pydantic attr
""".split()


def harmless_handler(path: str) -> Handler:
    return data


@known("einops.rearrange", "einops.reduce", "einops.repeat", "einops.einsum")
def einops(machine: Machine, call: Call) -> Any:
    return combined_tensors(machine, *call.values(), width=None)


@known(
    "tqdm.tqdm",
    "tqdm.notebook.tqdm",
    "tqdm.auto.tqdm",
    "tqdm.tqdm_notebook",
    "tqdm.autonotebook.tqdm",
    "rich.progress.track",
)
@known(
    "tqdm.notebook.tqdm_notebook",
    "fastprogress.progress_bar",
    "fastprogress.master_bar",
    "fastprogress.fastprogress.progress_bar",
)
@known(
    "fastprogress.fastprogress.master_bar",
    "tqdm.std.tqdm",
    "alive_progress.alive_it",
    "tqdm.asyncio.tqdm",
)
@known("progressbar.progressbar", "tqdm.autonotebook.tqdm_notebook", "tqdm", "tqdm.rich.tqdm")
def progress_bar(machine: Machine, call: Call) -> Any:
    """A progress bar around an iterable is that iterable."""
    if call.args:
        return call.args[0]
    return call.kwargs.get("iterable", Unknown())


@known("tqdm.trange", "tqdm.notebook.trange", "tqdm.auto.trange", "tqdm.tnrange", "tqdm.autonotebook.trange")
def trange(machine: Machine, call: Call) -> Any:
    return KNOWN["builtins.range"](machine, Call(call.args, {}, call.node, call.frame))


@known("sklearn.model_selection.train_test_split")
def train_test_split(machine: Machine, call: Call) -> Any:
    parts: list[Any] = []
    for value in call.args:
        dataset = dataset_of(machine, value)
        for _ in range(2):
            parts.append(
                make_subset(machine, Call([value], {}, call.node, call.frame)) if dataset else split_part(value)
            )
    return Tuple(tuple(parts))


def split_part(value: Any) -> Any:
    return Tensor() if isinstance(value, Tensor) else Unknown()


@known("scipy.special.softmax", "scipy.special.expit")
def scipy_activation(machine: Machine, call: Call) -> Any:
    value = call.argument(0)
    return activated(machine, value, "softmax") if isinstance(value, Tensor) else Unknown()


for _name in HARMLESS:
    PACKAGES[_name] = harmless_handler
