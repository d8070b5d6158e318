using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Symbols;

/// <summary>The length of a perf map at each moment of the recording, so that a line does not name faults that came before it.</summary>
internal sealed class PerfMapLengths
{
    /// <summary>Most times kept; for a file that grows all the time they become coarser.</summary>
    private const int MaxNotes = 1 << 16;

    private readonly List<(long Length, long TimeNs)> _notes = [];
    private long _lastLookNs = long.MinValue;

    /// <param name="timeNs">Time of the observation, on CLOCK_MONOTONIC.</param>
    public void Note(long length, long timeNs)
    {
        lock (_notes)
        {
            // Lines that are new since the previous observation may have come right after it.
            if (length > (_notes.Count == 0 ? 0 : _notes[^1].Length) && _notes.Count < MaxNotes)
                _notes.Add((length, _notes.Count == 0 ? long.MinValue : _lastLookNs));
            _lastLookNs = timeNs;
        }
    }

    /// <summary>
    /// The earliest time at which a line at this offset can have existed. Lines present at the first observation that found any count
    /// as always there: no older line has the address, and a virtual machine that writes its whole map at the end names all of its time.
    /// </summary>
    public long TimeOf(long offset)
    {
        lock (_notes)
        {
            var later = Sorted.CountUntil(CollectionsMarshal.AsSpan(_notes), offset, note => note.Length);
            if (later < _notes.Count)
                return _notes[later].TimeNs;
            return _notes.Count == 0 ? long.MinValue : _lastLookNs;
        }
    }
}
