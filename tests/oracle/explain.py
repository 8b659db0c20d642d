"""Cases of Grad-CAM, saliency and occlusion."""
import torch
import torch.nn.functional as F

from cases import DOUBLE, draw


class Net:
    """Layers that are both a network text and their computation."""

    def __init__(self):
        self.lines, self.parameters, self.guided, self.layer = [], [], False, None

    def conv(self, x, filters, kernel, options="", **more):
        if self.first:
            self.lines.append(f"conv2d {filters} {kernel} {kernel} {options}")
            self.parameters += [draw(filters, x.shape[1], kernel, kernel) / 2,
                                draw(filters)]
        return F.conv2d(x, *self.take(), **more)

    def linear(self, x, outputs):
        if self.first:
            self.lines += ["global_average_pool", "flatten", f"linear {outputs}"]
            self.parameters += [draw(outputs, x.shape[1]), draw(outputs)]
        return F.linear(x.mean(dim=(2, 3)), *self.take())

    def clamp(self, x, limit=float("inf")):
        if self.first:
            self.lines.append("relu" if limit > 6 else "relu6")
        y = x.clamp(0, limit)
        if self.guided:
            y.register_hook(lambda dy: dy.clamp(min=0))
        return y

    def line(self, text):
        if self.first:
            self.lines.append(text)

    def mark(self, value):
        """This value is the layer of Grad-CAM."""
        if self.first:
            self.lines[-1] += " name=here"
        self.layer = value
        return value

    def take(self):
        self.at += 2
        return self.parameters[self.at - 2:self.at]

    def run(self, forward, x, guided=False):
        self.at, self.first = 0, not self.parameters
        self.guided = guided
        return forward(self, x)


def chain(net, x):
    x = net.clamp(net.conv(x, 5, 3, "padding=1", padding=1))
    net.line("maxpool 2 2")
    x = F.max_pool2d(x, 2)
    x = net.mark(net.clamp(net.conv(x, 6, 3)))
    x = net.linear(x, 4)
    net.line("softmax_cross_entropy")
    return x


def residual(net, x):
    a = net.clamp(net.conv(x, 4, 3, "stride=2 padding=1", stride=2, padding=1), 6)
    if net.first:
        net.lines[-1] += " name=stem"
    b = net.conv(a, 4, 3, "padding=1 name=main", padding=1)
    net.line("add from=main,stem")
    x = net.clamp(net.mark(a + b), 6)
    x = net.linear(x, 1)
    net.line("sigmoid_cross_entropy")
    return x


def pixels(net, x):
    x = net.mark(torch.tanh(net.conv(x, 3, 3, "padding=1\ntanh", padding=1)))
    x = net.conv(x, 3, 1)
    net.line("softmax_cross_entropy")
    return x.mean(dim=(2, 3))


def score_of(y, index):
    if y.shape[1] == 1:
        return y[0, 0] if index else -y[0, 0]
    return y[0, index]


def occlusion(score, x, window, stride, fill):
    """The mean fall of the score over the windows that cover a pixel."""
    rows, columns = x.shape[2:]
    falls, count = torch.zeros(2, rows, columns, dtype=DOUBLE)
    tops = range(0, rows - window[0] + stride[0], stride[0])
    lefts = range(0, columns - window[1] + stride[1], stride[1])
    for top in tops:
        for left in lefts:
            part = (slice(top, top + window[0]), slice(left, left + window[1]))
            covered = x.detach().clone()
            covered[(slice(None), slice(None)) + part] = fill
            falls[part] += float((score(x) - score(covered)).detach())
            count[part] += 1
    return falls / count


def explain_cases(archive):
    for forward, shape, index, windows in (
            (chain, (1, 3, 9, 11), -1, ((3, 2), (2, 1), 0.5)),
            (residual, (1, 1, 7, 10), 0, ((2, 4), (2, 3), 0)),
            (residual, (1, 2, 8, 6), 1, ((8, 1), (3, 1), -1)),
            (pixels, (1, 2, 5, 6), 1, ((2, 2), (1, 2), 0.25))):
        net = Net()
        x = draw(*shape).requires_grad_()
        y = net.run(forward, x)
        if index < 0:
            index = int(y.argmax())
        y = score_of(y, index)
        plain, at = torch.autograd.grad(y, (x, net.layer))
        cam = (at.mean(dim=(2, 3), keepdim=True) * net.layer).sum(1, True)
        cam = F.interpolate(cam.clamp(min=0), shape[2:], mode="bilinear")
        guided, = torch.autograd.grad(
            score_of(net.run(forward, x, True), index), x)
        archive.case("\n".join(net.lines), x=x, cam=cam[0, 0],
                     score=y.reshape(1), plain=plain[0].abs().amax(0),
                     guided=guided[0].abs().amax(0),
                     occlusion=occlusion(
                         lambda z: score_of(net.run(forward, z), index), x,
                         *windows))
        for i, parameter in enumerate(net.parameters):
            archive.more(**{f"p{i}": parameter})
        window, stride, fill = windows
        archive.texts[archive.prefix + ".how"] = " ".join(
            str(n) for n in (index, *window, *stride, fill))
