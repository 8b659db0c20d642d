"""Runs of training: LeNet-5 and a small network with batch norm.

Weights and images follow a formula of whole numbers, so that the files hold
results alone; of large arrays they hold samples, the sum and the norm."""
import math

import torch
import torch.nn.functional as F

from cases import DOUBLE

STEPS = 10
PRIME = 999983  # 2 mod 3, so that cubing permutes the residues
SAMPLES = 64

LENET = """conv2d 6 5 5 padding=2
relu
maxpool 2 2
conv2d 16 5 5
relu
maxpool 2 2
flatten
linear 120
relu
linear 84
relu
linear 10
softmax_cross_entropy
"""

# No bias before batch norm: its gradient is zero but for rounding, which Adam
# would blow up to whole steps.
NORMED = """conv2d 8 3 3 padding=same stride=2 bias=no
batchnorm
relu
conv2d 12 3 3 padding=same groups=4 bias=no
batchnorm momentum=0.2
relu
avgpool 2 2
global_average_pool
flatten
linear 5
softmax_cross_entropy
"""


def lenet(x, p, state, training):
    x = F.max_pool2d(F.relu(F.conv2d(x, p[0], p[1], padding=2)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, p[2], p[3])), 2)
    x = F.relu(F.linear(x.flatten(1), p[4], p[5]))
    x = F.relu(F.linear(x, p[6], p[7]))
    return F.linear(x, p[8], p[9])


def normed(x, p, state, training):
    # 10 x 11 by stride 2: one zero below, one on either side
    x = F.conv2d(F.pad(x, (1, 1, 0, 1)), p[0], stride=2)
    x = F.relu(F.batch_norm(x, state[0], state[1], p[1], p[2], training))
    x = F.conv2d(x, p[3], padding=1, groups=4)
    x = F.relu(F.batch_norm(x, state[2], state[3], p[4], p[5], training, 0.2))
    x = F.avg_pool2d(x, 2).mean((2, 3))
    return F.linear(x, p[6], p[7])


# Shape, offset and scale of each parameter: offset + scale v, |v| <= 1/2.
def weights(*shape):
    return shape, 0.0, 2 * math.sqrt(6 / math.prod(shape[1:]))


def numbers(count, offset, scale):
    return (count,), offset, scale


NETS = {
    "lenet": (LENET, lenet, (4, 1, 28, 28), 10, (), [
        weights(6, 1, 5, 5), numbers(6, 0, 0.2),
        weights(16, 6, 5, 5), numbers(16, 0, 0.2),
        weights(120, 400), numbers(120, 0, 0.2),
        weights(84, 120), numbers(84, 0, 0.2),
        weights(10, 84), numbers(10, 0, 0.2)]),
    "normed": (NORMED, normed, (6, 3, 10, 11), 5, (8, 12), [
        weights(8, 3, 3, 3), numbers(8, 1, 0.5), numbers(8, 0, 0.5),
        weights(12, 2, 3, 3), numbers(12, 1, 0.5), numbers(12, 0, 0.5),
        weights(5, 12), numbers(5, 0, 0.2)]),
}

# network, rule, rate, momentum, weight decay, nesterov
RUNS = (
    ("lenet", "sgd", 0.01, 0, 0, 0),
    ("lenet", "sgd", 0.002, 0.9, 1e-4, 1),
    ("normed", "sgd", 0.2, 0, 0, 0),
    ("normed", "sgd", 0.1, 0.9, 1e-2, 0),
    ("normed", "adam", 0.01, 0, 0, 0),
    ("normed", "adam", 0.01, 0, 0.1, 0),
    ("normed", "adamw", 0.01, 0, 0.1, 0),
)


def formula(shape, seed, tensor, offset, scale):
    first = 1 + 7001 * tensor + 104729 * seed
    values = [offset + scale * (((first + k) % PRIME) ** 3 % PRIME / PRIME
                                - 0.5) for k in range(math.prod(shape))]
    return torch.tensor(values, dtype=DOUBLE).reshape(shape)


def optimizer_of(rule, rate, momentum, decay, nesterov, leaves):
    if rule == "sgd":
        return torch.optim.SGD(leaves, rate, momentum, weight_decay=decay,
                               nesterov=bool(nesterov))
    kind = torch.optim.Adam if rule == "adam" else torch.optim.AdamW
    return kind(leaves, rate, weight_decay=decay)


class Run:
    """Ten steps of one rule on one network."""

    def __init__(self, net, settings, seed, dtype):
        _, forward, shape, classes, normed_channels, table = NETS[net]
        x = formula(shape, seed, 100, 0, 2).to(dtype)
        self.labels = torch.tensor([(seed + 3 * i * i + i) % classes
                                    for i in range(shape[0])])
        leaves = [formula(s, seed, i, offset, scale).to(dtype)
                  .requires_grad_() for i, (s, offset, scale)
                  in enumerate(table)]
        state = []
        for channels in normed_channels:
            state += [torch.zeros(channels, dtype=dtype),
                      torch.ones(channels, dtype=dtype)]
        optimizer = optimizer_of(*settings, leaves)
        self.losses, self.grads = [], None
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = F.cross_entropy(forward(x, leaves, state, True),
                                   self.labels)
            loss.backward()
            self.losses.append(loss.item())
            if self.grads is None:
                self.grads = [leaf.grad.clone() for leaf in leaves]
            optimizer.step()
        self.weights = [leaf.detach() for leaf in leaves]
        self.state = state
        self.logits = forward(x, leaves, state, False).detach()


def store(archive, name, t):
    """All of a small array; samples, sum and norm of a large one."""
    flat = t.flatten()
    step = max(1, flat.numel() // SAMPLES)
    archive.more(**{name: flat[::step]})
    archive.more(**{f"{name}.sum": torch.stack([flat.sum(), flat.norm()])})


def steady(run, single):
    """Whether single precision gives the same run: no relu at its kink, no
    two equals under a max pool that a rounding error would swap."""
    pairs = [(torch.tensor(run.losses), torch.tensor(single.losses))]
    pairs += zip(run.grads + run.weights, single.grads + single.weights)
    return all(float((a - b.to(DOUBLE)).abs().max())
               <= 2e-5 * float(a.abs().max()) for a, b in pairs)


def steady_runs(net, first):
    """The first seed whose runs are all steady, and the runs."""
    for seed in range(first, first + 20):
        settings = [run[1:] for run in RUNS if run[0] == net]
        runs = [Run(net, s, seed, DOUBLE) for s in settings]
        if all(steady(run, Run(net, s, seed, torch.float32))
               for run, s in zip(runs, settings)):
            return seed, settings, runs
    raise SystemExit(f"{net}: no steady run among 20 seeds from {first}")


def runs(archive, seed):
    for net, (text, _, shape, _, _, table) in NETS.items():
        seed_used, settings, done = steady_runs(net, seed)
        archive.texts[f"{net}.text"] = text
        archive.add(f"{net}.seed", torch.tensor([seed_used]))
        archive.add(f"{net}.images", torch.tensor(shape))
        archive.add(f"{net}.labels", done[0].labels)
        archive.add(f"{net}.init", torch.tensor(
            [row[1:] for row in table], dtype=DOUBLE))
        for setting, run in zip(settings, done):
            archive.case(" ".join([net] + [str(v) for v in setting]),
                         losses=torch.tensor(run.losses, dtype=DOUBLE),
                         logits=run.logits)
            for name, arrays in (("grad", run.grads),
                                 ("weight", run.weights),
                                 ("state", run.state)):
                for i, t in enumerate(arrays):
                    store(archive, f"{name}{i}", t)
