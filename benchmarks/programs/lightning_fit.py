"""Lightning on a small regression, logged to TensorBoard: `lightning_fit.py FOLDER [EPOCHS [SECONDS]]`.

Forty steps an epoch; each waits SECONDS in place of a GPU's work. Needs lightning and tensorboard.
"""

from __future__ import annotations

import sys
import time

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

BATCH = 16


class Regression(lightning.LightningModule):  # type: ignore[misc]  # not installed where mypy runs
    """One layer."""

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.layer, self.wait = nn.Linear(8, 1), wait

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        """The loss of a batch."""
        time.sleep(self.wait)
        loss = self._loss(batch)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        """The same on the data it is validated with."""
        self.log("val_loss", self._loss(batch), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), 0.05)

    def _loss(self, batch: list[Tensor]) -> Tensor:
        inputs, labels = batch
        loss: Tensor = ((self.layer(inputs).squeeze(-1) - labels) ** 2).mean()
        return loss


def main() -> None:
    """Train."""
    folder, epochs, wait = [*sys.argv[1:], *("3", "0")[len(sys.argv) - 2 :]]
    torch.manual_seed(0)
    inputs = torch.randn(640, 8)
    rows = TensorDataset(inputs, inputs.sum(-1))
    trainer = lightning.Trainer(
        max_epochs=int(epochs), accelerator="cpu", default_root_dir=folder, log_every_n_steps=10
    )
    trainer.fit(Regression(float(wait)), DataLoader(rows, BATCH), DataLoader(rows, 64))


if __name__ == "__main__":
    main()
