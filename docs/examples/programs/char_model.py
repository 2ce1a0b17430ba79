"""A small character model in the manner of nanoGPT, on the source of Python's own library. CPU or GPU.

    bench exec --target 'val_loss <= 2.6' -- python docs/examples/programs/char_model.py --seed {seed}

It saves its state to --checkpoint after each evaluation and when it is told to end, and goes on from there.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

CONTEXT, WIDTH, HEADS, LAYERS = 32, 32, 2, 2


class Block(nn.Module):
    """Causal attention, then a perceptron, each beside a residual path."""

    def __init__(self):
        super().__init__()
        self.before, self.after = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.perceptron = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        """The residual stream (batch, time, WIDTH) with both added."""
        batch, time, _ = x.shape
        q, k, v = self.qkv(self.before(x)).view(batch, time, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, time, WIDTH))
        return x + self.perceptron(self.after(x))


class Model(nn.Module):
    """Logits of the next byte at every place."""

    def __init__(self):
        super().__init__()
        self.bytes, self.places = nn.Embedding(256, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 256))

    def forward(self, x):
        """`x` holds bytes, (batch, CONTEXT)."""
        return self.head(self.blocks(self.bytes(x) + self.places.weight[: x.shape[1]]))


def loss_on(model, text, batch, generator):
    """Mean cross-entropy of random pieces of `text`, nats a byte."""
    starts = torch.randint(len(text) - CONTEXT - 1, (batch,), generator=generator)
    pieces = text[starts[:, None] + torch.arange(CONTEXT + 1)].long().to(next(model.parameters()).device)
    return F.cross_entropy(model(pieces[:, :-1]).flatten(0, 1), pieces[:, 1:].flatten())


def main():
    """Train, evaluate every so many steps, and say so in a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--checkpoint", type=Path)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    sources = sorted(Path(os.__file__).parent.glob("*.py"))[:60]
    data = torch.frombuffer(bytearray(b"".join(path.read_bytes() for path in sources)), dtype=torch.uint8)
    train, val = data[: int(0.9 * len(data))], data[int(0.9 * len(data)) :]
    model = Model().to("cuda" if torch.cuda.is_available() else "cpu")
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.lr)
    first = 0
    if options.checkpoint and options.checkpoint.exists():
        state = torch.load(options.checkpoint)
        first = state["step"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    generator = torch.Generator().manual_seed(options.seed + first)
    told = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    for step in range(first + 1, options.steps + 1):
        loss = loss_on(model, train, 16, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        line = f"step: {step} total_steps: {options.steps} loss: {loss.item():.4f}"
        if step % options.every == 0 or step == options.steps:
            with torch.no_grad():
                line += f" val_loss: {loss_on(model, val, 128, torch.Generator().manual_seed(1)).item():.4f}"
        print(line, flush=True)
        if options.checkpoint and (step % options.every == 0 or told):
            state = {"step": step, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save(state, options.checkpoint)
        if told:
            sys.exit("told to end")


if __name__ == "__main__":
    main()
