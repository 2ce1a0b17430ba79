"""Data-parallel training of a tiny network: `torchrun --nproc-per-node 2 two_processes.py`. Rank 0 prints."""

import os
import sys

import torch
import torch.distributed as dist

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 200

dist.init_process_group("gloo")
rank, ranks = dist.get_rank(), dist.get_world_size()
torch.set_num_threads(1)
torch.manual_seed(int(os.environ.get("BENCH_SEED", "0")))
network = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
model = torch.nn.parallel.DistributedDataParallel(network)
optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
generator = torch.Generator().manual_seed(rank)
for step in range(1, STEPS + 1):
    inputs = torch.randn(64, 8, generator=generator)
    loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if step % 10 == 0:
        dist.all_reduce(loss.detach())
        if rank == 0:
            print(f"step: {step} total_steps: {STEPS} loss: {loss.item() / ranks:.5f}", flush=True)
dist.destroy_process_group()
