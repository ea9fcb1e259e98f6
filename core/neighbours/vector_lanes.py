"""Computation of sixteen squared distances at a time with LLVM vector instructions.

Numba unrolls the same loops into scalar code that is four times as slow, because it cannot rule
out that output and input overlap. LLVM splits the vectors over the registers of the machine.
No sum is reordered and no multiplication is fused with an addition, so equal input gives equal
bits on every machine.
"""
# ruff: noqa: ARG001 - numba passes arguments that not every function reads

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from core.internals.numba_internals import alloca_once_value, for_range

LANES = 16
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_ZEROS = ir.Constant(_VECTOR, [0.0] * LANES)

# The decorator of functions that write LLVM instructions for compiled code.
vectors: Callable[[Callable[..., Any]], Any] = intrinsic


def _broadcast(builder: Any, value: Any) -> Any:
    """Return a vector with the value in all lanes."""
    zero = ir.Constant(ir.IntType(32), 0)
    vector = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, zero)
    order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(vector, vector, order)


def _add_square(builder: Any, sums: Any, difference: Any) -> None:
    square = builder.fmul(difference, difference)
    builder.store(builder.fadd(builder.load(sums), square), sums)


def _arrays(context: Any, builder: Any, signature: Any, args: Any, *positions: int) -> list[Any]:
    return [context.make_array(signature.args[i])(context, builder, args[i]) for i in positions]


def _load_lanes(builder: Any, data: Any, offset: Any) -> Any:
    pointer = builder.bitcast(builder.gep(data, [offset]), _VECTOR.as_pointer())
    return builder.load(pointer, align=4)


def _store_distances(builder: Any, distances: Any, out: Any, limit: Any) -> Any:
    """Store the distances, and return a number with a bit set for each lane within the limit."""
    pointer = builder.bitcast(out, _VECTOR.as_pointer())
    builder.store(distances, pointer, align=4)
    within = builder.fcmp_ordered("<=", distances, _broadcast(builder, limit))
    return builder.zext(builder.bitcast(within, ir.IntType(LANES)), ir.IntType(64))


@vectors
def leaf_distances(
    typingctx: Any, values: Any, leaf: Any, point: Any, base: Any, limit: Any, out: Any
) -> Any:
    """Compute the squared distances of a point to the rows of one leaf, plus a base.

    ``leaf_distances(values, leaf, point, base, limit, out) -> bits``: values (n, d, LANES), point
    (d,), base and limit float32, out (LANES,). A bit is set for each lane within the limit.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows, query, result = _arrays(context, builder, signature, args, 0, 2, 5)
        width = builder.extract_value(query.shape, 0)
        first = builder.mul(args[1], builder.mul(width, ir.Constant(width.type, LANES)))
        sums = alloca_once_value(builder, _ZEROS)  # type: ignore[no-untyped-call]
        with for_range(builder, width) as loop:
            offset = builder.add(first, builder.mul(loop.index, ir.Constant(width.type, LANES)))
            value = _broadcast(builder, builder.load(builder.gep(query.data, [loop.index])))
            lanes = _load_lanes(builder, rows.data, offset)
            _add_square(builder, sums, builder.fsub(lanes, value))
        distances = builder.fadd(builder.load(sums), _broadcast(builder, args[3]))
        return _store_distances(builder, distances, result.data, args[4])

    arg_types = (values, types.int64, point, types.float32, types.float32, out)
    return types.int64(*arg_types), generate


@vectors
def box_distances(
    typingctx: Any, boxes: Any, node: Any, point: Any, bases: Any, limit: Any, out: Any
) -> Any:
    """Compute the squared distances of a point to sixteen boxes, plus a base for each box.

    ``box_distances(boxes, node, point, bases, limit, out) -> bits``: boxes (n, 2, d, LANES), low
    then high, point (d,), out (LANES,). Row ``node`` of bases, (m, LANES), is added; bases of
    shape (1, LANES) apply to every node. A bit is set for each lane within the limit.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        limits, query, offsets, result = _arrays(context, builder, signature, args, 0, 2, 3, 5)
        width = builder.extract_value(query.shape, 0)
        n_bases = builder.extract_value(offsets.shape, 0)
        lanes = ir.Constant(width.type, LANES)
        unit = ir.Constant(width.type, 1)
        single = builder.icmp_signed("==", n_bases, unit)
        base = builder.select(single, ir.Constant(width.type, 0), builder.mul(args[1], lanes))
        stride = builder.mul(width, lanes)
        first = builder.mul(args[1], builder.shl(stride, unit))
        sums = alloca_once_value(builder, _ZEROS)  # type: ignore[no-untyped-call]
        with for_range(builder, width) as loop:
            low = builder.add(first, builder.mul(loop.index, lanes))
            high = builder.add(low, stride)
            value = _broadcast(builder, builder.load(builder.gep(query.data, [loop.index])))
            below = builder.fsub(_load_lanes(builder, limits.data, low), value)
            above = builder.fsub(value, _load_lanes(builder, limits.data, high))
            gap = builder.select(builder.fcmp_ordered(">", below, above), below, above)
            gap = builder.select(builder.fcmp_ordered(">", gap, _ZEROS), gap, _ZEROS)
            _add_square(builder, sums, gap)
        added = _load_lanes(builder, offsets.data, base)
        distances = builder.fadd(builder.load(sums), added)
        return _store_distances(builder, distances, result.data, args[4])

    arg_types = (boxes, types.int64, point, bases, types.float32, out)
    return types.int64(*arg_types), generate


@vectors
def lowest_bit(typingctx: Any, bits: Any) -> Any:
    """Return the position of the lowest set bit of a number other than 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate
