"""PyTorch's names, and what to write here: who knows PyTorch should not have to guess.

What exists in both has one name in both. What has another name here, or does not exist, is refused by a line that
says what to write. docs/coming_from_pytorch.md is the same for reading.

>>> raise missing("minidelve.nn.init", "trunc_normal_", ["normal_"])
Traceback (most recent call last):
    ...
AttributeError: minidelve.nn.init has no trunc_normal_; write normal_(w, std)
>>> raise missing("minidelve.nn", "Conv2D", ["Conv2d", "Linear"])
Traceback (most recent call last):
    ...
AttributeError: minidelve.nn has no Conv2D; did you mean Conv2d?
"""

from __future__ import annotations

import difflib
import inspect
import opcode
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from types import ModuleType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable)

NOT_IN_PLACE = "nothing is written in place: write t = f(t)"
NO_OTHER = "so: it is not here; docs/coming_from_pytorch.md says what is"
NO_NORM = "so: the paper has none; he_normal_ starts a deep network well without it"

# fmt: off
# A name of PyTorch's, and what to write for it: code, and behind a semicolon a remark. "no: why" where it is left out,
# "so: ..." for another answer.
FUNCTIONS = {  # of torch and of torch.nn.functional
    "as_tensor": "Tensor(data)", "from_numpy": "Tensor(array)", "cat": "concat(tensors, axis=0)",
    "stack": "concat([t.reshape(1, *t.shape) for t in tensors])",
    "zeros": "Tensor(np.zeros(shape, np.float32))", "ones": "Tensor(np.ones(shape, np.float32))",
    "full": "Tensor(np.full(shape, value, np.float32))", "arange": "Tensor(np.arange(n))",
    "zeros_like": "Tensor(np.zeros_like(t.data))", "ones_like": "Tensor(np.ones_like(t.data))",
    "rand": "Tensor(rng.random(shape, np.float32))", "randn": "Tensor(rng.standard_normal(shape, np.float32))",
    "randint": "rng.integers(low, high, shape)", "manual_seed": "rng = np.random.default_rng(seed)",
    "save": "np.savez(path, **net.state_dict())",
    "cuda": 'net.to("cuda")', "device": '"cuda"; or "cpu", a text', "set_grad_enabled": "with no_grad(): ...",
    "float32": "np.float32", "float64": "np.float64", "int64": "np.int64", "long": "np.int64", "float": "np.float32",
    "functional": "so: the ops are functions of minidelve, and of minidelve.nn.functional", "autograd": "t.backward()",
    "sum": "t.sum(axis=0)", "mean": "t.mean(axis=0)", "max": "t.max(axis=0)", "min": "t.min(axis=0)",
    "std": "t.std(axis=0, ddof=1)", "var": "t.var(axis=0, ddof=1)", "argmax": "t.argmax(axis=0)",
    "exp": "t.exp()", "log": "t.log()", "sqrt": "t.sqrt()", "abs": "t.abs()", "matmul": "t @ u", "mm": "t @ u",
    "bmm": "t @ u", "reshape": "t.reshape(shape)", "transpose": "t.transpose(1, 0)", "permute": "t.permute(1, 0)",
    "nll_loss": "cross_entropy(logits, targets)", "mse_loss": "((t - u) ** 2).mean()",
    "clamp": "minimum(maximum(t, low), high)", "clip": "minimum(maximum(t, low), high)", "pow": "t ** 2",
    "add": "t + u", "sub": "t - u", "mul": "t * u", "div": "t / u", "neg": "-t", "squeeze": "t.reshape(shape)",
    "unsqueeze": "t.reshape(shape)", "inference_mode": "with no_grad(): ...", "sigmoid": "1 / (1 + (-t).exp())",
    "tanh": "2 / (1 + (-2 * t).exp()) - 1", "norm": "(t ** 2).sum().sqrt()",
}
TENSOR = {  # attributes and methods of torch.Tensor
    "swapaxes": "t.transpose(1, 0)", "t": "t.T",
    "mT": "t.T", "unsqueeze": "t.reshape(shape), or t[:, None]", "squeeze": "t.reshape(shape)",
    "flatten": "flatten(t)",
    "view_as": "t.reshape(u.shape)", "reshape_as": "t.reshape(u.shape)", "expand": "no: ops broadcast",
    "expand_as": "no: ops broadcast", "repeat": "concat([t, t], axis=0)", "contiguous": "no: ops take any strides",
    "cuda": 't.to("cuda")',
    "is_cuda": 't.device == "cuda"', "dim": "t.ndim", "numel": "t.size", "nelement": "t.size",
    "clone": "Tensor(t.data.copy())", "float": "Tensor(t.data.astype(np.float32))",
    "double": "Tensor(t.data.astype(np.float64))", "long": "Tensor(t.data.astype(np.int64))",
    "int": "Tensor(t.data.astype(np.int32))", "bool": "Tensor(t.data.astype(bool))",
    "type": "Tensor(t.data.astype(np.float64))", "astype": "Tensor(t.data.astype(np.float64))",
    "half": "so: --precision mixed, or using_precision(\"mixed\")",
    "requires_grad_": "t.requires_grad = True", "is_leaf": "t.function is None", "grad_fn": "t.function",
    "argmin": "t.data.argmin(axis=0)", "topk": "np.argsort(-t.data)[..., :k]",
    "sort": "np.sort(t.data)", "argsort": "np.argsort(t.data)", "any": "t.data.any()", "all": "t.data.all()",
    "isnan": "np.isnan(t.data)", "isfinite": "np.isfinite(t.data)", "isinf": "np.isinf(t.data)",
    "matmul": "t @ u", "mm": "t @ u", "bmm": "t @ u", "dot": "(t * u).sum()", "add": "t + u", "sub": "t - u",
    "mul": "t * u", "div": "t / u", "pow": "t ** 2", "neg": "-t", "square": "t ** 2", "eq": "t == u", "ne": "t != u",
    "lt": "t < u", "gt": "t > u", "le": "t <= u", "ge": "t >= u", "relu": "relu(t)", "softmax": "softmax(t, axis=1)",
    "log_softmax": "log_softmax(t, axis=1)", "amax": "t.max(axis=0)", "amin": "t.min(axis=0)",
    "clamp": "minimum(maximum(t, low), high)", "clip": "minimum(maximum(t, low), high)",
    "norm": "(t ** 2).sum().sqrt()", "sigmoid": "1 / (1 + (-t).exp())", "tanh": "2 / (1 + (-2 * t).exp()) - 1",
    "split": "so: cut it, t[:n] and t[n:]", "chunk": "so: cut it, t[:n] and t[n:]",
    "masked_fill": "t * (1 - mask) + value * mask", "zero_": "t.grad = None", "copy_": "t.data[...] = u.data",
    "fill_": "t.data[...] = value", "register_hook": NO_OTHER, "retain_grad": "Tensor(t.data, requires_grad=True)",
    "prod": NO_OTHER, "cumsum": NO_OTHER, "round": "t.data.round()",
}
NN = {  # classes of torch.nn
    "CrossEntropyLoss": "minidelve.cross_entropy(logits, targets)",
    "NLLLoss": "minidelve.cross_entropy(logits, targets)", "MSELoss": "((t - u) ** 2).mean()",
    "Softmax": "minidelve.softmax(z)", "LogSoftmax": "minidelve.log_softmax(z)",
    "ModuleList": "Sequential(*layers), or setattr(self, name, layer); for each",
    "ModuleDict": "setattr(self, name, layer); for each", "ParameterList": "setattr(self, name, parameter); for each",
    "ParameterDict": "setattr(self, name, parameter); for each", "AdaptiveMaxPool2d": "SpatialPyramidPool2d([n])",
    "AdaptiveAvgPool2d": "x.mean(axis=(2, 3))", "BatchNorm1d": NO_NORM, "BatchNorm2d": NO_NORM, "LayerNorm": NO_NORM,
    "GroupNorm": NO_NORM, "InstanceNorm2d": NO_NORM, "Identity": "Sequential()", "Dropout2d": "Dropout(0.5)",
    "Tensor": "minidelve.Tensor", "Unflatten": "x.reshape(shape)", "utils": NO_OTHER, "DataParallel": NO_OTHER,
    **dict.fromkeys(("ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "RReLU"), "so: PReLU is here, or write a Function"),
    "Conv1d": "Conv2d(c, d, (1, k)); for maps of height 1", "ConvTranspose2d": NO_OTHER, "Embedding": NO_OTHER,
}
INIT = {  # functions of torch.nn.init
    "kaiming_normal": "kaiming_normal_(w, a=slope)", "kaiming_uniform": "kaiming_uniform_(w, a=slope)",
    "xavier_normal": "xavier_normal_(w)", "xavier_uniform": "xavier_uniform_(w)", "trunc_normal_": "normal_(w, std)",
    "constant_": "w.data[...] = value", "zeros_": "w.data[...] = 0", "ones_": "w.data[...] = 1",
    "calculate_gain": "he_std(w.shape, a=slope)", "eye_": "w.data[...] = np.eye(*w.shape)",
    "orthogonal_": NO_OTHER, "dirac_": NO_OTHER, "sparse_": NO_OTHER,
}
ONE_RULE = "SGD(parameters, lr); the paper's rule, and the only one here"
BY_HAND = "MultiStepLR(optimizer, milestones), or optimizer.lr = lr"
OPTIM = {  # of torch.optim and of its lr_scheduler
    "lr_scheduler": "so: the schedules are here, optim.MultiStepLR", "StepLR": BY_HAND, "Optimizer": "SGD",
    **dict.fromkeys(("Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "LBFGS"), ONE_RULE),
    **dict.fromkeys(("ExponentialLR", "CosineAnnealingLR", "LambdaLR", "OneCycleLR", "LinearLR"), BY_HAND),
}
MODULE = {  # methods and attributes of torch.nn.Module
    "cuda": 'net.to("cuda")', "cpu": 'net.to("cpu")',
    "add_module": "setattr(net, name, module)", "register_module": "setattr(net, name, module)",
    "register_parameter": "setattr(net, name, Parameter(data))", "register_buffer": "setattr(net, name, array)",
    "append": "Sequential(*net, layer)",
    "float": "no: weights are float32",
    "double": "p.data = p.data.astype(np.float64); for each p of net.parameters()",
    "half": "so: --precision mixed, or using_precision(\"mixed\")",
    "weight": "so: PReLU's slopes are its a, and this layer has no weight", "bias": "so: this layer has none",
    "register_forward_hook": "module.hook = f", "buffers": "vars(net)", "compile": "no: kernels are",
    "get_parameter": "dict(net.named_parameters()); by name", "get_submodule": "dict(net.named_modules()); by name",
}
MODULES = {"minidelve.tensor": "Tensor(data)", "minidelve.optim.sgd": "SGD(parameters, lr)"}  # of ours, if called
SCHEDULE = {"get_last_lr": "schedule.optimizer.lr", "last_epoch": "schedule.epoch", "base_lrs": "schedule.start"}
OPTIMIZER = {
    "param_groups": "optimizer.lr, or optimizer.parameters", "add_param_group": "SGD(others, lr); a second one",
    "defaults": "optimizer.lr, or optimizer.momentum", "state": "optimizer.momenta",
}
# A keyword of PyTorch's, and the name of ours or what to write.
KEYWORDS = {
    "dim": "axis", "keepdim": "keepdims", "tensor": "w", "negative_slope": "slope", "target": "targets",
    "params": "parameters", "state_dict": "state", "correction": "ddof", "metrics": "error", "generator": "rng",
    "unbiased": "ddof=1; for True, and ddof=0 for False", "input": "so: it has no name here, give it first",
    "other": "so: it has no name here, give it second", "dim0": "t.transpose(1, 0); all axes in their new order",
    "dim1": "t.transpose(1, 0); all axes in their new order", "dims": "t.permute(1, 0); by place",
    "start_dim": "t.reshape(shape); for another axis than 1",
    "end_dim": "t.reshape(shape); for another axis than the last", "inplace": "no: nothing is written in place",
    "out": "no: nothing is written in place", "dilation": "no: it is 1 here", "groups": "no: there is one here",
    "padding_mode": "no: the frame is zeros", "return_indices": "no: backward has them",
    "count_include_pad": "no: zeros count", "divisor_override": "no: a window is divided by its size",
    "device": 'net.to("cuda"); afterwards', "dtype": "Tensor(data.astype(dtype))",
    "requires_grad": "Tensor(data, requires_grad=False); for what is not trained", "non_blocking": "no: a copy waits",
    "nesterov": "no: the paper's momentum is the plain one", "dampening": "no: the paper's momentum has none",
    "maximize": "(-loss).backward(); to rise", "foreach": "no: all parameters move at once",
    "fused": "no: the step is one kernel", "differentiable": "no: a step has no gradient",
    "capturable": "no: steps are not recorded", "mode": "no: the error is to fall, and of a gain give the minus",
    "threshold_mode": "no: threshold is in the error's unit", "cooldown": "patience", "eps": "min_lr",
    "last_epoch": "schedule.load_state_dict(state); to go on", "verbose": "print(optimizer.lr)",
    "set_to_none": "no: gradients become None", "map_location": "device", "weights_only": "no: nothing is unpickled",
    "assign": "no: numbers are copied", "create_graph": "no: gradients are arrays outside the graph",
    "inputs": "no: every leaf gets its gradient",
    "weight": "no: every image counts alike", "reduction": "no: it is the mean over the batch",
    "ignore_index": "cross_entropy(logits, targets); of the other rows",
    "label_smoothing": "no: targets are class numbers",
    "size_average": "no: it is the mean over the batch", "reduce": "no: it is the mean over the batch",
    "gain": "no: he_normal_ has PReLU's inside", "nonlinearity": "a=slope; 0 for ReLU", "mean": "no: it is 0",
    "recurse": "vars(module); for its own alone", "remove_duplicate": "no: each is listed once",
    "memory_format": "no: channels lie last", "betas": "momentum", "closure": "loss.backward(); before step()",
    "train": "training", "force": "t.detach().cpu().numpy()",
}
# fmt: on


def missing(owner: str, name: str, present: Iterable[str], known: dict[str, str] | None = None) -> AttributeError:
    """The error for a name that `owner` lacks: it says what to write, or which of its names is near."""
    cure = "" if name.startswith("__") else instead_of(name, present, TABLES.get(owner, {}) if known is None else known)
    return AttributeError(f"{owner} has no {name}" + (f"; {cure}" if cure else ""))


def instead_of(name: str, present: Iterable[str], known: dict[str, str]) -> str:
    """What to do about a name that is not there; "" where nothing is near."""
    if name in known:
        return advice(known[name])
    if known is TENSOR and name.endswith("_"):
        return NOT_IN_PLACE + ", or change t.data outside the graph"
    lower = {other.lower(): other for other in present}
    near = difflib.get_close_matches(name.lower(), lower, 1, 0.75)
    return f"did you mean {lower[near[0]]}?" if near else ""


def advice(word: str) -> str:
    """An entry of a table as part of a sentence."""
    if word.startswith("no: "):
        return f"leave it out: {word[4:]}"
    return word[4:] if word.startswith("so: ") else f"write {word}"


TABLES = {
    "minidelve": FUNCTIONS,
    "minidelve.ops": FUNCTIONS,
    "minidelve.nn": NN,
    "minidelve.nn.functional": FUNCTIONS,
    "minidelve.nn.init": INIT,
    "minidelve.optim": OPTIM,
}


def names_of(module: str) -> Callable[[str], Any]:
    """A `__getattr__` for a module: every name that it lacks is answered by `missing`."""

    def answer(name: str) -> Any:
        error = missing(module, name, sys.modules[module].__dict__.get("__all__", dir(sys.modules[module])))
        # `from module import name` swallows an AttributeError, and what it says with it.
        raise ImportError(str(error), name=module) if is_from_import(sys._getframe(1)) else error

    return answer


class _NoFunction(ModuleType):
    """A module that is named like a function or class elsewhere: to call it is a TypeError that says what to write."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self.__name__} is a module, not a function; {advice(MODULES[self.__name__])}")


def refuse_calls(module: str) -> None:
    """From here on a call of the module, one of MODULES, is answered."""
    sys.modules[module].__class__ = _NoFunction


def is_from_import(frame: Any) -> bool:
    """Whether a frame is just at the `name` of `from module import name`."""
    return frame.f_code.co_code[frame.f_lasti] == opcode.opmap["IMPORT_FROM"]


def refuse_strangers(call: str, f: Callable, args: tuple, kwargs: dict[str, Any]) -> None:
    """TypeError with the cure unless f, a function or method that is called `call`, takes these arguments."""
    takes = [p for p in inspect.signature(f).parameters.values() if p.name != "self"]
    own = [p.name for p in takes]
    if any(p.kind is p.VAR_KEYWORD for p in takes):
        return
    for name in kwargs:
        if name not in own:
            word = KEYWORDS.get(name)
            cure = f"write {word}=" if word in own else advice(word) if word else instead_of(name, own, {})
            raise TypeError(f"{call} takes no {name}=; {cure or 'it takes ' + (', '.join(own) or 'nothing')}")
    by_place = [p.name for p in takes if p.kind is p.POSITIONAL_OR_KEYWORD]
    given = len(args) - ("self" in inspect.signature(f).parameters)
    if given > len(by_place) and not any(p.kind is p.VAR_POSITIONAL for p in takes):
        by_name = ", ".join(f"{p.name}=" for p in takes if p.kind is p.KEYWORD_ONLY)
        rest = f"; by name alone: {by_name}" if by_name else "; there are no others"
        raise TypeError(f"{call} takes by place {', '.join(by_place) or 'nothing'}, got {given} arguments{rest}")


def knowing_pytorch(f: F) -> F:
    """f, which answers arguments that only PyTorch's function of this name takes with what to write here."""
    takes = inspect.signature(f).parameters
    names, most = frozenset(takes), sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in takes.values())
    if any(p.kind is p.VAR_POSITIONAL for p in takes.values()):
        most = sys.maxsize
    call = f.__qualname__.removesuffix(".__init__")

    @wraps(f)
    def door(*args: Any, **kwargs: Any) -> Any:
        if len(args) > most or (kwargs and not names.issuperset(kwargs)):
            refuse_strangers(call, f, args, kwargs)
        return f(*args, **kwargs)

    return door  # type: ignore[return-value]
