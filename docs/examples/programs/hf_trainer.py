"""Hugging Face's Trainer on a small GPT-2 over bytes, made here and not downloaded. CPU or GPU.

    pip install transformers accelerate
    bench exec --target 'eval_loss <= 2.3' -- python docs/examples/programs/hf_trainer.py --seed {seed}

Nothing in it is about bench: the Trainer's bar counts the steps, and its dicts say the losses. It goes on from the last
checkpoint in --output, where there is one.
"""

import argparse
import os
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

CONTEXT = 64


def examples(texts):
    """Pieces of CONTEXT bytes, each of which is its own label: the model shifts them."""
    data = torch.frombuffer(bytearray(b"".join(texts)), dtype=torch.uint8).long()
    pieces = data[: len(data) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    return [{"input_ids": piece, "labels": piece} for piece in pieces]


def main():
    """Train and evaluate, as the Trainer does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--every", type=int, default=50, help="steps from one evaluation and checkpoint to the next")
    parser.add_argument("--output", default="hf_trainer")
    options = parser.parse_args()
    set_seed(options.seed)
    sources = sorted(Path(os.__file__).parent.glob("*.py"))[:30]
    texts = [path.read_bytes() for path in sources]
    config = GPT2Config(vocab_size=256, n_positions=CONTEXT, n_embd=64, n_layer=2, n_head=2)
    arguments = TrainingArguments(
        options.output,
        max_steps=options.steps,
        per_device_train_batch_size=16,
        per_device_eval_batch_size=64,
        learning_rate=3e-3,
        logging_steps=10,
        eval_strategy="steps",
        eval_steps=options.every,
        save_strategy="steps",
        save_steps=options.every,
        save_total_limit=1,
        seed=options.seed,
        report_to="none",
    )
    trainer = Trainer(
        GPT2LMHeadModel(config),
        arguments,
        train_dataset=examples(texts[:-3]),
        eval_dataset=examples(texts[-3:])[:256],
    )
    begun = Path(options.output).is_dir()
    trainer.train(resume_from_checkpoint=get_last_checkpoint(options.output) if begun else None)


if __name__ == "__main__":
    main()
