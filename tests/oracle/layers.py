"""Cases of pools, norms, activations, softmax, linear and losses."""
import torch
import torch.nn.functional as F

from cases import DOUBLE, draw, draw_integers

INFINITY = float("inf")


def simple(archive, text, function, x, *parameters, dy=None):
    """y = function(x, parameters...) and all gradients."""
    leaves = [t.requires_grad_() for t in (x,) + parameters]
    y = function(*leaves)
    dy = draw(*y.shape) if dy is None else dy
    grads = torch.autograd.grad(y, leaves, dy)
    archive.case(text, x=x, dy=dy, y=y, dx=grads[0])
    for i, parameter in enumerate(parameters):
        archive.more(**{f"p{i}": parameter, f"d{i}": grads[i + 1]})


# ---- pools: kernel, stride, begin, end, input ------------------------------

POOLS = (
    ((2, 2), (2, 2), (0, 0), (0, 0), (2, 3, 6, 8)),
    ((2, 2), (2, 2), (0, 0), (0, 0), (1, 1, 7, 5)),
    ((2, 2), (1, 1), (0, 0), (0, 0), (1, 2, 4, 4)),
    ((3, 3), (2, 2), (1, 1), (1, 1), (2, 2, 7, 8)),
    ((3, 3), (1, 1), (1, 1), (1, 1), (1, 17, 3, 3)),
    ((3, 2), (2, 3), (1, 0), (0, 1), (1, 3, 9, 7)),
    ((3, 3), (2, 2), (2, 2), (2, 2), (1, 2, 5, 6)),
    ((1, 1), (2, 2), (0, 0), (0, 0), (1, 3, 5, 5)),
    ((2, 3), (3, 4), (0, 0), (0, 0), (3, 2, 8, 9)),
    ((5, 1), (1, 2), (2, 0), (2, 0), (1, 3, 6, 6)),
    ((1, 1), (1, 1), (0, 0), (0, 0), (1, 1, 1, 1)),
)


def sides(begin, end):
    return (begin[1], end[1], begin[0], end[0])


def average(x, kernel, stride, begin, end, count_padding):
    padded = F.pad(x, sides(begin, end))
    mean = F.avg_pool2d(padded, kernel, stride)
    if count_padding:
        return mean
    inside = F.pad(torch.ones_like(x), sides(begin, end))
    return mean / F.avg_pool2d(inside, kernel, stride)


def pools(archive):
    for kernel, stride, begin, end, shape in POOLS:
        text = (f"{kernel[0]} {kernel[1]} stride={stride[0]},{stride[1]} "
                f"padding={begin[0]},{begin[1]} padding_end={end[0]},{end[1]}")

        def largest(x):
            padded = F.pad(x, sides(begin, end), value=-INFINITY)
            return F.max_pool2d(padded, kernel, stride)

        # Whole numbers have ties: the first of equals gets the gradient.
        for numbers in (draw, draw_integers):
            x = numbers(*shape)
            dy = numbers(*largest(x).shape)
            simple(archive, f"maxpool {text}", largest, x, dy=dy)
        for count in (False, True):
            simple(archive,
                   f"avgpool {text} count_padding={'yes' if count else 'no'}",
                   lambda x: average(x, kernel, stride, begin, end, count),
                   draw(*shape))
    # Where PyTorch pads by itself, its own count of the padding.
    for count in (False, True):
        simple(archive,
               "avgpool 3 3 stride=2 padding=1 "
               f"count_padding={'yes' if count else 'no'}",
               lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=count),
               draw(2, 3, 7, 7))
    simple(archive, "maxpool 4 4 stride=2 padding=2",
           lambda x: F.max_pool2d(x, 4, 2, 2), draw(2, 3, 7, 6))
    simple(archive, "global_average_pool",
           lambda x: x.mean((2, 3), keepdim=True), draw(2, 7, 5, 3))


# ---- batch norm ------------------------------------------------------------

def batch_norms(archive):
    settings = (((2, 3, 4, 5), 1e-5, 0.1), ((3, 17, 1, 2), 1e-3, 0.3),
                ((5, 6), 1e-5, 1.0), ((2, 1, 3, 1), 1e-5, 0.1),
                ((4, 16, 3, 3), 1e-2, 0.01))
    for shape, epsilon, momentum in settings:
        for training in (True, False):
            channels = shape[1]
            x = 2 * draw(*shape) + 3
            gamma, beta = draw(channels), draw(channels)
            mean, variance = draw(channels), draw(channels) ** 2 + 0.5
            variance = variance.to(torch.float32).to(DOUBLE)
            before = mean.clone(), variance.clone()
            simple(archive,
                   f"batchnorm epsilon={epsilon} momentum={momentum}",
                   lambda x, g, b: F.batch_norm(x, mean, variance, g, b,
                                                training, momentum, epsilon),
                   x, gamma, beta)
            archive.more(s0=before[0], s1=before[1], t0=mean, t1=variance)
            archive.texts[f"{archive.prefix}.mode"] = \
                "training" if training else "evaluation"


