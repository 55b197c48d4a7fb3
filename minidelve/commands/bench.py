"""`minidelve bench`: how fast kernels, ops and networks are, against the machine's limits and PyTorch."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import Any

import numpy as np

from minidelve import models
from minidelve.analysis.summary import summarize
from minidelve.backend import DEVICE_OF, available, kernels_for, to_device, use
from minidelve.backend.precision import PRECISIONS, using_precision
from minidelve.bench.inference import BATCHES
from minidelve.bench.kernel_cases import KERNELS
from minidelve.bench.networks import Job
from minidelve.bench.op_cases import OPS
from minidelve.bench.report import Report
from minidelve.bench.tables import Options
from minidelve.bench.twin import within_torch_memory
from minidelve.commands.arguments import add_command, add_device_options, at_least, some_path
from minidelve.commands.meant import closest
from minidelve.disk.owning import own_file
from minidelve.errors import RunError
from minidelve.progress import say
from minidelve.training.device import check_device, within_device_memory

EXAMPLE = """
minidelve bench
minidelve bench --against torch --json speed.json
minidelve bench networks --model lab14 --batch-size 64 --against torch
minidelve bench ops --only prelu --against torch
minidelve bench networks --model lab14 --profile        # the share of each kernel in a step
minidelve bench inference --against torch --compile --against onnxruntime   # batches of 1 and 64, threads 1 and all
on a GPU:
minidelve bench kernels --device cuda                   # shares of its memory's and cuBLAS's speed
minidelve bench kernels --device cuda --kernels cupy_cuda --kernels numba_cuda
minidelve bench networks --device cuda --model small14 --precision mixed --against torch --profile
"""
USUAL = ("kernels", "ops", "networks")
PARTS = (*USUAL, "inference")
# model: (batch, pixels) unless --batch-size and --size say otherwise
JOBS = {
    "cpu": {"lab14": (64, 56), "small14": (64, 224), "model_a": (8, 224)},
    "cuda": {"lab14": (64, 56), "small14": (128, 224), "model_a": (64, 224)},
}
ANY_JOB = 8, 224  # of other models


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "bench", "time kernels, ops and steps, against limits and PyTorch", EXAMPLE, run)
    parser.add_argument(
        "parts", nargs="*", choices=PARTS, metavar="PART", help=f"of {', '.join(PARTS)} (default the first three)"
    )
    parser.add_argument("--only", metavar="TEXT", help="kernels and ops whose name has this in it")
    parser.add_argument(
        "--model",
        action="append",
        choices=tuple(models.TABLES),
        help=f"network; may be repeated (default {', '.join(JOBS['cpu'])})",
    )
    parser.add_argument("--mode", choices=("training", "inference", "both"), default="both", help="of networks")
    parser.add_argument(
        "--batch-size",
        type=at_least(1),
        metavar="N",
        help="of networks (default 64, model_a 8; on cuda 64 to 128; in inference both 1 and 64)",
    )
    parser.add_argument("--size", type=at_least(1), metavar="PIXELS", help="of networks (default 224, lab14 56)")
    add_device_options(parser)
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="fp32", help="of matrix products on cuda, on both sides"
    )
    parser.add_argument(
        "--kernels",
        action="append",
        choices=tuple(DEVICE_OF),
        help="folder of kernels that serves the device; given again: time that one's kernels beside it",
    )
    parser.add_argument(
        "--against",
        action="append",
        choices=("torch", "onnxruntime"),
        help="take turns with PyTorch, and in inference with onnxruntime too (given again), and print the ratio",
    )
    parser.add_argument("--compile", action="store_true", help="also torch.compile (needs a C++ compiler)")
    parser.add_argument("--rounds", type=at_least(1), default=7, metavar="N", help="measurements of each (default 7)")
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory of each training run")
    parser.add_argument("--profile", action="store_true", help="of networks: also the share of each kernel in our step")
    parser.add_argument("--json", type=some_path, metavar="FILE", help="write every figure to a file too")


def run(args: argparse.Namespace) -> int:
    """Print the tables; exit code 1 when two sides that should agree do not."""
    parts = parts_of(args)
    check_options(args, parts)
    selected = selected_cases(args)
    check_sizes(args)
    check_device(args.device)
    options = Options(
        args.device, args.precision, folders(args), selected, jobs_of(args), inference_jobs(args),
        "torch" in against(args), args.compile, "onnxruntime" in against(args),
        args.rounds, not args.no_memory, args.profile, args.json,
    )  # fmt: skip
    with ExitStack() as stack:
        if args.json:
            stack.enter_context(own_file(args.json, f"--json {args.json}"))
        stack.enter_context(use(options.kernels[0]))
        stack.enter_context(using_precision(args.precision))
        stack.enter_context(within_device_memory(args.batch_size))
        stack.enter_context(within_torch_memory())
        report = Report(options)
        for part in parts:
            getattr(report, part)()
    if args.json:
        report.save()
        say(f"\nevery figure is in {args.json}")
    for line in report.refused:
        say(f"NO RATIO: {line}")
    return 1 if report.refused else 0


def parts_of(args: argparse.Namespace) -> list[str]:
    """What to measure: the usual parts unless some are named; the networks have no case that --only could mean."""
    if args.parts:
        return [part for part in PARTS if part in args.parts]
    return [part for part in USUAL if not (args.only and part == "networks")]


def against(args: argparse.Namespace) -> list[str]:
    """What stands beside ours."""
    return args.against or []


def check_options(args: argparse.Namespace, parts: list[str]) -> None:
    """RunError for options that go nowhere or contradict each other."""
    if args.compile and "torch" not in against(args):
        raise RunError("--compile is PyTorch's", cure="add --against torch")
    if "onnxruntime" in against(args) and "inference" not in parts:
        raise RunError("--against onnxruntime: it does not train", cure="add inference to the parts")
    if "inference" in parts and args.device != "cpu":
        raise RunError(f"inference is measured on the CPU; --device {args.device} is for other parts")
    if args.profile and "networks" not in parts:
        raise RunError("--profile takes a network's step apart", cure="add networks to the parts")
    if args.precision != "fp32" and args.device == "cpu":
        why = "on the CPU it is imitated, at a cost that tells nothing"
        raise RunError(f"--precision {args.precision}: {why}", cure="add --device cuda")
    if len(args.kernels or ()) > 1 and "kernels" not in parts:
        why = "a second folder is timed beside the first, kernel by kernel"
        raise RunError(f"--kernels: {why}", cure="add the part kernels")
    check_folders(args)


def check_folders(args: argparse.Namespace) -> None:
    """RunError for a folder of kernels that cannot be timed on the device."""
    for name in args.kernels or ():
        if name == "numba_cuda" and DEVICE_OF[name] == "cpu":
            raise RunError(
                "--kernels numba_cuda: Numba's simulator, which is on, tells no times",
                cure="unset NUMBA_ENABLE_CUDASIM",
            )
        if DEVICE_OF[name] != args.device:
            own = ", ".join(folder for folder, device in DEVICE_OF.items() if device == args.device)
            raise RunError(f"--kernels {name} does not serve --device {args.device}", expected=f"one of: {own}")
        if name not in available():
            has = ", ".join(available())
            raise RunError(f"--kernels {name} is not part of this installation", expected=f"one of: {has}")


def folders(args: argparse.Namespace) -> list[str]:
    """The folders of kernels to use, each once; the device's usual one unless some are named."""
    usual = kernels_for(to_device(np.zeros(1, np.float32), args.device)).__name__.rpartition(".")[2]
    return list(dict.fromkeys(args.kernels or [usual]))


