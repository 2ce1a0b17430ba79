"""Hugging Face's Trainer on a small regression: `trainer.py FOLDER [tensorboard]`. Needs transformers, accelerate."""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

EPOCHS, BATCH = 3, 16


class Linear(nn.Module):
    """One layer, with the loss that the Trainer asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 1)

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The mean squared error, and the predictions."""
        predicted = self.layer(x).squeeze(-1)
        return {"loss": ((predicted - labels) ** 2).mean(), "logits": predicted}


def main() -> None:
    """Train."""
    torch.manual_seed(0)
    inputs = torch.randn(640, 8)
    rows = [{"x": row, "labels": row.sum()} for row in inputs]
    arguments = TrainingArguments(
        sys.argv[1],
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=0.05,
        logging_steps=10,
        eval_strategy="epoch",
        save_strategy="epoch",
        report_to=sys.argv[2] if sys.argv[2:] else "none",
        use_cpu=True,
    )
    Trainer(Linear(), arguments, train_dataset=rows, eval_dataset=rows[:128]).train()


if __name__ == "__main__":
    main()
