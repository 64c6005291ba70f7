"""Every picture is written, shows something, and refuses what it cannot show."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from seqarena.errors import InputError
from seqarena.plots.alignments import ALIGNMENT_PLOTS
from seqarena.plots.attention import ATTENTION_PLOTS
from seqarena.plots.costs import costs
from seqarena.plots.decodings import trade_off
from seqarena.plots.diagnostics import Reach, by_length, reaches
from seqarena.plots.gates import gate_maps
from seqarena.plots.labels import Dot, label_dots
from seqarena.plots.pairs import pairs, ranked
from seqarena.plots.parallel import Scale, parallel
from seqarena.plots.reliability import reliability, tenths
from seqarena.plots.results import confusion, forecasts, found_labels, learning_curves, scores
from seqarena.plots.steps import nlls, scatter, timelines
from seqarena.plots.style import DPI, heads_across, picture
from seqarena.plots.transitions import transition_scores
from seqarena.plots.triangles import STRIPS, is_triangle, triangle
from seqarena.plots.tuning import Curve, Strip, best_of_n, best_places, importance_bars

RANDOM = np.random.default_rng(0)
STEPS = {
    "text": RANDOM.integers(2, 90, 31),
    "audio": RANDOM.normal(size=(60, 40)).astype(np.float32),
    "signal": RANDOM.normal(size=(40, 12)).astype(np.float32),
    "series": RANDOM.normal(size=(168, 3)).astype(np.float32),
    "video": RANDOM.random((14, 1, 16, 16)).astype(np.float32),
}


def weights_for(count, heads=1):
    return RANDOM.dirichlet(np.full(count, 0.5), heads)


def assert_picture(path):
    picture = imread(path)
    height, width = picture.shape[:2]
    drawn = (picture[..., :3] < 0.97).any(axis=2)
    assert height > 150 and width > 300
    assert 0.005 < drawn.mean() < 0.95, "blank, or one flat colour"
    edges = (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1])
    assert not any(edge.any() for edge in edges), "something is cut off"
    assert [file.name for file in path.parent.iterdir()] == [path.name], "left something behind"


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("modality", ATTENTION_PLOTS)
def test_attention(modality, heads, tmp_path):
    steps = STEPS[modality]
    labels = [f"step {index}" for index in range(len(steps))]
    path = tmp_path / "attention.png"
    ATTENTION_PLOTS[modality](
        steps,
        weights_for(len(steps), heads),
        labels,
        "a $5 title that is long: " + "so " * 40,
        path,
    )
    assert_picture(path)


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("modality", ALIGNMENT_PLOTS)
def test_alignment(modality, heads, tmp_path):
    steps, tokens = STEPS[modality], ["four", "one", "(end)"]
    labels = [f"{index / 10:.1f}" for index in range(len(steps))]
    weights = RANDOM.dirichlet(np.full(len(steps), 0.2), (heads, 3))
    path = tmp_path / "alignment.png"
    ALIGNMENT_PLOTS[modality](steps, weights, tokens, labels, "four one", path)
    assert_picture(path)


def over_past(count, heads=1):
    weights = np.tril(RANDOM.random((heads, count, count)) ** 4)
    return weights / weights.sum(axis=2, keepdims=True)


@pytest.mark.parametrize(("heads", "count"), [(1, 9), (4, 31), (2, 150)])
@pytest.mark.parametrize("strip", [None, *STRIPS])
def test_triangle(strip, heads, count, tmp_path):
    steps = RANDOM.random((count, 40)).astype(np.float32)
    labels = [f"{index / 2:g}" for index in range(count)]
    path = tmp_path / "triangle.png"
    drawn = STRIPS[strip] if strip else None
    triangle(steps, over_past(count, heads), labels, labels, "what came before", path, drawn)
    assert_picture(path)


def test_of_what_lies_ahead_a_triangle_shows_nothing(tmp_path):
    path, words = tmp_path / "triangle.png", list("abcdef")
    triangle(np.arange(6), np.tril(np.ones((1, 6, 6)) / 6), words, words, "even", path)
    drawn = imread(path)[..., :3]
    blue = drawn[..., 2] - drawn[..., 0] > 0.1
    blue = blue[:, : int(0.8 * blue.shape[1])]  # without the colour bar
    rows, columns = (np.flatnonzero(blue.any(axis=axis)) for axis in (1, 0))
    square = blue[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    places = (np.arange(6) * 2 + 1) * np.array([[square.shape[0]], [square.shape[1]]]) // 12
    found = square[places[0][:, None], places[1]]
    np.testing.assert_array_equal(found, np.tril(np.ones((6, 6), bool)))


def test_a_triangle_is_told_from_other_maps(tmp_path):
    assert is_triangle(over_past(5, 2)) and not is_triangle(over_past(5)[:, 1:])
    assert not is_triangle(np.ones((1, 5, 5)) / 5) and not is_triangle(np.ones((1, 1, 1)))
    with pytest.raises(InputError, match=r"triangle\.png: 5 x 5 weights for 4 x 5 steps"):
        triangle(np.arange(5), over_past(5), ["x"] * 4, ["x"] * 5, "", tmp_path / "triangle.png")


def test_every_head_has_a_panel_on_one_scale(tmp_path):
    """The first head is spread evenly and the second is sure: only this one is dark."""
    path, columns = tmp_path / "alignment.png", 6
    weights = np.stack([np.full((columns, columns), 1 / columns), np.eye(columns)])
    words = list("abcdef")
    ALIGNMENT_PLOTS["text"](np.arange(columns), weights, words, words, "two heads", path)
    picture = imread(path)[..., :3]
    picture = picture[:, : int(0.85 * picture.shape[1])]  # without the colour bar
    dark = (picture[..., 2] - picture[..., 0] > 0.2) & (picture[..., 0] < 0.1)
    beside = heads_across(2, 0.36 * columns, 0.3 * columns + 0.3) == 2
    halves = np.array_split(dark, 2, axis=1 if beside else 0)
    assert not halves[0].any() and halves[1].mean() > 0.02


def test_what_stands_between_in_a_long_text_is_one_column(tmp_path):
    path, words = tmp_path / "alignment.png", [f"w{number}" for number in range(400)]
    weights = np.zeros((1, 3, 400))
    weights[0, [0, 1, 2], [5, 6, 390]] = 1
    ALIGNMENT_PLOTS["text"](np.arange(400), weights, ["a", "b", "(end)"], words, "long", path)
    assert_picture(path)
    assert imread(path).shape[1] < 3000


def test_a_label_that_leaves_the_figure_is_not_cut(tmp_path):
    path = tmp_path / "picture.png"
    with picture(path, 2.0, 1.0) as figure:
        figure.text(-0.1, 0.5, "x")
        figure.text(1.1, 0.5, "x")
    assert imread(path).shape[1] > 1.2 * 2.0 * DPI


@pytest.mark.parametrize(("heads", "shape", "across"), [(1, (9, 1), 1), (4, (3, 2), 2)])
def test_panels_of_heads_fill_their_rows(heads, shape, across):
    assert heads_across(heads, *shape) == across
    assert heads_across(4, 20, 1) == 1 and heads_across(4, 1, 20) == 4


def test_answers_along_time(tmp_path):
    lines = [tuple(RANDOM.integers(0, 4, (2, n))) for n in (20, 13, 24)]
    path = tmp_path / "steps.png"
    timelines(lines, ("left", "right", "up", "down"), ["a.mp4", "b.mp4", "c.mp4"], "frame", path)
    assert_picture(path)


@pytest.mark.parametrize("length", [12, 200])
def test_nlls(length, tmp_path):
    rows = [RANDOM.exponential(3.0, n) for n in (length, length // 2)]
    labels = [[f"word{n}" for n in range(len(row))] for row in rows]
    path = tmp_path / "steps.png"
    nlls(rows, labels, ["one", "two"], path)
    assert_picture(path)


def test_predicted_beside_true_numbers(tmp_path):
    truth = RANDOM.normal(size=80)
    path = tmp_path / "scatter.png"
    said = truth + 0.2 * RANDOM.normal(size=80)
    scatter(truth, said, said - 0.3, said + 0.3, path)
    assert_picture(path)


@pytest.mark.parametrize("modality", ["audio", "video"])
def test_attention_over_subsampled_steps(modality, tmp_path):
    steps = STEPS[modality]
    path = tmp_path / "attention.png"
    labels = [str(index) for index in range(len(steps))]
    ATTENTION_PLOTS[modality](steps, weights_for(len(steps) // 2), labels, "half", path)
    assert_picture(path)


def test_attention_shows_the_weights(tmp_path):
    pictures = []
    for place in (0, 6):
        path = tmp_path / str(place) / "attention.png"
        ATTENTION_PLOTS["text"](np.arange(7), np.eye(7)[[place]], list("abcdefg"), "one", path)
        drawn = imread(path)[:-80, 80:, :3]
        pictures.append(np.argmax((drawn[..., 2] - drawn[..., 0] > 0.5).sum(axis=0)))
    assert pictures[0] < pictures[1]


@pytest.mark.parametrize(
    ("modality", "count", "labels"), [("text", 5, 31), ("video", 15, 14), ("audio", 60, 59)]
)
def test_attention_of_another_length_is_refused(modality, count, labels, tmp_path):
    with pytest.raises(InputError, match=r"attention\.png: expected"):
        ATTENTION_PLOTS[modality](
            STEPS[modality], weights_for(count), ["x"] * labels, "", tmp_path / "attention.png"
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [2, 10, 40])
def test_confusion(count, tmp_path):
    matrix = RANDOM.poisson(1 / count, (count, count)) + 50 * np.eye(count, dtype=int)
    matrix[-1] = 0  # a class that the test split lacks
    path = tmp_path / "confusion.png"
    confusion(matrix, [f"class {index}" for index in range(count)], path)
    assert_picture(path)


def test_answers_are_put_into_tenths_by_how_sure_they_were():
    chances = np.array([0.55, 0.6, 0.61, 0.95, 0.99, 1.0, 1.0])
    right = np.array([1, 0, 1, 1, 1, 1, 0], bool)
    found = tenths(chances, right)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 2, 1, 0, 0, 4]
    np.testing.assert_allclose(found.sure, [0.575, 0.61, 0.985])
    np.testing.assert_allclose(found.shares, [0.5, 1.0, 0.75])
    np.testing.assert_allclose(found.ends[:, 2], [0.3006, 0.9544], atol=1e-4)  # of 3 in 4


def test_reliability(tmp_path):
    path = tmp_path / "reliability.png"
    chances = RANDOM.random(200)
    reliability(chances, RANDOM.random(200) < chances, 0.03, path)
    assert_picture(path)
    reliability(np.ones(1), np.ones(1, bool), 0.0, path)
    assert_picture(path)
    with pytest.raises(InputError, match=r"reliability\.png: expected a probability for each"):
        reliability(chances, np.ones(3, bool), 0.0, path)


@pytest.mark.parametrize("count", [2, 40])
def test_found_labels(count, tmp_path):
    counts = {name: RANDOM.poisson(5, count) for name in ("found", "missed", "said wrongly")}
    path = tmp_path / "found_labels.png"
    found_labels(counts, [f"a label of many letters {n}" for n in range(count)], path)
    assert_picture(path)


def test_forecasts(tmp_path):
    path = tmp_path / "forecasts.png"
    history, truth = RANDOM.normal(size=(3, 168)), RANDOM.normal(size=(3, 24))
    forecasts(history, truth, truth + 0.1, ["one", "two", "three"], "rides", path)
    assert_picture(path)
    bands = truth[:, :, None] + np.linspace(-1, 1, 9)
    forecasts(history, truth, truth, ["one", "two", "three"], "rides", path, bands, "10% to 90%")
    assert_picture(path)
    with pytest.raises(InputError, match=r"forecasts\.png"):
        forecasts(history, truth, truth[:, 1:], ["one", "two", "three"], "rides", path)


def test_learning_curves_of_unequal_length(tmp_path):
    path = tmp_path / "curves.png"
    curves = {
        name: [[(epoch, epoch**0.5) for epoch in range(1, 4 + seed)] for seed in range(3)]
        for name in ("rnn", "gru", "lstm", "bilstm", "conv_lstm")
    }
    learning_curves({**curves, "stopped": [[(1, 0.5)]]}, "accuracy", path)
    assert_picture(path)
    with pytest.raises(InputError, match="at least one epoch"):
        learning_curves({"gru": [[]]}, "accuracy", path)


@pytest.mark.parametrize(
    "baselines", [{}, {"near": 0.8, "close": 0.801, "far": -40.0}, {"a": 0.5, "b": 0.99}]
)
def test_scores(baselines, contest, tmp_path):
    path = tmp_path / "scores.png"
    scores(contest({"gru": 0.9, "lstm": 0.91, "rnn": 0.7}, baselines)[0], path)
    assert_picture(path)


def test_scores_of_seeds_that_agree(contest, tmp_path):
    path = tmp_path / "scores.png"
    scores(contest({"gru": 1.0}, {}, spread=0.0)[0], path)
    assert_picture(path)


@pytest.mark.parametrize(
    "baselines", [{}, {"near": 0.8, "far": -40.0}, {"far": -40.0}, {"ahead": 40.0}]
)
@pytest.mark.parametrize("count", [1, 2, 11])
def test_costs(baselines, count, contest, tmp_path):
    path = tmp_path / "costs.png"
    summary, comparison = contest({f"variant_{n}": 0.9 - n / 100 for n in range(count)}, baselines)
    costs(summary, comparison.best_set, path)
    assert_picture(path)


@pytest.mark.parametrize("references", [[], ["majority"], ["majority", "nearest", "tfidf"]])
@pytest.mark.parametrize("count", [1, 2, 10])
def test_pairs(references, count, contest, tmp_path):
    path = tmp_path / "pairs.png"
    means = {f"variant_{n}": 0.9 - n / 100 for n in range(count)}
    summary, comparison = contest(means, dict.fromkeys(references, 0.5))
    if count + len(references) == 1:
        with pytest.raises(InputError, match="at least two competitors, found 1"):
            pairs(summary, comparison, path)
    else:
        pairs(summary, comparison, path)
        assert_picture(path)


def test_pairs_are_sorted_the_best_first(contest):
    values = {"a": 2.0, "b": 1.0, "c": 3.0}
    assert ranked(values, contest(values, {})[0]) == ["c", "a", "b"]
    losses = contest(values, {}, greater_is_better=False)[0]
    assert ranked(values, losses) == ["b", "a", "c"]


@pytest.mark.parametrize("count", [2, 11])
def test_names_of_dots_cover_neither_each_other_nor_the_frame(count, tmp_path):
    random = np.random.default_rng(1)
    with picture(tmp_path / "dots.png", 4, 4) as figure:
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
        places = 0.45 + 0.1 * random.random((count, 2))  # so close that they would
        label_dots(axes, [Dot(f"dot_{n}", x, y, (y, y), "blue") for n, (x, y) in enumerate(places)])
        boxes = [text.get_window_extent() for text in axes.texts]
        frame = axes.get_window_extent()
        assert all(box.count_overlaps(boxes) == 1 for box in boxes), "itself alone"
        assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
        assert all(frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)


@pytest.mark.parametrize("count", [1, 4, 7])
def test_quality_by_length(count, tmp_path):
    path = tmp_path / "lengths.png"
    lengths = np.linspace(4, 30, 6)
    variants = {f"variant_{n}": RANDOM.normal(0.5, 0.1, (3, 6)) for n in range(count)}
    baselines = {"near": np.full((1, 6), 0.4), "far": np.full((1, 6), -40.0)}
    by_length(lengths, variants, baselines, "length in tokens", "BLEU", path)
    assert_picture(path)


@pytest.mark.parametrize("fall", [0.9, 0.2, 1.1])
def test_how_far_gradients_reach(fall, tmp_path):
    path, distances = tmp_path / "gradients.png", np.arange(60)
    line = Reach(distances, 0.8**distances, np.where(distances < 50, fall**distances, 0))
    reaches({"gru": line, "lstm": line}, "steps before the end", path)
    assert_picture(path)


@pytest.mark.parametrize("steps", [3, 30, 300])
def test_gates(steps, tmp_path):
    path = tmp_path / "gates.png"
    gates = {name: RANDOM.random((steps, 24)) for name in ("input", "forget", "output")}
    gate_maps(gates, [f"word{n}" for n in range(steps)], "token", "a title", path)
    assert_picture(path)


@pytest.mark.parametrize("count", [1, 9, 40])
def test_which_label_follows_which(count, tmp_path):
    path, scores = tmp_path / "transitions.png", RANDOM.normal(size=(count + 1, count + 1))
    scores[0, -1] = np.nan
    transition_scores(scores, [f"B-class {n}" for n in range(count)], "a title", path)
    assert_picture(path)
    transition_scores(0 * scores, [f"B-class {n}" for n in range(count)], "untrained", path)
    assert_picture(path)


def test_ways_of_writing(tmp_path):
    path = tmp_path / "decoding.png"
    points = {"greedy": (0.9, 30.0), "sample": (0.9, 21.0), "beam 1": (1.0, 30.0)}
    trade_off({**points, "beam 10": (9.0, 31.5)}, "bleu", True, 128, path)
    assert_picture(path)


TICKS = [(0.0, "1e-05"), (0.5, "0.001"), (1.0, "0.1")]


@pytest.mark.parametrize("greater", [True, False])
@pytest.mark.parametrize("count", [1, 2, 270])
def test_all_trials(count, greater, tmp_path):
    path = tmp_path / "tried.png"
    lacking = np.where(np.arange(count) % 3, np.nan, RANDOM.random(count))
    listed = (np.arange(count) % 2).astype(float)
    scales = [
        Scale("learning_rate", RANDOM.random(count), TICKS, False),
        Scale("layers", lacking, TICKS, False),
        Scale("width", listed, [(0.0, "32"), (1.0, "64")], True),
        Scale("kernel", np.full(count, np.nan), [(0.0, "3"), (1.0, "5")], True),
    ]
    parallel(scales, RANDOM.random(count), "accuracy", greater, path)
    assert_picture(path)


def test_no_trials_cannot_be_drawn(tmp_path):
    with pytest.raises(InputError, match="expected at least one trial"):
        parallel([], np.array([]), "accuracy", True, tmp_path / "tried.png")


@pytest.mark.parametrize(("variants", "count"), [(1, 1), (2, 2), (9, 20)])
def test_best_of_n(variants, count, tmp_path):
    path = tmp_path / "tuning.png"
    expected = 0.5 + 0.4 * np.sort(RANDOM.random(count))
    curve = Curve(expected, expected - 0.2, np.ones(count))
    best_of_n({f"variant_{n}": curve for n in range(variants)}, 4, "macro_f1", path)
    assert_picture(path)


@pytest.mark.parametrize("of", [{"width": {"gru": 1.0}}, {"a": {"gru": 0.0, "rnn": 0.0}}])
def test_importances(of, tmp_path):
    path = tmp_path / "importances.png"
    importance_bars({"learning_rate": {"gru": 0.8, "lstm": 0.6}, **of}, path)
    assert_picture(path)


@pytest.mark.parametrize("variants", [1, 9])
def test_places_of_the_best(variants, tmp_path):
    path = tmp_path / "places.png"
    names = [f"variant_{n}" for n in range(variants)]
    strips = {
        "learning_rate": {name: Strip((0.2, 1.0, 0.97), True) for name in names},
        "width": {name: Strip((0.0,) * 40, False) for name in names},
        "kernel": {names[0]: Strip((0.0, 1.0), False)},
    }
    best_places(strips, dict.fromkeys(strips, TICKS), 0.05, path)
    assert_picture(path)