def selected_cases(args: argparse.Namespace) -> list[str]:
    """The names of the kernels and ops to time; RunError if --only leaves none."""
    if args.only and args.parts == ["networks"]:
        raise RunError(f"--only {args.only} chooses kernels and ops", cure="choose networks by --model")
    kinds = {"kernels": tuple(KERNELS), "ops": OPS}
    names = [name for part in parts_of(args) if part in kinds for name in kinds[part]]
    found = [name for name in names if (args.only or "") in name]
    if args.only and not found:
        meant = closest(args.only, names)
        raise RunError(
            f"--only {args.only}: no such kernel or op",
            expected=f"a part of one of: {', '.join(names)}",
            cure=f"did you mean {meant}?" if meant else "",
        )
    return found


def jobs_of(args: argparse.Namespace) -> list[Job]:
    """The steps to time."""
    modes = ("training", "inference") if args.mode == "both" else (args.mode,)
    jobs = []
    for model in args.model or JOBS[args.device]:
        batch, size = JOBS[args.device].get(model, ANY_JOB)
        shape = args.batch_size or batch, args.size or size
        jobs += [Job(model, *shape, mode, args.device, args.precision) for mode in modes]
    return jobs


def inference_jobs(args: argparse.Namespace) -> list[Job]:
    """The networks and batches of the part inference."""
    jobs = []
    for model in args.model or JOBS["cpu"]:
        size = args.size or JOBS["cpu"].get(model, ANY_JOB)[1]
        jobs += [Job(model, batch, size, "inference") for batch in ([args.batch_size] if args.batch_size else BATCHES)]
    return jobs


def check_sizes(args: argparse.Namespace) -> None:
    """RunError for images that a network cannot take."""
    for model in (
        (args.model or JOBS[args.device]) if args.size and {"networks", "inference"} & {*parts_of(args)} else ()
    ):
        try:
            summarize(models.create(model, 1, init="unfilled", width=0.01, fc=1), args.size)
        except ValueError as error:
            raise RunError(f"--size {args.size}: too small for {model} ({error})", cure="give more pixels") from error
