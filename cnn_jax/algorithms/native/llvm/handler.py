# llvmlite declares its types too widely for these.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
"""The function that XLA calls: it shares a kernel's work over XLA's own threads.

A kernel has phases, one after the other, and each phase a number of items, which any thread may
compute in any order. `work(job)` takes items from a shared counter until there are none; the
calling thread works, and so does each task that XLA's pool starts in time. No thread ever waits for
a task that has not started: the caller can finish alone. A task that starts late finds no items. It
still finds the job, which is freed when its last user has let go of it.

What belongs to an item, and in which order it is computed, does not depend on the number of
threads. So neither does the result, to the last bit.

The layouts of structures are those of jaxlib's `xla/ffi/api/c_api.h`, a stable interface, the same
in jaxlib 0.7.2 and 0.12.
"""

from llvmlite import ir

from .elements import I8, I32, I64, POINTER, address

# Places in XLA's structures, in bytes.
CALL_EXTENSION, CALL_API, CALL_CONTEXT = 8, 16, 24
CALL_ARGUMENTS, CALL_RESULTS, CALL_ATTRIBUTES = 72, 112, 160
BUFFER_DATA = 24
ARRAY_DATA = 16
EXTENSION_TYPE, EXTENSION_METADATA, METADATA_TYPE = 8, 24, 1
METADATA_MAJOR, METADATA_MINOR, METADATA_TRAITS = 24, 28, 32
API_SCHEDULE = 48 + 8 * 11
SCHEDULE_SIZE = 40

# A plan, the only attribute of a call, starts with these numbers; then items of each phase.
HELPERS, SCRATCH_SHARED, SCRATCH_EACH, PLAN_ITEMS = 0, 1, 2, 3

# A job: users, participants, then (next item, items done, items) of each phase, then pointers.
JOB_USERS, JOB_PARTICIPANTS, JOB_PHASES = 0, 1, 2
SPINS = 1000  # before a waiting thread offers its processor to others


def write(module: ir.Module, name: str, phases: list[ir.Function], buffers: int) -> None:
    """Add the handler `name` of a kernel to its module.

    Args:
        module: where the phases are.
        name: of the handler.
        phases: functions (plan, buffers, own scratch, shared scratch, item).
        buffers: the number of arguments and results together; the last result is the scratch.
    """
    work = _work(module, f"{name}.work", phases, buffers)
    release = _release(module, f"{name}.release")
    task = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), f"{name}.task")
    build = ir.IRBuilder(task.append_basic_block())
    build.call(work, [task.args[0]])
    build.call(release, [task.args[0]])
    build.ret_void()
    _handler(module, name, len(phases), buffers, work, release, task)


def _slots(phases: int, buffers: int) -> tuple[int, int, int]:
    """Where a job keeps its plan, its shared numbers and its buffers: in units of 8 bytes."""
    plan = JOB_PHASES + 3 * phases
    return plan, plan + 1, plan + 1 + buffers


def _at(build: ir.IRBuilder, base: ir.Value, index: int) -> ir.Value:
    return address(build, base, I64(index), I64)


def _load(build: ir.IRBuilder, base: ir.Value, offset: int, kind: ir.Type = POINTER) -> ir.Value:
    """What stands `offset` bytes after an address."""
    return build.load(address(build, base, I64(offset), I8), typ=kind)


def _add(build: ir.IRBuilder, place: ir.Value, number: int) -> ir.Value:
    """Add to a shared counter; returns what it was."""
    return build.atomic_rmw("add", place, I64(number), "seq_cst")


def _external(module: ir.Module, name: str, returned: ir.Type, *arguments: ir.Type) -> ir.Function:
    found = module.globals.get(name)
    return found or ir.Function(module, ir.FunctionType(returned, list(arguments)), name)


def _work(module: ir.Module, name: str, phases: list[ir.Function], buffers: int) -> ir.Function:
    """void work(job): compute items until there are none, phase by phase."""
    yielding = _external(module, "sched_yield", I32)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), name)
    function.linkage = "internal"
    (job,) = function.args
    build = ir.IRBuilder(function.append_basic_block("entry"))
    plan_at, buffers_at, _ = _slots(len(phases), buffers)
    participant = _add(build, _at(build, job, JOB_PARTICIPANTS), 1)
    plan = build.load(_at(build, job, plan_at), typ=POINTER)
    # The plan may be gone when a task starts late, so it is read only for an item that was taken.
    for index, phase in enumerate(phases):
        counters = _at(build, job, JOB_PHASES + 3 * index)
        done, total = _at(build, counters, 1), _at(build, counters, 2)
        items = build.load(total, typ=I64)
        take, compute, wait, spin, next_phase = (
            function.append_basic_block(part)
            for part in ("take", "compute", "wait", "spin", "next")
        )
        build.branch(take)
        build.position_at_end(take)
        item = _add(build, counters, 1)
        build.cbranch(build.icmp_signed("<", item, items), compute, wait)

        build.position_at_end(compute)
        shared_bytes = build.load(_at(build, plan, SCRATCH_SHARED), typ=I64)
        each_bytes = build.load(_at(build, plan, SCRATCH_EACH), typ=I64)
        shared = build.load(_at(build, job, buffers_at + buffers - 1), typ=POINTER)
        offset = build.add(shared_bytes, build.mul(participant, each_bytes))
        own = address(build, shared, offset, I8)
        build.call(phase, [plan, _at(build, job, buffers_at), own, shared, item])
        _add(build, done, 1)
        build.branch(take)

        build.position_at_end(wait)
        spins = build.phi(I64)
        spins.add_incoming(I64(0), take)
        finished = build.icmp_signed(">=", build.load_atomic(done, "seq_cst", 8, typ=I64), items)
        build.cbranch(finished, next_phase, spin)
        build.position_at_end(spin)
        again = build.add(spins, I64(1))
        with build.if_then(build.icmp_signed(">", again, I64(SPINS))):
            build.call(yielding, [])
        spins.add_incoming(again, build.block)
        build.branch(wait)
        build.position_at_end(next_phase)
    build.ret_void()
    return function


