#!/usr/bin/env python3
"""What PyTorch takes for the models of the GPU table: the peer that Sluice is measured against.

The only Python file in the tree. It measures PyTorch and nothing else; Sluice needs no Python.

Builds ResNet-50, MobileNetV2 and BERT-base (sequence 128) in plain torch, with random weights and
the architectures of dev.sluice.bench.models, and times them in inference mode, 32-bit floats with
TF32 on, eager and compiled. Prints one JSON object a line for each model, batch and mode:

  device_us  median over the runs of the time between two CUDA events around one call. Calls follow
             one another without a wait; where the host is slower than the device, as in eager mode
             at batch 1, this is the host's time, since a caller waits for it.
  wall_us    median of the host's time from a call to the end of its work, inputs on the device.

What failed, or the time did not suffice for, has "left_out" in place of the times. Needs torch 2.x
and an NVIDIA GPU; '--check' needs no GPU: it runs each model once on the CPU.
"""

import argparse
import json
import signal
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    sys.exit("torch_peer: PyTorch is not installed; install the package torch, or use another python3")

SEQUENCE = 128
WARM_UP_S = 1.0


class TimeUp(BaseException):
    """The time is over. No Exception, so that no compiler takes it for a failure of its own."""


def normalised(inputs, outputs, kernel, stride=1, groups=1):
    """A convolution that keeps the image's size but for the stride, and its normalisation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Bottleneck(nn.Module):
    """A residual block of version 1.5: the 3x3 convolution has the stride."""

    def __init__(self, inputs, inner, stride):
        super().__init__()
        outputs = 4 * inner
        self.branch = nn.Sequential(
            normalised(inputs, inner, 1),
            nn.ReLU(inplace=True),
            normalised(inner, inner, 3, stride),
            nn.ReLU(inplace=True),
            normalised(inner, outputs, 1),
        )
        straight = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if straight else normalised(inputs, outputs, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.branch(x) + self.shortcut(x))


def resnet50():
    layers = [normalised(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, blocks in enumerate([3, 4, 6, 3]):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(Bottleneck(channels, 64 << stage, stride))
            channels = 4 * (64 << stage)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


class InvertedResidual(nn.Module):
    """Widens, convolves each channel by itself, narrows."""

    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        inner = inputs * expansion
        layers = []
        if expansion != 1:
            layers += [normalised(inputs, inner, 1), nn.ReLU6(inplace=True)]
        layers += [normalised(inner, inner, 3, stride, inner), nn.ReLU6(inplace=True)]
        layers += [normalised(inner, outputs, 1)]
        self.branch = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.branch(x) if self.residual else self.branch(x)


def mobilenetv2():
    layers = [normalised(3, 32, 3, 2), nn.ReLU6(inplace=True)]
    channels = 32
    for expansion, outputs, blocks, first in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for block in range(blocks):
            stride = first if block == 0 else 1
            layers.append(InvertedResidual(channels, outputs, expansion, stride))
            channels = outputs
    layers += [normalised(channels, 1280, 1), nn.ReLU6(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


class EncoderLayer(nn.Module):
    """A layer of BERT: normalised after each sum."""

    def __init__(self, hidden, heads, inner):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.mixed = nn.Linear(hidden, hidden)
        self.mixed_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.wide = nn.Linear(hidden, inner)
        self.narrow = nn.Linear(inner, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)

    def split(self, x):
        rows, tokens, hidden = x.shape
        return x.view(rows, tokens, self.heads, hidden // self.heads).transpose(1, 2)

    def forward(self, x, bias):
        context = functional.scaled_dot_product_attention(
            self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x)), attn_mask=bias
        )
        x = self.mixed_norm(x + self.mixed(context.transpose(1, 2).reshape(x.shape)))
        return self.norm(x + self.narrow(functional.gelu(self.wide(x))))


class Bert(nn.Module):
    """BERT-base with its pooler."""

    def __init__(self, vocabulary=30522, positions=512, hidden=768, layers=12, heads=12, inner=3072):
        super().__init__()
        self.words = nn.Embedding(vocabulary, hidden)
        self.places = nn.Embedding(positions, hidden)
        self.kinds = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.layers = nn.ModuleList(EncoderLayer(hidden, heads, inner) for _ in range(layers))
        self.pooler = nn.Linear(hidden, hidden)
        self.register_buffer("position_ids", torch.arange(positions).unsqueeze(0))

    def forward(self, ids, mask, kinds):
        places = self.places(self.position_ids[:, : ids.shape[1]])
        x = self.norm(self.words(ids) + self.kinds(kinds) + places)
        bias = ((1.0 - mask.to(x.dtype)) * -10000.0)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        return x, torch.tanh(self.pooler(x[:, 0]))


def images(rows, device):
    return (torch.randn(rows, 3, 224, 224, device=device),)


def tokens(rows, device):
    shape = (rows, SEQUENCE)
    ids = torch.randint(30522, shape, device=device)
    return ids, torch.ones(shape, dtype=torch.long, device=device), torch.zeros_like(ids)


# Name: constructor, inputs, parameters, the shapes of the outputs of one row.
MODELS = {
    "resnet50": (resnet50, images, 25557032, [(1000,)]),
    "mobilenetv2": (mobilenetv2, images, 3504872, [(1000,)]),
    "bert-base": (Bert, tokens, 109482240, [(SEQUENCE, 768), (768,)]),
}


def build(name, device):
    """The model, and what makes its inputs."""
    constructor, inputs, expected, _ = MODELS[name]
    torch.manual_seed(1)
    model = constructor()
    parameters = sum(p.numel() for p in model.parameters())
    if parameters != expected:
        sys.exit(f"torch_peer: {name} has {parameters} parameters, not {expected}; mend the model")
    return model.eval().to(device), inputs


def verify(name, rows, outputs):
    """Ends the program where the outputs are not what the model gives."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    shapes = [tuple(output.shape) for output in outputs]
    expected = [(rows, *shape) for shape in MODELS[name][3]]
    if shapes != expected or not all(bool(torch.isfinite(output).all()) for output in outputs):
        sys.exit(f"torch_peer: {name} gives {shapes}, not finite {expected}")


def timed(model, inputs, runs):
    """Medians in microseconds: on the device, and for the host."""
    started = time.monotonic()
    while time.monotonic() - started < WARM_UP_S:
        model(*inputs)
        torch.cuda.synchronize()
    begins = [torch.cuda.Event(enable_timing=True) for _ in range(runs)]
    ends = [torch.cuda.Event(enable_timing=True) for _ in range(runs)]
    for begin, end in zip(begins, ends):
        begin.record()
        model(*inputs)
        end.record()
    torch.cuda.synchronize()
    device = [begin.elapsed_time(end) * 1e3 for begin, end in zip(begins, ends)]
    wall = []
    for _ in range(runs):
        begin_ns = time.perf_counter_ns()
        model(*inputs)
        torch.cuda.synchronize()
        wall.append((time.perf_counter_ns() - begin_ns) / 1e3)
    return statistics.median(device), statistics.median(wall)


def compiled(model, mode):
    """The model in a mode; it is compiled when it is called first."""
    if mode == "eager":
        return model
    # What was compiled for another batch would make this one dynamic.
    torch._dynamo.reset()
    return torch.compile(model, mode=mode, dynamic=False)


def measure(name, rows, mode, runs):
    """One line of the result."""
    model, inputs = build(name, "cuda")
    inputs = inputs(rows, "cuda")
    started = time.monotonic()
    call = compiled(model, mode)
    with torch.inference_mode():
        verify(name, rows, call(*inputs))
        first_call_s = time.monotonic() - started
        device_us, wall_us = timed(call, inputs, runs)
    return {
        "device_us": round(device_us, 2),
        "wall_us": round(wall_us, 2),
        "runs": runs,
        "first_call_s": round(first_call_s, 2),
    }


def time_up(signum, frame):
    raise TimeUp


def measure_all(options):
    """Prints a line for each model, batch and mode; the quick modes of all models come first."""
    deadline = time.monotonic() + options.seconds
    versions = {
        "precision": "fp32, TF32",
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "device": torch.cuda.get_device_name(),
    }
    signal.signal(signal.SIGALRM, time_up)
    failed = False
    for mode in options.modes:
        for name in options.models:
            for rows in options.batches:
                line = {"model": name, "batch": rows, "mode": mode}
                left = deadline - time.monotonic()
                try:
                    if left <= 0:
                        raise TimeUp
                    signal.setitimer(signal.ITIMER_REAL, left)
                    try:
                        line.update(measure(name, rows, mode, options.runs))
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                except TimeUp:
                    line["left_out"] = f"the {options.seconds:g} s of --seconds were over"
                except Exception as e:  # the other lines still tell something
                    line["left_out"] = f"failed: {type(e).__name__}: {e}"[:400]
                    failed = True
                print(json.dumps({**line, **versions}), flush=True)
    return 1 if failed else 0


def check(options):
    """Runs each model once on the CPU; for a machine without a GPU."""
    for name in options.models:
        model, inputs = build(name, "cpu")
        with torch.inference_mode():
            verify(name, 2, model(*inputs(2, "cpu")))
        print(json.dumps({"model": name, "parameters": MODELS[name][2], "check": "ok"}))
    return 0


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300, help="bounds all of it; 300 by default")
    parser.add_argument("--runs", type=int, default=100, help="calls that are timed; 100 by default")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument(
        "--modes",
        nargs="+",
        choices=["eager", "default", "reduce-overhead", "max-autotune"],
        default=["eager", "default", "max-autotune"],
        help="eager, or a mode of torch.compile; in this order, the slow ones last",
    )
    parser.add_argument("--check", action="store_true", help="run each model once on the CPU, and end")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    if options.check:
        return check(options)
    if not torch.cuda.is_available():
        print("skipped, no GPU: torch sees none; check the driver, and that torch is made for CUDA")
        return 0
    return measure_all(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
