"""The baseline of what is written for a text: the target of the most similar one of train."""

from __future__ import annotations

from seqarena.data.store import Prepared
from seqarena.data.tokens import words
from seqarena.decode import Hypothesis


def nearest_text(prepared: Prepared) -> list[Hypothesis]:
    """The target of the train text whose words and word pairs are nearest by TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    train, test = prepared.split("train"), prepared.split("test")
    known, queries = ([example["text"] for example in s.examples()] for s in (train, test))
    vectorizer = TfidfVectorizer(
        tokenizer=words, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True
    )
    neighbours = NearestNeighbors(n_neighbors=1).fit(vectorizer.fit_transform(known))
    places = neighbours.kneighbors(vectorizer.transform(queries), return_distance=False)[:, 0]
    return [Hypothesis(train.target(place)[:-1].tolist(), 0.0, 0.0, None) for place in places]
