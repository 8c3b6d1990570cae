"""The adversarial game, its reranker and the language model in plain PyTorch, without any code of the package.

test_reference.py compares the package with it. It is written from the papers and for reading: one loop, one formula a
line, no optimisation for speed. Weights are dictionaries with the names of checkpoints. B is the batch, L the
positions, C the channels, V the vocabulary.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

# Losses of critic and generator as functions of the scores of real (r) and generated (f) samples.
OBJECTIVES = {
    "wasserstein": (lambda r, f: f - r, lambda r, f: -f),
    "minimax": (lambda r, f: -r.sigmoid().log() - (1 - f.sigmoid()).log(), lambda r, f: (1 - f.sigmoid()).log()),
    "non-saturating": (lambda r, f: -r.sigmoid().log() - (1 - f.sigmoid()).log(), lambda r, f: -f.sigmoid().log()),
    "least-squares": (lambda r, f: ((r - 1) ** 2 + f**2) / 2, lambda r, f: (f - 1) ** 2 / 2),
    "hinge": (lambda r, f: (1 - r).clamp(min=0) + (1 + f).clamp(min=0), lambda r, f: -f),
    "relativistic": (lambda r, f: -(r - f).sigmoid().log(), lambda r, f: -(f - r).sigmoid().log()),
}
SIDES = {"two": lambda n: (n - 1) ** 2, "one": lambda n: (n - 1).clamp(min=0) ** 2, "zero": lambda n: n**2}


def convolve(w, name, x, kernel):
    weight = w[f"{name}.weight"].unflatten(1, (kernel, -1)).permute(0, 2, 1)
    return F.conv1d(x.transpose(1, 2), weight, w[f"{name}.bias"], padding=kernel // 2).transpose(1, 2)


def block(w, i, x, kernel):
    inner = convolve(w, f"blocks.{i}.branch.1", x.relu(), kernel)
    return x + 0.3 * convolve(w, f"blocks.{i}.branch.3", inner.relu(), kernel)


def linear(w, name, x):
    return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))


def features(w, labels):
    return F.normalize(w["encoder.embedding"], dim=1)[labels][:, None]


def generate(w, c, z, labels=None):
    """Logits (B, L, V)."""
    x = linear(w, "project_noise", z).view(len(z), c.tokenizer.length, c.generator.width)
    for i in range(c.generator.blocks):
        if labels is not None:
            scale, shift = linear(w, f"modulations.{i}.linear", features(w, labels)).chunk(2, dim=2)
            x = (1 + scale) * x + shift
        x = block(w, i, x, c.generator.kernel)
    return linear(w, "logits", x.relu())


def relax(c, logits):
    """Tokens (B, L, V): soft tokens, or one-hot tokens with the gradient of the soft ones."""
    if "gumbel" in c.relaxation.kind:
        logits = logits - torch.empty_like(logits).exponential_().log()
    soft = (logits / c.relaxation.temperature).softmax(2)
    if not c.relaxation.kind.startswith("straight-through"):
        return soft
    return F.one_hot(soft.argmax(2), soft.shape[2]) + soft - soft.detach()


def embed(w, tokens):
    return tokens @ F.normalize(w["embedding"], dim=1)


def score(w, c, e, labels=None):
    """Scores (B,) of embedded tokens."""
    x = linear(w, "input_projection", e)
    for i in range(c.critic.blocks):
        x = block(w, i, x, c.critic.kernel)
    total = linear(w, "output", x.relu().flatten(1))[:, 0]
    if c.critic.windows:
        windows = [e[:, i : i + c.critic.windows].transpose(1, 2).flatten(1) for i in range(
            e.shape[1] - c.critic.windows + 1)]  # fmt: skip
        hidden = linear(w, "window_score.hidden", torch.stack(windows, 1)).relu()
        total = total + linear(w, "window_score.output", hidden)[..., 0].mean(1)
    if labels is not None:
        total = total + (linear(w, "projection.linear", x.relu()) * features(w, labels)).sum((1, 2)) / e.shape[1] ** 0.5
    return total


def rows(number, size, total, seed):
    """The rows of a batch. Each epoch has its own shuffle, and a batch may span two epochs."""
    places = range(number * size, (number + 1) * size)
    return [np.random.default_rng((seed, p // total)).permutation(total)[p % total] for p in places]


def optimizer(weights, options, betas):
    kind = getattr(torch.optim, options.name)
    return kind(weights.values(), options.lr, **({"betas": betas} if options.name == "Adam" else {}) | options.options)


def penalty(w, c, real, fake, alpha, labels):
    """The sum over places of the mean penalty, and the mean norm."""
    tokens = {"real": real, "generated": fake, "interpolates": None}
    total, norms = 0, []
    for place in c.penalty.at:
        x, y = (real, fake) if c.penalty.space == "one-hot" else (embed(w, real), embed(w, fake))
        if place == "interpolates":
            points = (alpha * x + (1 - alpha) * y).detach().requires_grad_()
        else:
            points = tokens[place].detach() if c.penalty.space == "one-hot" else embed(w, tokens[place])
            points = points if points.requires_grad else points.requires_grad_()
        scores = score(w, c, embed(w, points) if c.penalty.space == "one-hot" else points, labels)
        (slope,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
        norms.append(slope.pow(2).sum((1, 2)).sqrt())
        total = total + SIDES[c.penalty.sided](norms[-1]).mean()
    return total, torch.cat(norms).mean().detach()


def adversarial(c, data, labels, g, d, end, pad):
    """Train by the game and then the reranker. Yield the numbers and rates of each step; weights change in place.

    Args:
        c: the experiment.
        data: real ids (N, L).
        labels: their labels (N,), or None.
        g, d: weights of generator and critic at the start.
        end, pad: ids of these two tokens.
    """
    t, rng = c.train, np.random.default_rng(c.seed)
    average, discriminator, reranks = {k: v.detach().clone() for k, v in g.items()}, None, c.reranking.candidates > 1
    g_optimizer, d_optimizer = optimizer(g, t.generator, (0.0, 0.9)), optimizer(d, t.critic, (0.0, 0.9))
    of_critic, of_generator = OBJECTIVES[c.objective]
    game = 1 - c.reranking.share if reranks else 1
    vocabulary = d["embedding"].shape[0]

    def noise():
        return torch.from_numpy(rng.standard_normal((t.batch_size, c.generator.noise), dtype=np.float32)).double()

    def batch(number):
        chosen = rows(number, t.batch_size, len(data), c.seed)
        given = None if labels is None else torch.from_numpy(labels[chosen])
        return F.one_hot(torch.from_numpy(data[chosen]), vocabulary).double(), given

    for step in range(t.steps):
        done = step / t.steps
        if done < game:
            done = done / game  # the rates reach zero at the end of the game
            factor = 1 if done <= t.decay_from else (1 - done) / (1 - t.decay_from)
            for optimiser, options in ((d_optimizer, t.critic), (g_optimizer, t.generator)):
                optimiser.param_groups[0]["lr"] = options.lr * factor
            numbers = {"critic_lr": t.critic.lr * factor, "generator_lr": t.generator.lr * factor}
            for number in range(step * t.critic_steps, (step + 1) * t.critic_steps):
                real, given = batch(number)
                if c.penalty.mixing == "convex":
                    alpha = rng.random(t.batch_size, dtype=np.float32)[:, None, None]
                else:
                    chance = rng.random((t.batch_size, 1), dtype=np.float32)
                    alpha = (rng.random((t.batch_size, data.shape[1]), dtype=np.float32) < chance)[:, :, None]
                fake = relax(c, generate(g, c, noise(), given)).detach()
                r, f = (score(d, c, embed(d, x), given) for x in (real, fake))
                loss = of_critic(r, f).mean()
                numbers["wasserstein"] = (r.mean() - f.mean()).detach()
                if c.penalty.weight and number % c.penalty.every == 0:
                    value, norm = penalty(d, c, real, fake, torch.from_numpy(alpha).double(), given)
                    loss = loss + c.penalty.weight * c.penalty.every * value
                    numbers |= {"penalty": value.detach(), "gradient_norm": norm}
                numbers["critic_loss"] = loss.detach()
                d_optimizer.zero_grad()
                loss.backward()
                d_optimizer.step()
                if c.clipping:
                    for name, weight in d.items():
                        if not name.endswith("embedding"):
                            weight.data.clamp_(-c.clipping, c.clipping)
            fake = relax(c, generate(g, c, noise(), given))
            f, r = (score(d, c, embed(d, x), given) for x in (fake, real))
            loss = of_generator(r, f).mean()
            numbers["generator_loss"] = loss.detach()
            g_optimizer.zero_grad()
            loss.backward()
            g_optimizer.step()
            for name, weight in g.items():
                old = average[name] if step else weight.detach()
                average[name] = t.average * old + (1 - t.average) * weight.detach()
        else:
            if discriminator is None:
                discriminator = {k: v.detach().clone().requires_grad_() for k, v in d.items()}
                optimiser = optimizer(discriminator, c.reranking.optimizer, (0.9, 0.999))
            optimiser.param_groups[0]["lr"] = c.reranking.optimizer.lr * (1 - done) / (1 - game)
            real, given = batch(step * t.critic_steps)
            logits = generate(average, c, noise(), given) / c.reranking.temperature
            chance = torch.from_numpy(rng.random((t.batch_size, data.shape[1]), dtype=np.float32))
            ids = (logits.softmax(2).cumsum(2) <= chance[:, :, None]).sum(2)
            ended = (ids == end).cumsum(1) - (ids == end).long() > 0
            fake = F.one_hot(torch.where(ended, pad, ids), vocabulary).double()
            r, f = (score(discriminator, c, embed(discriminator, x), given) for x in (real, fake))
            loss = (-r.sigmoid().log() - (1 - f.sigmoid()).log()).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            numbers = {"discriminator_loss": loss.detach(), "discriminator_lr": optimiser.param_groups[0]["lr"]}
        yield numbers, average, discriminator


def likelihood(c, data, w, end, pad):
    """Train by maximum likelihood with validations. Yield the numbers of each step and the best weights so far."""
    size, t = c.likelihood.validation, c.likelihood
    order = np.random.default_rng(c.corpus.seed).permutation(len(data))
    training, validation = data[np.sort(order[size:])], data[np.sort(order[:size])]
    lstm = torch.nn.LSTM(w["embedding.weight"].shape[1], c.language_model.width, batch_first=True).double()
    adam = optimizer(w, t.optimizer, (0.9, 0.999))

    def loss_of(ids):
        """Nats per token, over all tokens up to and including the end token."""
        ids = torch.from_numpy(ids)
        before = torch.cat([torch.full_like(ids[:, :1], end), ids[:, :-1]], 1)
        names = {k.removeprefix("lstm."): v for k, v in w.items() if k.startswith("lstm.")}
        states = torch.func.functional_call(lstm, names, F.embedding(before, w["embedding.weight"]))[0]
        logits = linear(w, "project", states) @ w["embedding.weight"].T + w["bias"]
        logits = logits.index_fill(2, torch.tensor(pad), -math.inf)
        return F.cross_entropy(logits.transpose(1, 2), ids, ignore_index=pad)

    rate, since, decays, best, kept = t.optimizer.lr, 0, 0, math.inf, None
    for step in range(1, c.train.steps + 1):
        adam.param_groups[0]["lr"] = rate
        loss = loss_of(training[rows(step - 1, c.train.batch_size, len(training), c.seed)])
        adam.zero_grad()
        loss.backward()
        norm = torch.stack([v.grad.norm() for v in w.values()]).norm()
        for weight in w.values():
            weight.grad *= min(1, t.clip / (norm + 1e-6))
        adam.step()
        numbers = {"loss": loss.detach(), "lr": rate}
        if step % t.validate_every == 0 or step == c.train.steps:
            with torch.no_grad():
                measured = loss_of(validation).item()
            since = 0 if measured < best else since + 1
            if measured < best:
                best, kept = measured, {k: v.detach().clone() for k, v in w.items()}
            if since == t.patience:
                since, decays, rate = 0, decays + 1, rate * t.decay
                for name, weight in w.items():
                    weight.data.copy_(kept[name])
            numbers["validation"] = {"loss": measured, "best_loss": best, "perplexity": math.exp(measured)}
        yield numbers, kept
        if decays > t.decays:
            return
