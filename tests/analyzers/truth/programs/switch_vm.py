"""A stack machine interpreted on the device: switch, cond, while_loop, select; a compiler on the host."""
import enum
import operator
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax


class Op(enum.IntEnum):
    PUSH = 0
    ADD = 1
    MUL = 2
    NEG = 3
    HALT = 4


class Machine(NamedTuple):
    stack: jax.Array
    sp: jax.Array
    pc: jax.Array
    halted: jax.Array


TOKEN = re.compile(r"\s*(\d+|[-+*()])")


def tokenize(text):
    return TOKEN.findall(text)


def compile_expression(text):
    tokens, code = tokenize(text)[::-1], []

    def atom():
        token = tokens.pop()
        if token == "(":
            total()
            tokens.pop()
        elif token == "-":
            atom()
            code.append((Op.NEG, 0))
        else:
            code.append((Op.PUSH, int(token)))

    def product():
        atom()
        while tokens and tokens[-1] == "*":
            tokens.pop()
            atom()
            code.append((Op.MUL, 0))

    def total():
        product()
        while tokens and tokens[-1] == "+":
            tokens.pop()
            product()
            code.append((Op.ADD, 0))

    total()
    code.append((Op.HALT, 0))
    return jnp.array([[int(op), arg] for op, arg in code])


def push(m: Machine, arg):
    stack = m.stack.at[m.sp].set(arg.astype(jnp.float32))
    return m._replace(stack=stack, sp=m.sp + 1)


def binary(fn):
    def run(m: Machine, arg):
        a, b = m.stack[m.sp - 2], m.stack[m.sp - 1]
        return m._replace(stack=m.stack.at[m.sp - 2].set(fn(a, b)), sp=m.sp - 1)

    return run


def negate(m, arg):
    top = m.sp - 1
    return m._replace(stack=m.stack.at[top].multiply(-1.0))


def halt(m, arg):
    return m._replace(halted=jnp.array(True))


HANDLERS = [push, binary(operator.add), binary(operator.mul), negate, halt]


@jax.jit
def execute(code):
    def running(m):
        return ~m.halted

    def step(m):
        op, arg = code[m.pc]
        m = lax.switch(op, HANDLERS, m, arg)
        return m._replace(pc=m.pc + 1)

    start = Machine(jnp.zeros(8), jnp.array(0), jnp.array(0), jnp.array(False))
    end = lax.while_loop(running, step, start)
    return end.stack[0]


def saturate(x, limit):
    return lax.cond(x > limit, lambda x: limit, lambda x: x, x)


def collatz(n):
    def body(state):
        n, steps = state
        n = lax.cond(n % 2 == 0, lambda n: n // 2, lambda n: 3 * n + 1, n)
        return n, steps + 1

    return lax.while_loop(lambda s: s[0] != 1, body, (n, 0))[1]


for text in ("1 + 2 * 3", "-(4 + 1) * 2"):
    print(text, "=", execute(compile_expression(text)))
print(jax.jit(saturate)(5.0, 3.0), jax.vmap(collatz)(jnp.arange(1, 6)))
