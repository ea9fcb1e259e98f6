"""Sixteen squared distances at a time, written as vector instructions.

Written as loops, numba unrolls them into scalar code four times as slow: it cannot rule out that
the output overlaps the input. LLVM splits the vectors into whatever registers the machine has.
No sum is reordered and nothing is fused, so equal input gives equal bits on every machine.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)


def _spread(builder: Any, value: Any) -> Any:
    """One value in all lanes."""
    zero = ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, zero)
    order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, one, order)


def _sums(builder: Any) -> Any:
    """Sixteen sums that begin at 0."""
    none = ir.Constant(_VECTOR, [0.0] * LANES)
    return cgutils.alloca_once_value(builder, none)  # type: ignore[no-untyped-call]


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _load(builder: Any, data: Any, offset: Any) -> Any:
    place = builder.bitcast(builder.gep(data, [offset]), _VECTOR.as_pointer())
    return builder.load(place, align=4)


def _finish(builder: Any, total: Any, out: Any, limit: Any) -> Any:
    """Store the distances; the lanes that do not exceed the limit as bits of a number."""
    place = builder.bitcast(out, _VECTOR.as_pointer())
    builder.store(total, place, align=4)
    within = builder.fcmp_ordered("<=", total, _spread(builder, limit))
    return builder.zext(builder.bitcast(within, ir.IntType(LANES)), ir.IntType(64))


def vectors(write: Callable[..., Any]) -> Any:
    """Let compiled code call what the function writes."""
    return intrinsic(write)


@vectors
def leaf_distances(
    typingctx: Any,  # noqa: ARG001
    values: Any,
    leaf: Any,  # noqa: ARG001
    point: Any,
    base: Any,  # noqa: ARG001
    limit: Any,  # noqa: ARG001
    out: Any,
) -> Any:
    """Squared distances of a point to the rows of one leaf, plus a base.

    ``leaf_distances(values, leaf, point, base, limit, out) -> bits``: values (n, d, LANES), point
    (d,), base and limit float32, out (LANES,); the bits set are the lanes within the limit.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kinds = signature.args
        data, query, out = (_data(context, builder, kinds[i], given[i]) for i in (0, 2, 5))
        point = context.make_array(kinds[2])(context, builder, given[2])
        width = builder.extract_value(point.shape, 0)
        first = builder.mul(given[1], builder.mul(width, ir.Constant(width.type, LANES)))
        total = _sums(builder)
        with cgutils.for_range(builder, width) as loop:
            offset = builder.add(first, builder.mul(loop.index, ir.Constant(width.type, LANES)))
            value = _spread(builder, builder.load(builder.gep(query, [loop.index])))
            apart = builder.fsub(_load(builder, data, offset), value)
            builder.store(builder.fadd(builder.load(total), builder.fmul(apart, apart)), total)
        whole = builder.fadd(builder.load(total), _spread(builder, given[3]))
        return _finish(builder, whole, out, given[4])

    taken = (values, types.int64, point, types.float32, types.float32, out)
    return types.int64(*taken), generate


@vectors
def box_distances(
    typingctx: Any,  # noqa: ARG001
    boxes: Any,
    node: Any,  # noqa: ARG001
    point: Any,
    bases: Any,
    limit: Any,  # noqa: ARG001
    out: Any,
) -> Any:
    """Squared distances of a point to sixteen boxes, plus a base each.

    ``box_distances(boxes, node, point, bases, limit, out) -> bits``: boxes (n, 2, d, LANES), low
    then high, point (d,), bases (m, LANES), of which the row `node` counts, or (1, LANES) for all.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kinds = signature.args
        data, query, added, out = (
            _data(context, builder, kinds[i], given[i]) for i in (0, 2, 3, 5)
        )
        point = context.make_array(kinds[2])(context, builder, given[2])
        bases = context.make_array(kinds[3])(context, builder, given[3])
        width = builder.extract_value(point.shape, 0)
        count = builder.extract_value(bases.shape, 0)
        lanes = ir.Constant(width.type, LANES)
        one, none = ir.Constant(width.type, 1), ir.Constant(_VECTOR, [0.0] * LANES)
        single = builder.icmp_signed("==", count, one)
        at = builder.select(single, ir.Constant(width.type, 0), builder.mul(given[1], lanes))
        stride = builder.mul(width, lanes)
        first = builder.mul(given[1], builder.shl(stride, one))
        total = _sums(builder)
        with cgutils.for_range(builder, width) as loop:
            low = builder.add(first, builder.mul(loop.index, lanes))
            value = _spread(builder, builder.load(builder.gep(query, [loop.index])))
            under = builder.fsub(_load(builder, data, low), value)
            over = builder.fsub(value, _load(builder, data, builder.add(low, stride)))
            apart = builder.select(builder.fcmp_ordered(">", under, over), under, over)
            apart = builder.select(builder.fcmp_ordered(">", apart, none), apart, none)
            builder.store(builder.fadd(builder.load(total), builder.fmul(apart, apart)), total)
        whole = builder.fadd(builder.load(total), _load(builder, added, at))
        return _finish(builder, whole, out, given[4])

    taken = (boxes, types.int64, point, bases, types.float32, out)
    return types.int64(*taken), generate


@vectors
def lowest_bit(
    typingctx: Any,  # noqa: ARG001
    bits: Any,  # noqa: ARG001
) -> Any:
    """Position of the lowest bit that is set; at least one must be."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:  # noqa: ARG001
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate
