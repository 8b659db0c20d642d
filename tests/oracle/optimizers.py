"""Steps of every optimizer that PyTorch has, with drawn options, along drawn
gradients. The text of a case is Fovea's; numbers are as it writes them."""
import random

import torch

from cases import DOUBLE, draw

STEPS = 25
COUNT = 21
KEPT = 5  # every fifth result is stored


class Options:
    """Numbers drawn for the text, and the same for PyTorch."""

    def __init__(self, name):
        self.words = [name]

    def number(self, key, low, high, chance=1.0):
        """The number; 0, and no word, if chance has it so."""
        if random.random() >= chance:
            return 0
        word = f"{random.uniform(low, high):.4g}"
        self.words.append(f"{key}={word}")
        return float(word)

    def switch(self, key, chance=0.5):
        on = random.random() < chance
        if on:
            self.words.append(f"{key}=yes")
        return on

    def rate(self, low=1e-3, high=0.1):
        return self.number("learning_rate", low, high)

    def decay(self):
        return self.number("weight_decay", 0.01, 0.3, 0.5)

    def betas(self):
        return (self.number("beta1", 0.5, 0.95),
                self.number("beta2", 0.8, 0.999))

    def epsilon(self):
        return self.number("epsilon", 1e-8, 1e-3)


def sgd(o, leaves):
    momentum = o.number("momentum", 0.1, 0.95, 0.75)
    nesterov = bool(momentum) and o.switch("nesterov")
    dampening = 0 if nesterov else o.number("dampening", 0.1, 0.9, 0.6)
    return torch.optim.SGD(leaves, o.rate(), momentum=momentum,
                           dampening=dampening, nesterov=nesterov,
                           weight_decay=o.decay())


def adam(kind):
    def make(o, leaves):
        decay = o.decay() if kind is torch.optim.Adam \
            else o.number("weight_decay", 0.01, 0.3)
        return kind(leaves, o.rate(), betas=o.betas(), eps=o.epsilon(),
                    weight_decay=decay, amsgrad=o.switch("amsgrad"))
    return make


def rmsprop(o, leaves):
    return torch.optim.RMSprop(
        leaves, o.rate(), alpha=o.number("alpha", 0.5, 0.99), eps=o.epsilon(),
        momentum=o.number("momentum", 0.1, 0.9, 0.5), weight_decay=o.decay(),
        centered=o.switch("centered"))


def adagrad(o, leaves):
    return torch.optim.Adagrad(
        leaves, o.rate(), lr_decay=o.number("rate_decay", 0.01, 1, 0.5),
        initial_accumulator_value=o.number("initial", 0.01, 1, 0.5),
        eps=o.epsilon(), weight_decay=o.decay())


def adadelta(o, leaves):
    return torch.optim.Adadelta(
        leaves, o.rate(0.1, 2), rho=o.number("rho", 0.5, 0.99),
        eps=o.epsilon(), weight_decay=o.decay())


def nadam(o, leaves):
    return NAdam(
        leaves, o.rate(), betas=o.betas(), eps=o.epsilon(),
        weight_decay=o.decay(),
        momentum_decay=o.number("momentum_decay", 1e-3, 0.1))


class NAdam(torch.optim.Optimizer):
    """NAdam as PyTorch documents it. PyTorch before 2.0 multiplies the product
    of the momenta up to the next step by that of the present one twice."""

    def __init__(self, leaves, rate, **rest):
        super().__init__(leaves, dict(rest, rate=rate))

    @torch.no_grad()
    def step(self):
        o = self.param_groups[0]
        w = o["params"][0]
        s = self.state[w]
        t = s["t"] = s.get("t", 0) + 1
        mu, after = (o["betas"][0] * (1 - 0.5 * 0.96 ** (
            k * o["momentum_decay"])) for k in (t, t + 1))
        s["product"] = s.get("product", 1) * mu
        g = w.grad + o["weight_decay"] * w
        for key, beta, new in zip("mv", o["betas"], (g, g * g)):
            s[key] = beta * s.get(key, 0) + (1 - beta) * new
        d = (s["v"] / (1 - o["betas"][1] ** t)).sqrt() + o["eps"]
        w -= o["rate"] * ((1 - mu) / (1 - s["product"]) * g + after /
                          (1 - s["product"] * after) * s["m"]) / d


if int(torch.__version__.split(".")[0]) >= 2:
    NAdam = torch.optim.NAdam


def radam(o, leaves):
    return torch.optim.RAdam(leaves, o.rate(), betas=o.betas(),
                             eps=o.epsilon(), weight_decay=o.decay())


RULES = {"sgd": sgd, "adam": adam(torch.optim.Adam),
         "adamw": adam(torch.optim.AdamW), "rmsprop": rmsprop,
         "adagrad": adagrad, "adadelta": adadelta, "nadam": nadam,
         "radam": radam}


def steps(archive, name, make):
    options = Options(name)
    start, grads = draw(COUNT), draw(STEPS, COUNT)
    leaf = start.clone().requires_grad_()
    optimizer = make(options, [leaf])
    after = []
    for grad in grads:
        leaf.grad = grad.clone()
        optimizer.step()
        after.append(leaf.detach().clone())
    archive.case(" ".join(options.words), start=start, grads=grads,
                 after=torch.stack(after[KEPT - 1::KEPT]))


def optimizer_cases(archive, seed):
    random.seed(seed)
    torch.manual_seed(seed)
    torch.set_default_dtype(DOUBLE)  # of the scalars that NAdam keeps
    for name, make in RULES.items():
        for _ in range(6):
            steps(archive, name, make)
    torch.set_default_dtype(torch.float32)
