"""SGD on a schedule by epoch; float32 copies of weights in half precision."""

import pytest

torch = pytest.importorskip("torch")

from bench.training.sgd import MasterWeights, ScheduledSgd  # noqa: E402 -- after the skip

KNOTS = ((0.0, 0.0), (2.0, 0.4), (4.0, 0.0))


def sgd(parameters, **changes):
    words = {"epochs": 4, "lr": KNOTS, "momentum": ((0, 0.9), (4, 0.5)), "weight_decay": 0.01, "nesterov": True}
    return ScheduledSgd(parameters, **{**words, **changes})


@pytest.mark.parametrize(("step", "lr", "momentum"), [(0, 0, 0.9), (50, 0.2, 0.8), (100, 0.4, 0.7), (150, 0.2, 0.6)])
def test_rate_and_momentum_follow_their_lines(step: int, lr: float, momentum: float) -> None:
    optimiser = sgd([torch.zeros(3, requires_grad=True)])
    optimiser.schedule(step, 200)
    (group,) = optimiser.sgd.param_groups
    assert group["lr"] == pytest.approx(lr)
    assert group["momentum"] == pytest.approx(momentum)


def test_a_summed_loss_moves_the_weights_as_the_mean_does() -> None:
    start = torch.randn(5, generator=torch.Generator().manual_seed(0))
    data = torch.randn(8, 5, generator=torch.Generator().manual_seed(1))
    ends = []
    for summed in (1, 8):
        weight = start.clone().requires_grad_()
        optimiser = sgd([weight], summed=summed)
        for step in range(20):
            optimiser.schedule(step, 20)
            losses = (data @ weight - 1).square()
            (losses.mean() if summed == 1 else losses.sum()).backward()
            optimiser.step()
            assert weight.grad is None
        ends.append(weight.detach())
    assert torch.allclose(*ends, rtol=1e-4)


def test_steps_too_small_for_half_precision_add_up_in_the_copies() -> None:
    weight = torch.ones(1, dtype=torch.float16, requires_grad=True)
    masters = MasterWeights([weight], scale=512)
    optimiser = torch.optim.SGD(masters.copies, lr=1e-4)
    for _ in range(100):
        weight.grad = torch.full((1,), 512.0, dtype=torch.float16)
        masters.take_gradients()
        optimiser.step()
        masters.hand_back()
    assert masters.copies[0].item() == pytest.approx(0.99, rel=1e-5)
    assert weight.item() == pytest.approx(0.99, abs=1e-3)
    assert weight.dtype == torch.float16


def test_frozen_weights_have_no_copy() -> None:
    frozen, trained = torch.zeros(2), torch.zeros(3, requires_grad=True)
    assert [len(copy) for copy in MasterWeights([frozen, trained], 1).copies] == [3]
