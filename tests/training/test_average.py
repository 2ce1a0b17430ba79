"""The average of a network's weights: what it keeps, what it hands over, and that it leaves nothing behind."""

import pytest

torch = pytest.importorskip("torch")

from bench.training.average import Average  # noqa: E402 -- after the skip


@pytest.fixture
def network() -> "torch.nn.Sequential":
    """One weight of 1, a batch norm with running mean 0, and a count of batches, which is no weight."""
    made = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    torch.nn.init.ones_(made[0].weight)
    return made


def state(network: "torch.nn.Sequential") -> tuple[float, float, int]:
    return network[0].weight.item(), network[1].running_mean.item(), network[1].num_batches_tracked.item()


def change(network: "torch.nn.Sequential") -> None:
    """The weight is 3, the running mean 4, the count 7."""
    torch.nn.init.constant_(network[0].weight, 3)
    network[1].running_mean.fill_(4)
    network[1].num_batches_tracked.fill_(7)


def test_it_keeps_its_share_and_takes_the_rest_running_statistics_too(network: "torch.nn.Sequential") -> None:
    average = Average(network)
    change(network)
    average.update(0.75)
    assert state(network) == (3, 4, 7)
    average.hand_over()
    assert state(network) == (1.5, 1.0, 7)


def test_it_is_the_network_inside_and_the_trained_weights_come_back(network: "torch.nn.Sequential") -> None:
    average = Average(network)
    change(network)
    with average.in_place():
        assert state(network) == (1, 0, 7)
    assert state(network) == (3, 4, 7)


def test_the_trained_weights_come_back_after_an_error_too(network: "torch.nn.Sequential") -> None:
    average = Average(network)
    change(network)
    with pytest.raises(KeyboardInterrupt), average.in_place():
        raise KeyboardInterrupt
    assert state(network) == (3, 4, 7)


def test_training_goes_on_from_a_handed_over_average_through_the_same_tensors(network: "torch.nn.Sequential") -> None:
    weight = network[0].weight
    sgd = torch.optim.SGD([weight], lr=1.0)
    average = Average(network)
    change(network)
    average.update(0.5)
    average.hand_over()
    weight.grad = torch.ones_like(weight)
    sgd.step()
    assert network[0].weight.item() == 1.0  # the mean of 1 and 3, less the gradient
