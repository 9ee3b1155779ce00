"""Runs viper functions, from their very source, as a processor with 32-bit or 64-bit words would.

Viper's integers are machine words: 32 bits on the board, 64 on the VM that the tests run on. This model shows without
a board what the source does there. It takes the functions out of a module's source, and makes every operation go
through one of its own:

- integers are signed words; a `Wrapping` machine cuts them to its word as a processor does, a `Bounded` one refuses to
leave it; - pointers are addresses: a load or store outside of the object that it started in is refused; what ptr8 and
ptr16 load is never
  negative, what ptr32 loads is where words have 32 bits;
- a literal from 0x7FFFFFFF on, which mpy-cross refuses, is refused.

It is a model of the arithmetic only: that the source compiles and runs is for the VMs' tests.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MOST_LITERAL = 0x7FFFFFFE
_SIZES = {"ptr8": 1, "ptr16": 2, "ptr32": 4}


class OutOfRangeError(AssertionError):
    """A value left its word, a shift its range, or an address its object."""


class Pointer:
    """An address in elements of one size."""

    def __init__(self, machine: "Machine", address: int, size: int) -> None:
        self.machine, self.address, self.size = machine, address, size

    def __int__(self) -> int:
        return self.address

    def _place(self, index: int) -> tuple[bytearray | bytes, int]:
        address = self.address + index * self.size
        start, memory = self.machine.memory_at(self.address)
        if not 0 <= address - start <= len(memory) - self.size:
            raise OutOfRangeError(f"element {index} lies outside of the {len(memory)} bytes pointed into")
        return memory, address - start

    def __getitem__(self, index: int) -> int:
        memory, at = self._place(index)
        signed = self.size * 8 == self.machine.bits
        return int.from_bytes(memory[at : at + self.size], "little", signed=signed)

    def __setitem__(self, index: int, value: int) -> None:
        memory, at = self._place(index)
        assert isinstance(memory, bytearray), "bytes are stored into"
        self.machine.check_store(self.size, value)
        memory[at : at + self.size] = (value & (1 << 8 * self.size) - 1).to_bytes(self.size, "little")


class Machine:
    """A processor with words of `bits` bits that wrap around."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self._memories: list[bytearray | bytes] = []
        self._spacing = 1 << 20

    def word(self, value: int) -> int:
        """What a register holds of an operation's result."""
        half = 1 << (self.bits - 1)
        return (value + half) % (2 * half) - half

    def check_store(self, size: int, value: int) -> None:
        """Refuses a store that must not happen; this machine cuts off what does not fit."""

    def memory_at(self, address: int) -> tuple[int, bytearray | bytes]:
        """The object that an address points into, and where that starts."""
        return address - address % self._spacing, self._memories[address // self._spacing - 1]

    def pointer(self, value: "int | bytes | bytearray | Pointer", size: int) -> Pointer:
        if isinstance(value, (int, Pointer)):
            return Pointer(self, int(value), size)
        for place, memory in enumerate(self._memories):
            if memory is value:
                return Pointer(self, (place + 1) * self._spacing, size)
        self._memories.append(value)
        return Pointer(self, len(self._memories) * self._spacing, size)

    def shift(self, value: int, places: int, left: bool) -> int:
        if not 0 <= places < self.bits:
            raise OutOfRangeError(f"shift by {places}")
        return self.word(value << places) if left else value >> places

    def call(self, function: Callable[..., Any], sizes: list[int], args: tuple[Any, ...]) -> Any:
        """Calls a viper function as interpreted code would: buffers become pointers, for the length of the call."""
        converted = [self.pointer(arg, size) if size else self.word(arg) for arg, size in zip(args, sizes, strict=True)]
        try:
            return function(*converted)
        finally:
            self._memories.clear()


class Bounded(Machine):
    """A processor whose words must never overflow, and whose 16-bit elements must stay within 0..`most_limb`."""

    def __init__(self, bits: int, most_limb: int) -> None:
        super().__init__(bits)
        self.most_limb = most_limb
        self.largest = 0

    def word(self, value: int) -> int:
        if not -(1 << (self.bits - 1)) <= value < 1 << (self.bits - 1):
            raise OutOfRangeError(f"{value} does not fit {self.bits} bits")
        self.largest = max(self.largest, value)
        return value

    def check_store(self, size: int, value: int) -> None:
        if size == 2 and not 0 <= value <= self.most_limb:
            raise OutOfRangeError(f"{value} is no limb")


class _Rewrite(ast.NodeTransformer):
    """Sends arithmetic through a machine."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, int) and node.value > _MOST_LITERAL:
            raise OutOfRangeError(f"mpy-cross refuses the literal {node.value:#x}")
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(self._operation(node.left, node.op, node.right), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        assert isinstance(node.target, ast.Name), "only names are changed in place"
        result = self._operation(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return ast.copy_location(ast.Assign([node.target], result), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        assert isinstance(node.func, ast.Name), "only casts are calls"
        if node.func.id == "int":
            return node
        size = ast.Constant(_SIZES[node.func.id])
        return ast.copy_location(ast.Call(ast.Name("_pointer", ast.Load()), [node.args[0], size], []), node)

    @staticmethod
    def _operation(left: ast.expr, operator: ast.operator, right: ast.expr) -> ast.Call:
        if isinstance(operator, (ast.LShift, ast.RShift)):
            is_left = ast.Constant(isinstance(operator, ast.LShift))
            return ast.Call(ast.Name("_shift", ast.Load()), [left, right, is_left], [])
        assert isinstance(operator, (ast.Add, ast.Sub, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor))
        return ast.Call(ast.Name("_word", ast.Load()), [ast.BinOp(left, operator, right)], [])


def viper_functions(source: Path, machine: Machine) -> dict[str, Callable[..., Any]]:
    """The viper functions of a module, callable with buffers and numbers, on this machine."""
    functions: dict[str, Callable[..., Any]] = {}
    for node in ast.parse(source.read_text()).body:
        if not isinstance(node, ast.FunctionDef) or "viper" not in [
            ast.unparse(d).split(".")[-1] for d in node.decorator_list
        ]:
            continue
        sizes = [_SIZES.get(ast.unparse(arg.annotation), 0) for arg in node.args.args if arg.annotation is not None]
        node.decorator_list = []
        for arg in node.args.args:
            arg.annotation = None
        module = ast.fix_missing_locations(ast.Module([_Rewrite().visit(node)], []))
        namespace: dict[str, Any] = {"_word": machine.word, "_shift": machine.shift, "_pointer": machine.pointer}
        exec(compile(module, str(source), "exec"), namespace)  # noqa: S102  (our own source, rewritten)
        functions[node.name] = _callable(machine, namespace[node.name], sizes)
    return functions


def _callable(machine: Machine, function: Callable[..., Any], sizes: list[int]) -> Callable[..., Any]:
    return lambda *args: machine.call(function, sizes, args)
