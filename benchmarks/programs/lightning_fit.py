"""Lightning on a small regression, logged to TensorBoard: `lightning_fit.py FOLDER`. Needs both of them."""

from __future__ import annotations

import sys

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, BATCH = 3, 16


class Regression(lightning.LightningModule):  # type: ignore[misc]  # not installed where mypy runs
    """One layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 1)

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        """The loss of a batch."""
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
    torch.manual_seed(0)
    inputs = torch.randn(640, 8)
    rows = TensorDataset(inputs, inputs.sum(-1))
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", default_root_dir=sys.argv[1], log_every_n_steps=10
    )
    trainer.fit(Regression(), DataLoader(rows, BATCH), DataLoader(rows, 64))


if __name__ == "__main__":
    main()
