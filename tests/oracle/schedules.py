"""Learning rates of PyTorch's schedulers over 150 steps, with drawn options.
The text of a case is the base rate and Fovea's schedule."""
import math
import random

import torch
from torch.optim import lr_scheduler as torch_schedules

STEPS = 150


def drawn(low, high):
    return float(f"{random.uniform(low, high):.4g}")


def constant(optimizer, base):
    factor = drawn(0.1, 1)
    return f"constant {factor}", torch_schedules.ConstantLR(
        optimizer, factor, 10 * STEPS)


def linear(optimizer, base):
    steps, start, end = random.randint(1, 120), drawn(.01, 1), drawn(0, 1)
    return (f"linear {steps} start={start} end={end}",
            torch_schedules.LinearLR(optimizer, start, end, steps))


def polynomial(optimizer, base):
    steps, power = random.randint(10, 200), drawn(0.5, 3)
    return (f"polynomial {steps} power={power}",
            torch_schedules.PolynomialLR(optimizer, steps, power))


def exponential(optimizer, base):
    gamma = drawn(0.9, 1.01)
    return (f"exponential {gamma}",
            torch_schedules.ExponentialLR(optimizer, gamma))


def step(optimizer, base):
    steps, gamma = random.randint(1, 60), drawn(0.1, 1)
    return (f"step {steps} gamma={gamma}",
            torch_schedules.StepLR(optimizer, steps, gamma))


def multi_step(optimizer, base):
    at = sorted(random.sample(range(1, 200), random.randint(1, 8)))
    gamma = drawn(0.1, 1)
    return (f"multi_step {' '.join(map(str, at))} gamma={gamma}",
            torch_schedules.MultiStepLR(optimizer, at, gamma))


def cosine(optimizer, base):
    steps, least = random.randint(STEPS, 300), drawn(0, base)
    return (f"cosine {steps} minimum={least}",
            torch_schedules.CosineAnnealingLR(optimizer, steps, least))


def restarts(optimizer, base):
    steps, least = random.randint(1, 40), drawn(0, base)
    times = random.randint(1, 3)
    return (f"cosine {steps} minimum={least} restarts={times}",
            torch_schedules.CosineAnnealingWarmRestarts(
                optimizer, steps, times, least))


def one_cycle(optimizer, base):
    steps, three = random.randint(STEPS + 1, 300), random.random() < 0.5
    rise, divide, last = drawn(.1, .45), drawn(2, 50), drawn(10, 1e4)
    line = random.random() < 0.5
    text = f"one_cycle {steps} rise={rise} divide={divide} " \
        f"final_divide={last}" + " linear=yes" * line \
        + " three_phases=yes" * three
    return text, torch_schedules.OneCycleLR(
        optimizer, base, steps, pct_start=rise, div_factor=divide,
        final_div_factor=last, three_phase=three, cycle_momentum=False,
        anneal_strategy="linear" if line else "cos")


def plateau(optimizer, base):
    mode, absolute = random.choice(["min", "max"]), random.random() < 0.5
    factor, patience = drawn(0.2, 0.9), random.randint(0, 6)
    threshold, cooldown = drawn(1e-4, 0.05), random.randint(0, 4)
    least = drawn(0, base / 4)
    text = f"plateau factor={factor} patience={patience} " \
        f"threshold={threshold} cooldown={cooldown} minimum={least} " \
        f"watch={'loss' if mode == 'min' else 'accuracy'}" \
        + " absolute=yes" * absolute
    return text, torch_schedules.ReduceLROnPlateau(
        optimizer, mode, factor=factor, patience=patience,
        threshold=threshold, cooldown=cooldown, min_lr=least,
        threshold_mode="abs" if absolute else "rel")


def fresh(base):
    return torch.optim.SGD([torch.zeros(1)], base)


def closed_form(make, base, steps):
    """The rates of a scheduler that runs alone."""
    optimizer = fresh(base)
    text, schedule = make(optimizer, base)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return text, rates


def chain(base):
    """Phases one after the other, each from its first step."""
    makers = random.sample([constant, linear, polynomial, exponential, step,
                            multi_step, cosine, restarts, one_cycle], 3)
    words, rates = [], []
    for i, make in enumerate(makers):
        length = random.randint(5, 60)
        text, part = closed_form(make, base, STEPS)
        words.append(text + (f" for {length}" if i < 2 else ""))
        rates += part[:length] if i < 2 else part
    return " then ".join(words), rates[:STEPS]


def watched(base):
    optimizer = fresh(base)
    text, schedule = plateau(optimizer, base)
    values, rates = [], []
    for i in range(STEPS):
        values.append(math.exp(-i / 40) + drawn(0, 0.3) if "loss" in text
                      else 1 - math.exp(-i / 40) + drawn(0, 0.3))
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step(values[-1])
    return text, rates, values


def schedule_cases(archive, seed):
    random.seed(seed)
    for make in (constant, linear, polynomial, exponential, step, multi_step,
                 cosine, restarts, one_cycle, chain, watched):
        for _ in range(4):
            base = drawn(0.01, 1)
            text, rates, *values = make(base) if make in (chain, watched) \
                else closed_form(make, base, STEPS)
            archive.case(f"{base} {text}", rates=torch.tensor(
                rates, dtype=torch.float64))
            if values:
                archive.more(values=torch.tensor(values[0],
                                                 dtype=torch.float64))
