"""The adversarial game, its reviser and reranker, and the language model in plain PyTorch, without any of our modules.

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


def convolve(w, name, x, kernel, apart):
    weight = w[f"{name}.weight"].unflatten(1, (kernel, -1)).permute(0, 2, 1)
    sides = apart * (kernel // 2)
    return F.conv1d(x.transpose(1, 2), weight, w[f"{name}.bias"], padding=sides, dilation=apart).transpose(1, 2)


def block(w, c, i, x):
    apart = min(c.dilation**i, max(1, x.shape[1] // 4))
    inner = convolve(w, f"blocks.{i}.branch.1", x.relu(), c.kernel, apart)
    return x + 0.3 * convolve(w, f"blocks.{i}.branch.3", inner.relu(), c.kernel, apart)


def linear(w, name, x):
    return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))


def features(w, labels):
    return F.normalize(w["encoder.embedding"], dim=1)[labels][:, None]


def generate(w, c, z, labels=None, read=None):
    """Logits (B, L, V); of a revision if there are ids (B, L) to read."""
    x = linear(w, "project_noise", z).view(len(z), c.tokenizer.length, c.generator.width)
    if read is not None:
        x = x + w["embedding"][read]
    for i in range(c.generator.blocks):
        if labels is not None:
            scale, shift = linear(w, f"modulations.{i}.linear", features(w, labels)).chunk(2, dim=2)
            x = (1 + scale) * x + shift
        x = block(w, c.generator, i, x)
    logits = linear(w, "logits", x.relu())
    return logits if read is None else logits + c.revision.copy * F.one_hot(read, logits.shape[2])


def draw(logits, temperature, chance):
    """Ids (B, L) of softmax(logits / temperature): each inverts the distribution function at a uniform number."""
    return ((logits / temperature).softmax(2).cumsum(2) <= chance[:, :, None]).sum(2)


def revise(average, reviser, c, noise, labels, passes):
    """Logits (B, L, V) of a drawn draft after so many revisions (B,), each of the most probable tokens of the last."""
    z, chance = noise[:, : c.generator.noise], torch.special.ndtr(noise[:, c.generator.noise : -1])
    ids, after = draw(generate(average, c, z, labels), c.revision.temperature, chance), []
    for _ in range(max(passes)):
        after.append(generate(reviser, c, z, labels, ids))
        ids = after[-1].argmax(2)
    return torch.stack([after[number - 1][row] for row, number in enumerate(passes)])


def soften(c, logits):
    """Soft tokens (B, L, V)."""
    if "gumbel" in c.relaxation.kind:
        logits = logits - torch.empty_like(logits).exponential_().log()
    return (logits / c.relaxation.temperature).softmax(2)


def harden(c, soft):
    """Tokens (B, L, V): soft tokens, or one-hot tokens with the gradient of the soft ones."""
    if not c.relaxation.kind.startswith("straight-through"):
        return soft
    return F.one_hot(soft.argmax(2), soft.shape[2]) + soft - soft.detach()


def substituted(soft, loss, number):
    """Losses (B,) of the most probable tokens, with exact differences in place of the slopes that weigh most.

    Args:
        loss: from tokens (B, L, V) to losses (B,).
        number: exact differences of each sample.
    """
    x = F.one_hot(soft.argmax(2), soft.shape[2]).double().requires_grad_()
    losses = loss(x)
    (slope,) = torch.autograd.grad(losses.sum(), x)
    x, losses = x.detach(), losses.detach()
    change = slope - (slope * x).sum(2, keepdim=True)
    order = (soft.detach() * change.abs()).flatten(1).argsort(1, descending=True)
    for place in order[:, :number].T:
        other, row = x.clone(), torch.arange(len(x))
        i, v = place // x.shape[2], place % x.shape[2]
        other[row, i] = 0
        other[row, i, v] = 1
        change[row, i, v] = loss(other) - losses
    return losses + (change * (soft - soft.detach())).sum((1, 2))


def embed(w, tokens):
    return tokens @ F.normalize(w["embedding"], dim=1)


def score(w, c, e, labels=None):
    """Scores (B,) of embedded tokens."""
    x = linear(w, "input_projection", e)
    for i in range(c.critic.blocks):
        x = block(w, c.critic, i, x)
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


class Muon:
    """Jordan et al. 2024, with Nesterov's momentum: each matrix of a block moves along the orthogonal factor of its
    gradient. Adam moves all other weights.
    """

    def __init__(self, weights, lr, betas, momentum=0.5, eps=1e-8):
        blocks = [name for name, weight in weights.items() if name.startswith("blocks.") and weight.dim() == 2]
        self.matrices, self.momentum = [weights[name] for name in blocks], momentum
        self.momenta = [torch.zeros_like(weight) for weight in self.matrices]
        self.adam = torch.optim.Adam([w for name, w in weights.items() if name not in blocks], lr, betas, eps)
        self.param_groups = self.adam.param_groups

    def zero_grad(self):
        for weight in (*self.matrices, *self.param_groups[0]["params"]):
            weight.grad = None

    def step(self):
        self.adam.step()
        for weight, momentum in zip(self.matrices, self.momenta, strict=True):
            momentum.mul_(self.momentum).add_(weight.grad)
            x = weight.grad + self.momentum * momentum
            x = x / (x.norm() + 1e-12)
            for _ in range(5):  # Newton and Schulz
                gram = x @ x.T
                x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
            weight.data -= self.param_groups[0]["lr"] * max(weight.shape) ** 0.5 * x


def optimizer(weights, options, betas):
    if options.name == "Muon":
        return Muon(weights, options.lr, betas, **options.options)
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


def moved(average, weights, decay):
    """The moving average after a step; before its first one it is None."""
    old = average or {k: v.detach() for k, v in weights.items()}
    return {k: decay * old[k] + (1 - decay) * v.detach() for k, v in weights.items()}


def adversarial(c, data, labels, g, d, v, end, pad):
    """Train by the game, then the reviser's game, then the reranker. Yield the numbers and rates of each step, and the
    weights that sampling takes; weights change in place.

    Args:
        c: the experiment.
        data: real ids (N, L).
        labels: their labels (N,), or None.
        g, d, v: weights of generator, critic and reviser at the start; v is None without a reviser.
        end, pad: ids of these two tokens.
    """
    t, rng = c.train, np.random.default_rng(c.seed)
    average, revised, discriminator, reranks, reranked = None, None, None, c.reranking.candidates > 1, 0
    g_optimizer, d_optimizer = optimizer(g, t.generator, (0.0, 0.9)), optimizer(d, t.critic, (0.0, 0.9))
    v_optimizer = optimizer(v, c.revision.optimizer, (0.0, 0.9)) if v else None
    of_critic, of_generator = OBJECTIVES[c.objective]
    games = round(1 - c.reranking.share, 12) if reranks else 1
    game = round(games - c.revision.share, 12) if v else games
    vocabulary, length = d["embedding"].shape[0], data.shape[1]

    def noise(revising, stream=rng):
        size = c.generator.noise + (length + 1 if revising else 0)
        return torch.from_numpy(stream.standard_normal((t.batch_size, size), dtype=np.float32)).double()

    def play(given, revising):
        z = noise(revising)
        if not revising:
            return soften(c, generate(g, c, z, given))
        passes = [1 + int(float(p) * c.revision.passes) for p in torch.special.ndtr(z[:, -1])]
        return soften(c, revise(average, v, c, z, given, passes))

    def batch(number):
        chosen = rows(number, t.batch_size, len(data), c.seed)
        given = None if labels is None else torch.from_numpy(labels[chosen])
        return F.one_hot(torch.from_numpy(data[chosen]), vocabulary).double(), given

    for step in range(t.steps):
        done = step / t.steps
        if done < games:
            revising = done >= game
            if not revising:
                done, decay_from = done / game, t.decay_from  # the rates reach zero at the end of each game
                name, player, options, substitutions = "generator", g_optimizer, t.generator, c.relaxation.substitutions
            else:
                done, decay_from = (done - game) / (games - game), 0
                name, player, options = "reviser", v_optimizer, c.revision.optimizer
                substitutions = c.revision.substitutions
            factor = 1 if done <= decay_from else (1 - done) / (1 - decay_from)
            d_optimizer.param_groups[0]["lr"], player.param_groups[0]["lr"] = t.critic.lr * factor, options.lr * factor
            numbers = {"critic_lr": t.critic.lr * factor, f"{name}_lr": options.lr * factor}
            for number in range(step * t.critic_steps, (step + 1) * t.critic_steps):
                real, given = batch(number)
                if c.penalty.mixing == "convex":
                    alpha = rng.random(t.batch_size, dtype=np.float32)[:, None, None]
                else:
                    chance = rng.random((t.batch_size, 1), dtype=np.float32)
                    alpha = (rng.random((t.batch_size, length), dtype=np.float32) < chance)[:, :, None]
                fake = harden(c, play(given, revising)).detach()
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
            soft = play(given, revising)

            def losses(x, given=given, real=real):
                return of_generator(*(score(d, c, embed(d, tokens), given) for tokens in (real, x)))

            loss = (substituted(soft, losses, substitutions) if substitutions else losses(harden(c, soft))).mean()
            numbers["generator_loss"] = loss.detach()
            player.zero_grad()
            loss.backward()
            player.step()
            if revising:
                revised = moved(revised, v, t.average)
            else:
                average = moved(average, g, t.average)
        else:
            if discriminator is None:
                discriminator = {k: v.detach().clone().requires_grad_() for k, v in d.items()}
                optimiser = optimizer(discriminator, c.reranking.optimizer, (0.9, 0.999))
            optimiser.param_groups[0]["lr"] = c.reranking.optimizer.lr * (1 - done) / (1 - games)
            turn, reranked = reranked % (50_000 // t.batch_size), reranked + 1
            early = v is not None and (done - games) / (1 - games) < 0.4
            (real, given), stream = batch(turn), np.random.default_rng((c.seed, turn, 2 if early else 1))
            last = c.reranking.passes or c.revision.passes
            z, last = noise(v, stream), 1 + turn % last if early else last
            passes = [last] * t.batch_size
            logits = revise(average, revised, c, z, given, passes) if v else generate(average, c, z, given)
            chance = torch.from_numpy(stream.random((t.batch_size, length), dtype=np.float32))
            ids = draw(logits, c.reranking.temperature, chance)
            ended = (ids == end).cumsum(1) - (ids == end).long() > 0
            fake = F.one_hot(torch.where(ended, pad, ids), vocabulary).double()
            r, f = (score(discriminator, c, embed(discriminator, x), given) for x in (real, fake))
            loss = (-r.sigmoid().log() - (1 - f.sigmoid()).log()).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            numbers = {"discriminator_loss": loss.detach(), "discriminator_lr": optimiser.param_groups[0]["lr"]}
        yield numbers, average, revised, discriminator


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
