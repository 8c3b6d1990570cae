"""Gradients of one step of each player, and weights some steps later; started by test_training.py."""

import os
import sys

import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from seqgan_gp import config
from seqgan_gp.text.corpus import load_corpus
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

out, *options = sys.argv[1:]
c = config.parse(options).config
torch.set_num_threads(1)
corpus = load_corpus(c.corpus.train, None, "text", 64, 10, 0)
task = TextTask(c, corpus, Tokenizer.train("word", corpus.train, 300))
trainer = Trainer(Accelerator(cpu=True), task)
trainer.update_critic(trainer.batches[0])
gradients = {f"critic.{n}": p.grad.clone() for n, p in trainer.critic.named_parameters()}
trainer.update_generator()
gradients |= {f"generator.{n}": p.grad.clone() for n, p in trainer.generator.named_parameters()}
for _ in range(3):
    trainer.step()
gradients |= {f"weights.{n}": p.detach().clone() for n, p in trainer.generator.named_parameters()}
gradients |= {f"weights.{n}": p.detach().clone() for n, p in trainer.critic.named_parameters()}
if trainer.accelerator.is_main_process:
    save_file(gradients, out)
trainer.accelerator.end_training()
sys.stdout.flush()
os._exit(0)  # a library's thread that outlives the interpreter once aborted a process that was done
