import subprocess
import sys

import pytest
import torch
from torch import nn

from seqarena.optimizer import AdamW, Average


def networks() -> list[nn.Module]:
    torch.manual_seed(0)
    one = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    other = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    other.load_state_dict(one.state_dict())
    return [one, other]


@pytest.mark.parametrize("clip", [0.05, 100.0])
def test_it_steps_as_torch_does_after_clipping(clip: float) -> None:
    ours, theirs = networks()
    own = AdamW(ours.parameters(), lambda step: 0.01 / (step + 1), weight_decay=0.1, clip=clip)
    weights = [p for p in theirs.parameters() if p.ndim == 2]
    biases = [p for p in theirs.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups)
    for step in range(6):
        x = torch.randn(4, 5)
        for network, optimizer in ((ours, own), (theirs, reference)):
            optimizer.zero_grad()
            network(x).square().sum().backward()
        norm = nn.utils.clip_grad_norm_(theirs.parameters(), clip)
        for group in reference.param_groups:
            group["lr"] = 0.01 / (step + 1)
        reference.step()
        torch.testing.assert_close(own.step(), norm)
        assert own.learning_rate == 0.01 / (step + 1)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_parameter_without_a_gradient_stays_as_it_is() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = AdamW([used, unused], lambda step: 0.1, weight_decay=0.1, clip=1.0)
    used.sum().backward()
    optimizer.step()
    assert torch.equal(unused, torch.ones(2)) and not torch.equal(used, torch.ones(2))


def test_an_average_follows_the_weights_and_stands_in_for_them() -> None:
    network, _ = networks()
    average = Average(network.parameters(), 0.5)
    wanted = [p.detach().clone() for p in network.parameters()]
    for update in range(12):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update()
        decay = min(0.5, (1 + update) / (10 + update))
        wanted = [
            decay * mean + (1 - decay) * p.detach()
            for mean, p in zip(wanted, network.parameters(), strict=True)
        ]
    last = [p.detach().clone() for p in network.parameters()]
    with average.in_place():
        torch.testing.assert_close([p.detach() for p in network.parameters()], wanted)
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), last, strict=True))
    again = Average(network.parameters(), 0.5)
    again.load_state_dict(average.state_dict())
    assert again.updates == 12
    torch.testing.assert_close(again.weights, wanted)


def test_without_a_decay_nothing_is_averaged() -> None:
    network, _ = networks()
    average = Average(network.parameters(), 0.0)
    average.update()
    before = [p.detach().clone() for p in network.parameters()]
    with average.in_place():
        torch.testing.assert_close([p.detach() for p in network.parameters()], before)
    assert average.weights == []


def test_the_compiler_is_not_imported_for_it() -> None:
    code = (
        "import sys, torch; from seqarena.optimizer import AdamW;"
        "p = torch.nn.Parameter(torch.ones(1)); p.sum().backward();"
        "AdamW([p], lambda step: 0.1, weight_decay=0.0, clip=1.0).step();"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
