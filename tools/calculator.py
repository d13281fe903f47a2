"""Arithmetic, read from its syntax tree: nothing of an expression is ever executed as code."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from itertools import pairwise

from langchain_core.tools import BaseTool, ToolException

from agentevo.tools.decorator import tool

Number = int | float

LONGEST = 1000  # characters of an expression
MOST_BITS = 4096  # of a whole number

_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Number], Number]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": abs, "round": round, "min": min, "max": max, "sum": lambda *some: sum(some),
    **{name: getattr(math, name) for name in (
        "sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan",
        "atan2", "degrees", "radians", "floor", "ceil", "gcd", "lcm", "hypot",
    )},
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "e": math.e}


def evaluate(expression: str) -> Number:
    """Return the value of an arithmetic expression.

    Raises:
        ValueError: it is too long or too large, or says something that is not arithmetic.
        ZeroDivisionError: it divides by 0.
    """
    if len(expression) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters")
    text = expression.strip().replace("^", "**").replace("\u00d7", "*").replace("\u00f7", "/")
    try:
        tree = ast.parse(text.replace(",", "") if _is_grouped(text) else text, mode="eval")
        return _value(tree.body)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{expression!r} is no arithmetic expression") from None
    except (OverflowError, TypeError) as error:
        raise ValueError(str(error)) from None


def _is_grouped(text: str) -> bool:
    """Return whether commas group the digits of numbers, as in 1,234."""
    parts = text.split(",")
    return (
        len(parts) > 1
        and "(" not in text
        and all(before[-1:].isdigit() and after[:3].isdigit() for before, after in pairwise(parts))
    )


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=sign, operand=one) if type(sign) in _UNARY:
            return _UNARY[type(sign)](_value(one))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
            return _bounded(_BINARY[type(sign)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=some, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_FUNCTIONS[name](*map(_value, some)))
        case ast.Name(id=name):
            raise ValueError(
                f"{name} is not known (known: {', '.join([*_CONSTANTS, *_FUNCTIONS])})"
            )
        case ast.Call(func=ast.Name(id=name)):
            raise ValueError(f"there is no function {name} (there are: {', '.join(_FUNCTIONS)})")
    raise ValueError(f"{ast.unparse(node)!r} is not arithmetic")


def _power(base: Number, exponent: Number) -> Number:
    size = base.bit_length() if isinstance(base, int) else 1
    if isinstance(exponent, int) and abs(exponent) * size > MOST_BITS:
        raise ValueError("the number is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("the root of a negative number is not real")
    return _bounded(result)


def _bounded(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise ValueError("the number is too large")
    return value


def calculator() -> BaseTool:
    """Return the tool."""

    @tool
    def calculator(expression: str) -> str:
        """Return the value of an arithmetic expression, such as (12.5 + 3) * 4 or sqrt(2) ^ 3.

        Args:
            expression: Numbers, + - * / // % ^, brackets, and functions such as sqrt, log, round.
        """
        try:
            return str(evaluate(expression))
        except (ValueError, ZeroDivisionError) as error:
            raise ToolException(str(error)) from None

    return calculator
