"""Live witness: what has to be measured: losses, gradients, batches. Each measure writes few events, with numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tinyguard.live.measures.averages import Averages
from tinyguard.live.measures.clipping import Clipping
from tinyguard.live.measures.comparisons import Comparisons
from tinyguard.live.measures.cuts import Cuts
from tinyguard.live.measures.differences import Differences
from tinyguard.live.measures.dropping import Dropping
from tinyguard.live.measures.epochs import Epochs
from tinyguard.live.measures.evaluation import Evaluation
from tinyguard.live.measures.finiteness import NotFinite
from tinyguard.live.measures.generators import Generators
from tinyguard.live.measures.inputs import Inputs
from tinyguard.live.measures.labels import Labels
from tinyguard.live.measures.learning import Learning
from tinyguard.live.measures.memory import Memory, Outputs
from tinyguard.live.measures.mixing import Mixing
from tinyguard.live.measures.numbering import Numbering
from tinyguard.live.measures.opposition import Opposition
from tinyguard.live.measures.pairs import Pairs
from tinyguard.live.measures.parts import Parts
from tinyguard.live.measures.ranks import Ranks
from tinyguard.live.measures.rates import Rates
from tinyguard.live.measures.readings import Readings
from tinyguard.live.measures.repeats import Repeats
from tinyguard.live.measures.replaced import Replaced
from tinyguard.live.measures.saved_weights import SavedWeights
from tinyguard.live.measures.scales import Scales
from tinyguard.live.measures.seen import Seen
from tinyguard.live.measures.targets import Targets
from tinyguard.live.measures.ties import Ties
from tinyguard.live.measures.units import Units
from tinyguard.live.measures.unregistered import Unregistered
from tinyguard.live.measures.updates import Updates
from tinyguard.live.measures.varying import Varying
from tinyguard.live.measures.waiting import Waiting

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness


class Measure(Protocol):
    """Subscribes to what it needs (`on_backward`, `on_step`, `on_start`, `on_pass` ...) when the guard is attached.

    It costs next to nothing at most steps, does what costs something only while `recorder.affordable`, keeps a bounded
    state, changes nothing of the user's, holds no reference to a tensor or model beyond the step, and writes an event
    at the checkpoints of `Checkpoints`, not at every step. What the numbers mean is for a rule to say.
    """

    def attach(self, witness: Witness) -> None: ...


def measures(readings: Readings) -> tuple[Measure, ...]:
    """A new one of each. The readings of losses come before all of them."""
    evaluation = Evaluation()
    return (
        NotFinite(readings),
        Learning(readings),
        Updates(readings),
        Units(),
        Rates(readings),
        Outputs(),
        Memory(),
        Targets(),
        Labels(),
        Repeats(),
        Replaced(),
        Numbering(),
        Inputs(),
        Scales(),
        Parts(),
        Seen(),
        Pairs(),
        Generators(),
        Varying(),
        Waiting(),
        evaluation,
        Comparisons(evaluation),
        SavedWeights(),
        Ties(),
        Unregistered(),
        Cuts(),
        Differences(),
        Clipping(),
        Opposition(),
        Dropping(),
        Mixing(),
        Averages(),
        Epochs(),
        Ranks(),
    )