# ---- activations, softmax, linear ------------------------------------------

ACTIVATIONS = (
    ("relu", F.relu),
    ("relu6", F.relu6),
    ("leaky_relu", lambda x: F.leaky_relu(x, 0.01)),
    ("leaky_relu slope=0.25", lambda x: F.leaky_relu(x, 0.25)),
    ("elu", F.elu),
    ("elu alpha=0.01", lambda x: F.elu(x, 0.01)),
    ("sigmoid", torch.sigmoid),
    ("tanh", torch.tanh),
)


EDGES = [[-100, -20, -6, -1, -0.5, 0, 0.5, 1, 6, 7, 20, 100]]


def element_wise(archive, table, *shape):
    edges = torch.tensor(EDGES, dtype=DOUBLE)
    for text, function in table:
        simple(archive, text, function, 3 * draw(*shape))
        simple(archive, text, function, edges.clone())


def activations(archive):
    element_wise(archive, ACTIVATIONS, 2, 3, 5, 7)
    for shape in ((3, 10), (1, 1), (2, 17)):
        simple(archive, "softmax", lambda x: F.softmax(x, 1), 3 * draw(*shape))
    simple(archive, "softmax", lambda x: F.softmax(x, 1), draw(2, 5, 3, 4))
    simple(archive, "softmax", lambda x: F.softmax(x, 1),
           torch.tensor([[1000.0, 1000, -1000, 0]], dtype=DOUBLE))
    for batch, inputs, outputs in ((1, 1, 1), (3, 5, 7), (6, 16, 17),
                                   (7, 17, 6), (2, 33, 15)):
        simple(archive, f"linear {outputs}", F.linear, draw(batch, inputs),
               draw(outputs, inputs), draw(outputs))
        simple(archive, f"linear {outputs} bias=no", F.linear,
               draw_integers(batch, inputs), draw_integers(outputs, inputs),
               dy=draw_integers(batch, outputs))
    simple(archive, "flatten", lambda x: x.flatten(1), draw(2, 3, 4, 5))


# ---- losses ----------------------------------------------------------------

def loss(archive, text, function, x, target):
    x.requires_grad_()
    y = function(x, target)
    archive.case(text, x=x, target=target, y=y.reshape(1),
                 dx=torch.autograd.grad(y, x)[0])


def losses(archive):
    def sigmoid(x, t):
        return F.binary_cross_entropy_with_logits(
            x, t, reduction="sum") / x.shape[0]

    for batch, classes in ((1, 2), (4, 10), (7, 17)):
        x = 4 * draw(batch, classes)
        loss(archive, "softmax_cross_entropy", F.cross_entropy, x,
             torch.randint(classes, (batch,)))
        weights = F.softmax(draw(batch, classes), 1)
        weights = weights.to(torch.float32).to(DOUBLE)
        loss(archive, "softmax_cross_entropy", F.cross_entropy, x.detach(),
             weights)
        loss(archive, "sigmoid_cross_entropy", sigmoid, x.detach(),
             torch.rand(batch, classes).to(DOUBLE))
        loss(archive, "mse", F.mse_loss, x.detach(), draw(batch, classes))
    loss(archive, "softmax_cross_entropy", F.cross_entropy,
         torch.tensor([[1000.0, 0, -1000], [-1000, 0, 1000]], dtype=DOUBLE),
         torch.tensor([1, 2]))
    loss(archive, "sigmoid_cross_entropy", sigmoid,
         torch.tensor([[1000.0, -1000, 0]], dtype=DOUBLE),
         torch.tensor([[0.5, 1, 0.25]], dtype=DOUBLE))


def layer_cases(archive):
    pools(archive)
    batch_norms(archive)
    activations(archive)
    losses(archive)


# ---- activations of the file activations.safetensors -----------------------

