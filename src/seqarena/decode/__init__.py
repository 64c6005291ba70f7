"""From a model that predicts the next token to whole sequences: greedy, sampled, by beam search.

All that a search sees of a model is a `Stepper`. It works on many sequences at once on the model's
device: the hypotheses of a sequence stand side by side as queries of one memory, which is projected
once and never repeated, and a finished sequence leaves the batch. A model that predicts a symbol
for every step of its source at once needs no stepper: `ctc_greedy` and `ctc_prefix_beam` read its
logits, and `viterbi` those of a chain of labels.
"""

from seqarena.decode.beam import beam_search
from seqarena.decode.crf import Chain, log_marginals, log_partition, viterbi
from seqarena.decode.ctc import ctc_alignment, ctc_greedy, ctc_prefix_beam
from seqarena.decode.decoding import Decoding
from seqarena.decode.sampling import greedy, nucleus, sample
from seqarena.decode.stepper import Hypothesis, State, Step, Stepper

__all__ = [
    "Chain",
    "Decoding",
    "Hypothesis",
    "State",
    "Step",
    "Stepper",
    "beam_search",
    "ctc_alignment",
    "ctc_greedy",
    "ctc_prefix_beam",
    "greedy",
    "log_marginals",
    "log_partition",
    "nucleus",
    "sample",
    "viterbi",
]
