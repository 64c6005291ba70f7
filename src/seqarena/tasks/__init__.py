"""The tasks, by name."""

from seqarena.errors import unknown
from seqarena.tasks.base import AnyTask, StepTask, Task
from seqarena.tasks.classification import Classification
from seqarena.tasks.forecasting import Forecasting
from seqarena.tasks.labelling import Labelling
from seqarena.tasks.multi_label_classification import MultiLabelClassification
from seqarena.tasks.next_step import LanguageModelling, MusicModelling
from seqarena.tasks.quantile_forecasting import QuantileForecasting
from seqarena.tasks.regression import Regression
from seqarena.tasks.transduction import Transduction

__all__ = ["TASKS", "AnyTask", "StepTask", "Task", "task_for"]


def task_for(name: str, where: str = "task") -> AnyTask:
    """Look a task up; raises `InputError` naming the nearest."""
    if name not in TASKS:
        raise unknown(where, "task", name, TASKS)
    return TASKS[name]


TASKS: dict[str, AnyTask] = {
    "classification": Classification(),
    "forecasting": Forecasting(),
    "labelling": Labelling(),
    "language_modelling": LanguageModelling(),
    "multi_label_classification": MultiLabelClassification(),
    "music_modelling": MusicModelling(),
    "quantile_forecasting": QuantileForecasting(),
    "regression": Regression(),
    "transduction": Transduction(),
}
