"""The baseline of what is written for a text: the target of the most similar one of train."""

from __future__ import annotations

from seqarena.baselines.terms import texts_of, weights_of_terms
from seqarena.data.store import Prepared
from seqarena.decode import Hypothesis


def nearest_text(prepared: Prepared) -> list[Hypothesis]:
    """The target of the train text that is nearest by its terms, weighted by TF-IDF."""
    from sklearn.neighbors import NearestNeighbors

    train, test = prepared.split("train"), prepared.split("test")
    weights = weights_of_terms(prepared.spec)
    neighbours = NearestNeighbors(n_neighbors=1).fit(weights.fit_transform(texts_of(train)))
    queries = weights.transform(texts_of(test))
    places = neighbours.kneighbors(queries, return_distance=False)[:, 0]
    return [Hypothesis(train.target(place)[:-1].tolist(), 0.0, 0.0, None) for place in places]