def _release(module: ir.Module, name: str) -> ir.Function:
    """void release(job): let go of a job, and free it if no other thread holds it."""
    free = _external(module, "free", ir.VoidType(), POINTER)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), name)
    function.linkage = "internal"
    (job,) = function.args
    build = ir.IRBuilder(function.append_basic_block("entry"))
    users = _add(build, _at(build, job, JOB_USERS), -1)
    with build.if_then(build.icmp_signed("==", users, I64(1))):
        build.call(free, [job])
    build.ret_void()
    return function


def _handler(
    module: ir.Module,
    name: str,
    phases: int,
    buffers: int,
    work: ir.Function,
    release: ir.Function,
    task: ir.Function,
) -> None:
    """XLA_FFI_Error* handler(XLA_FFI_CallFrame*)."""
    malloc = _external(module, "malloc", POINTER, I64)
    function = ir.Function(module, ir.FunctionType(POINTER, [POINTER]), name)
    (call,) = function.args
    build = ir.IRBuilder(function.append_basic_block("entry"))
    fine = ir.Constant(POINTER, None)

    # Before the first call XLA asks which version of the interface this handler has.
    extension = _load(build, call, CALL_EXTENSION)
    with build.if_then(build.icmp_unsigned("!=", extension, fine)):
        asks = _load(build, extension, EXTENSION_TYPE, I32)
        with build.if_then(build.icmp_signed("==", asks, I32(METADATA_TYPE))):
            metadata = _load(build, extension, EXTENSION_METADATA)
            for place, number in ((METADATA_MAJOR, 0), (METADATA_MINOR, 1), (METADATA_TRAITS, 0)):
                build.store(I32(number), address(build, metadata, I64(place), I8))
            build.ret(fine)

    attributes = _load(build, call, CALL_ATTRIBUTES)
    plan = _load(build, _load(build, attributes, 0), ARRAY_DATA)
    helpers = build.load(_at(build, plan, HELPERS), typ=I64)

    plan_at, buffers_at, size = _slots(phases, buffers)
    job = build.call(malloc, [I64(8 * size)])
    build.store(build.add(helpers, I64(1)), _at(build, job, JOB_USERS))
    build.store(I64(0), _at(build, job, JOB_PARTICIPANTS))
    for phase in range(phases):
        counters = _at(build, job, JOB_PHASES + 3 * phase)
        build.store(I64(0), counters)
        build.store(I64(0), _at(build, counters, 1))
        items = build.load(_at(build, plan, PLAN_ITEMS + phase), typ=I64)
        build.store(items, _at(build, counters, 2))
    build.store(plan, _at(build, job, plan_at))
    arguments, results = _load(build, call, CALL_ARGUMENTS), _load(build, call, CALL_RESULTS)
    arguments_count = _load(build, call, CALL_ARGUMENTS - 16, I64)
    for index in range(buffers):
        from_results = build.icmp_signed(">=", I64(index), arguments_count)
        of_results = build.sub(I64(index), arguments_count)
        source = build.select(from_results, results, arguments)
        place = build.select(from_results, of_results, I64(index))
        buffer = build.load(address(build, source, place, POINTER), typ=POINTER)
        data = _load(build, buffer, BUFFER_DATA)
        build.store(data, _at(build, job, buffers_at + index))

    # struct {size, extensions, context, task, data}
    request = build.alloca(I64, 5)
    build.store(I64(SCHEDULE_SIZE), _at(build, request, 0))
    build.store(I64(0), _at(build, request, 1))
    build.store(_load(build, call, CALL_CONTEXT), _at(build, request, 2))
    build.store(task, _at(build, request, 3))
    build.store(job, _at(build, request, 4))
    schedule = _load(build, _load(build, call, CALL_API), API_SCHEDULE)
    kind = ir.FunctionType(POINTER, [POINTER])

    head, body, refused, after = (
        function.append_basic_block(part) for part in ("schedule", "one", "refused", "scheduled")
    )
    before = build.block
    build.branch(head)
    build.position_at_end(head)
    index = build.phi(I64)
    index.add_incoming(I64(0), before)
    build.cbranch(build.icmp_signed("<", index, helpers), body, after)
    build.position_at_end(body)
    error = build.call(_FunctionPointer(schedule, kind), [request])
    more = build.add(index, I64(1))
    index.add_incoming(more, body)
    build.cbranch(build.icmp_unsigned("==", error, fine), head, refused)
    build.position_at_end(refused)  # there is no pool: the caller works alone
    destroy = _load(build, _load(build, call, CALL_API), 48 + 8 * 2)
    gone = build.alloca(I64, 3)
    build.store(I64(24), _at(build, gone, 0))
    build.store(I64(0), _at(build, gone, 1))
    build.store(error, _at(build, gone, 2))
    build.call(_FunctionPointer(destroy, ir.FunctionType(ir.VoidType(), [POINTER])), [gone])
    left = build.sub(helpers, index)
    build.atomic_rmw("sub", _at(build, job, JOB_USERS), left, "seq_cst")
    build.branch(after)
    build.position_at_end(after)
    build.call(work, [job])
    build.call(release, [job])
    build.ret(fine)


class _FunctionPointer:
    """A function known by its address when the program runs, as the builder's `call` takes it."""

    calling_convention = ""

    def __init__(self, address: ir.Value, kind: ir.FunctionType):
        self.address, self.function_type = address, kind

    def get_reference(self) -> str:
        return self.address.get_reference()