MORE_ACTIVATIONS = (
    ("softplus", F.softplus),
    ("softplus beta=2.5 threshold=3", lambda x: F.softplus(x, 2.5, 3)),
    ("softplus beta=-1", lambda x: F.softplus(x, -1)),
    ("softsign", F.softsign),
    ("selu", F.selu),
    ("celu", F.celu),
    ("celu 0.25", lambda x: F.celu(x, 0.25)),
    ("gelu", F.gelu),
    ("gelu approximate=tanh", lambda x: F.gelu(x, approximate="tanh")),
    ("silu", F.silu),
    ("mish", F.mish),
    # F.hardsigmoid multiplies by 1 / 6 in single precision.
    ("hard_sigmoid", lambda x: F.relu6(x + 3) / 6),
    ("hard_swish", F.hardswish),
    ("hard_tanh", F.hardtanh),
    ("hard_tanh -0.5 2", lambda x: F.hardtanh(x, -0.5, 2)),
    ("abs", torch.abs),
    ("neg", torch.neg),
    ("sin", torch.sin),
    ("cos", torch.cos),
    ("atan", torch.atan),
)


def activation_cases(archive):
    element_wise(archive, MORE_ACTIVATIONS, 1, 3, 4, 5)
    for text, function in (("exp", torch.exp), ("log", torch.log),
                           ("sqrt", torch.sqrt), ("tan", torch.tan),
                           ("asin", torch.asin), ("acos", torch.acos)):
        x = 0.0625 + 0.875 * torch.rand(1, 3, 4, 5, dtype=torch.float32)
        simple(archive, text, function, x.to(DOUBLE))
    for text, slopes in (("prelu", 7), ("prelu 0.5 shared=yes", 1)):
        for shape in ((3, 7), (2, 7, 5, 3)):
            simple(archive, text, F.prelu, draw(*shape), draw(slopes))
    for shape in ((3, 10), (1, 1), (2, 17), (2, 5, 3, 4)):
        simple(archive, "log_softmax", lambda x: F.log_softmax(x, 1),
               3 * draw(*shape))
    simple(archive, "log_softmax", lambda x: F.log_softmax(x, 1),
           torch.tensor([[1000.0, 1000, -1000, 0]], dtype=DOUBLE))


# ---- norms of the file norms.safetensors ------------------------------------

def channels_last(function):
    """The function of the channels as the last axis."""
    return lambda x, *rest: function(x.movedim(1, -1), *rest).movedim(-1, 1)


def root_mean_square(x, weight):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * weight


def norm_cases(archive):
    for c, shape in ((7, (2, 7, 5, 3)), (17, (3, 17)), (33, (1, 33, 2, 4))):
        weight, bias = draw(c), draw(c)
        simple(archive, "layernorm",
               channels_last(lambda x, w, b: F.layer_norm(x, (c,), w, b)),
               2 * draw(*shape) + 3, weight, bias)
        simple(archive, "layernorm bias=no epsilon=0.01",
               channels_last(lambda x, w: F.layer_norm(x, (c,), w, eps=0.01)),
               draw(*shape), weight)
        simple(archive, "rmsnorm", channels_last(root_mean_square),
               draw(*shape), weight)
        simple(archive, "l2norm", lambda x: F.normalize(x, dim=1),
               draw(*shape))
    simple(archive, "layernorm 3 affine=no",
           lambda x: F.layer_norm(x, x.shape[1:]), draw(3, 7, 5, 3))
    simple(archive, "l2norm 3 epsilon=0.5",
           lambda x: F.normalize(x.flatten(1), eps=0.5).view_as(x),
           0.1 * draw(5, 2, 1, 3))
    for groups, shape in ((1, (2, 6, 5, 3)), (2, (3, 6, 4, 4)),
                          (6, (1, 6, 3, 7)), (3, (5, 12))):
        simple(archive, f"groupnorm {groups}",
               lambda x, w, b: F.group_norm(x, groups, w, b),
               2 * draw(*shape) + 3, draw(shape[1]), draw(shape[1]))
    simple(archive, "groupnorm 4 affine=no epsilon=0.1",
           lambda x: F.group_norm(x, 4, eps=0.1), draw(2, 8, 3, 5))
    simple(archive, "instancenorm", F.instance_norm, draw(2, 3, 4, 5))
    simple(archive, "instancenorm affine=yes",
           lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
           draw(3, 5, 7, 2), draw(5), draw(5))
    for size, alpha, beta, k, c in (
            (5, 1e-4, 0.75, 1, 16), (4, 0.5, 0.75, 2, 7), (1, 2, 0.5, 1, 3),
            (9, 1, 1.5, 0.5, 5)):
        simple(archive, f"lrn {size} alpha={alpha} beta={beta} k={k}",
               lambda x: F.local_response_norm(x, size, alpha, beta, k),
               2 * draw(2, c, 3, 4))
