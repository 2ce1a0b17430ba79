"""Hugging Face's Trainer on a small regression: `trainer.py FOLDER [EPOCHS [SECONDS [REPORT_TO]]]`.

Forty steps an epoch; each waits SECONDS in place of a GPU's work. Needs transformers and accelerate.
"""

from __future__ import annotations

import sys
import time

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

BATCH = 16


class Linear(nn.Module):
    """One layer, with the loss that the Trainer asks for."""

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.layer, self.wait = nn.Linear(8, 1), wait

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The mean squared error, and the predictions."""
        time.sleep(self.wait)
        predicted = self.layer(x).squeeze(-1)
        return {"loss": ((predicted - labels) ** 2).mean(), "logits": predicted}


def main() -> None:
    """Train."""
    folder, epochs, wait, report_to = [*sys.argv[1:], *("3", "0", "none")[len(sys.argv) - 2 :]]
    torch.manual_seed(0)
    inputs = torch.randn(640, 8)
    rows = [{"x": row, "labels": row.sum()} for row in inputs]
    arguments = TrainingArguments(
        folder,
        num_train_epochs=int(epochs),
        per_device_train_batch_size=BATCH,
        learning_rate=0.05,
        logging_steps=10,
        eval_strategy="epoch",
        save_strategy="epoch",
        report_to=report_to,
        use_cpu=True,
    )
    Trainer(Linear(float(wait)), arguments, train_dataset=rows, eval_dataset=rows[:128]).train()


if __name__ == "__main__":
    main()
