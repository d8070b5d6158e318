using Faultrec.Replay.Native;

namespace Faultrec.Replay;

/// <summary>
/// Puts operations into the slots' rings and takes their results out again, in each slot's order. Waiting here means waiting for a thread
/// of the engine. Every operation that it may wait for was put in earlier, so all operations end.
/// </summary>
// SAFETY: the arena outlives this object. A slot is below their number, and a place in its ring is taken modulo RingOps; Head and Tail say
// whose it is.
internal sealed unsafe class Rings
{
    private const int SpinsBeforeSleep = 50;
    private const int SleepsBetweenChecks = 500;

    private readonly Arena _arena;
    private readonly Action _check;
    private readonly Action<int, Op> _take;
    private readonly ulong[] _head;
    private readonly ulong[] _taken;

    /// <param name="check">Called now and then while waiting; throws to end the wait.</param>
    /// <param name="take">Called for each completed operation: slot and operation.</param>
    public Rings(Arena arena, Action check, Action<int, Op> take)
    {
        (_arena, _check, _take) = (arena, check, take);
        (_head, _taken) = (new ulong[arena.Slots], new ulong[arena.Slots]);
    }

    /// <returns>The position after the operation.</returns>
    public ulong Push(int slot, in Op op)
    {
        var head = _head[slot];
        if (head - _taken[slot] == (ulong)_arena.RingOps)
        {
            Take(slot);
            if (head - _taken[slot] == (ulong)_arena.RingOps)
                WaitFor(slot, _taken[slot] + ((ulong)_arena.RingOps / 4));
        }

        // SAFETY: the place is the planner's until Head says otherwise; its last results were taken.
        _arena.Ring(slot)[head & (ulong)(_arena.RingOps - 1)] = op;
        _head[slot] = head + 1;
        Volatile.Write(ref _arena.Slot(slot)->Head, head + 1);
        return head + 1;
    }

    /// <summary>Position after the last operation.</summary>
    public ulong Head(int slot) => _head[slot];

    public bool IsDone(int slot, ulong position) => Volatile.Read(ref _arena.Slot(slot)->Tail) >= position;

    public void WaitFor(int slot, ulong position)
    {
        // Whatever is to be waited for, the engine must have begun.
        Volatile.Write(ref _arena.Header->Go, 1);
        for (var round = 1; !IsDone(slot, position); round++)
        {
            Thread.Sleep(round < SpinsBeforeSleep ? 0 : 1);
            if (round % SleepsBetweenChecks == 0)
                _check();
        }

        Take(slot);
    }

    /// <summary>Waits for all operations and takes what is left.</summary>
    public void Finish()
    {
        for (var slot = 0; slot < _arena.Slots; slot++)
            WaitFor(slot, _head[slot]);
    }

    private void Take(int slot)
    {
        var done = Volatile.Read(ref _arena.Slot(slot)->Tail);
        var ring = _arena.Ring(slot);
        for (; _taken[slot] < done; _taken[slot]++)
            _take(slot, ring[_taken[slot] & (ulong)(_arena.RingOps - 1)]);
    }
}
