"""Geometries of convolutions: the awkward ones, then random ones."""
import random

# Around the sides of the product's tile, 6 by 16.
SIZES = (1, 2, 3, 5, 6, 7, 15, 16, 17)


def geometry(size, channels, filters, kernel, batch=1, stride=(1, 1),
             begin=(0, 0), end=None, dilation=(1, 1), groups=1, bias=True):
    return {"batch": batch, "size": size, "channels": channels,
            "filters": filters, "kernel": kernel, "stride": stride,
            "begin": begin, "end": begin if end is None else end,
            "dilation": dilation, "groups": groups, "bias": bias}


AWKWARD = (
    geometry((1, 1), 1, 1, (1, 1)),
    geometry((1, 1), 17, 16, (1, 1), batch=3, bias=False),
    geometry((5, 5), 6, 16, (1, 1)),
    geometry((4, 4), 16, 6, (1, 1), batch=2),
    geometry((17, 1), 5, 7, (1, 1)),
    geometry((6, 16), 1, 6, (3, 3), begin=(1, 1)),
    geometry((5, 15), 1, 17, (3, 3), begin=(1, 1)),
    geometry((7, 17), 2, 5, (3, 3), begin=(1, 1)),
    geometry((5, 5), 3, 2, (5, 5)),
    geometry((3, 3), 2, 3, (3, 3), begin=(2, 2)),
    geometry((2, 2), 3, 4, (3, 3), begin=(1, 1)),
    geometry((1, 7), 2, 3, (1, 3), begin=(0, 1)),
    geometry((7, 1), 2, 3, (7, 1), begin=(3, 0)),
    geometry((8, 8), 3, 4, (2, 2), begin=(0, 0), end=(1, 1)),
    geometry((8, 9), 3, 4, (4, 4), begin=(1, 2), end=(2, 1)),
    geometry((6, 6), 2, 2, (3, 2), begin=(2, 0), end=(0, 1)),
    geometry((9, 9), 2, 3, (2, 2), stride=(3, 3)),
    geometry((10, 7), 3, 4, (1, 1), stride=(2, 3), batch=2),
    geometry((9, 8), 2, 3, (3, 3), stride=(2, 1), begin=(1, 1)),
    geometry((7, 7), 2, 3, (3, 3), stride=(2, 2), begin=(0, 0), end=(1, 1)),
    geometry((9, 9), 2, 3, (3, 3), dilation=(2, 2), begin=(2, 2)),
    geometry((10, 9), 2, 3, (3, 2), dilation=(3, 4), stride=(2, 1)),
    geometry((7, 7), 6, 6, (3, 3), groups=6, begin=(1, 1)),
    geometry((7, 6), 5, 10, (3, 3), groups=5, begin=(1, 1), batch=2),
    geometry((7, 7), 17, 17, (3, 3), groups=17, stride=(2, 2), begin=(1, 1)),
    geometry((6, 6), 16, 16, (5, 5), groups=16, begin=(2, 2), dilation=(1, 1),
             bias=False),
    geometry((5, 5), 8, 12, (3, 3), groups=4, begin=(1, 1)),
    geometry((5, 4), 6, 4, (2, 3), groups=2, stride=(2, 1), begin=(1, 1),
             dilation=(2, 1), batch=3),
)


def span(g, axis):
    return g["dilation"][axis] * (g["kernel"][axis] - 1) + 1


def outputs(g):
    return [(g["size"][i] + g["begin"][i] + g["end"][i] - span(g, i))
            // g["stride"][i] + 1 for i in range(2)]


def draw_geometry(random_):
    """A geometry that exists and whose case is small."""
    one = random_.choice
    while True:
        groups = one((1, 1, 1, 1, 2, 3, 5))
        channels, filters = groups * one((1, 1, 2, 3, 5, 6, 7, 16)), \
            groups * one((1, 1, 2, 3, 5, 6, 7, 15, 16, 17))
        if one((False, False, False, True)):  # depthwise
            groups = channels
            filters = channels * one((1, 1, 2))
        g = geometry((one(SIZES), one(SIZES)), channels, filters,
                     (one((1, 1, 2, 3, 3, 4, 5)), one((1, 2, 3, 3, 5))),
                     batch=one((1, 1, 2, 3)),
                     stride=(one((1, 1, 2, 3)), one((1, 1, 2, 3))),
                     begin=(one((0, 1, 2)), one((0, 1, 2))),
                     dilation=(one((1, 1, 1, 2, 3)), one((1, 1, 1, 2, 3))),
                     groups=groups, bias=one((True, True, False)))
        if one((True, False)):
            g["end"] = (one((0, 1, 2, 3)), one((0, 1, 2, 3)))
        if any(g["size"][i] + g["begin"][i] + g["end"][i] < span(g, i)
               for i in range(2)):
            continue
        high, wide = outputs(g)
        elements = g["batch"] * (g["size"][0] * g["size"][1] * channels
                                 + high * wide * filters)
        weights = filters * channels // groups * g["kernel"][0] \
            * g["kernel"][1]
        if elements + weights <= 2500:
            return g


def geometries(seed, drawn=40):
    random_ = random.Random(seed)
    return list(AWKWARD) + [draw_geometry(random_) for _ in range(drawn)]


def text_of(g):
    """The line of network text."""
    pair = lambda key: f"{g[key][0]},{g[key][1]}"
    return (f"conv2d {g['filters']} {g['kernel'][0]} {g['kernel'][1]} "
            f"stride={pair('stride')} padding={pair('begin')} "
            f"padding_end={pair('end')} dilation={pair('dilation')} "
            f"groups={g['groups']} bias={'yes' if g['bias'] else 'no'}")
