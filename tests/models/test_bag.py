import torch

from seqarena.models.feedforward import Bag


def test_order_and_padding_are_nothing_to_it() -> None:
    bag = Bag(3, 4)
    steps, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    states, _ = bag(steps, lengths)
    summary = bag.summary(states, lengths)
    other = torch.cat([steps[:, [2, 0, 1]], torch.randn(2, 2, 3)], dim=1)
    other[0, 3:] = steps[0, [4, 3]]
    states, _ = bag(other, lengths)
    torch.testing.assert_close(bag.summary(states, lengths), summary)


def test_the_whole_is_the_mean_of_its_steps() -> None:
    bag = Bag(3, 4)
    steps = torch.randn(1, 5, 3)
    states, _ = bag(steps, torch.tensor([5]))
    each = [torch.relu(bag.dense.weight @ step + bag.dense.bias) for step in steps[0]]
    expected = torch.stack(each).mean(dim=0, keepdim=True)
    torch.testing.assert_close(bag.summary(states, torch.tensor([5])), expected)
