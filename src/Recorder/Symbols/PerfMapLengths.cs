namespace Faultrec.Recorder.Symbols;

/// <summary>How long a perf map was at each moment of the recording: a line that came later names no fault from before.</summary>
internal sealed class PerfMapLengths
{
    /// <summary>A file that grows all the time has its times told more coarsely beyond it.</summary>
    private const int MaxNotes = 1 << 16;

    private readonly List<(long Length, long TimeNs)> _notes = [];
    private long _lastLookNs = long.MinValue;

    /// <param name="timeNs">Of the look, on CLOCK_MONOTONIC.</param>
    public void Note(long length, long timeNs)
    {
        lock (_notes)
        {
            // What has come since the look before may have come right after it.
            if (length > (_notes.Count == 0 ? 0 : _notes[^1].Length) && _notes.Count < MaxNotes)
                _notes.Add((length, _notes.Count == 0 ? long.MinValue : _lastLookNs));
            _lastLookNs = timeNs;
        }
    }

    /// <summary>
    /// From when on a line can have been there that begins at this offset. What was there at the first look that found anything counts
    /// as always there: no older line has the address, and a virtual machine that writes its whole map at the end names all of its time.
    /// </summary>
    public long TimeOf(long offset)
    {
        lock (_notes)
        {
            var (low, high) = (0, _notes.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_notes[middle].Length <= offset)
                    low = middle + 1;
                else
                    high = middle;
            }

            if (low < _notes.Count)
                return _notes[low].TimeNs;
            return _notes.Count == 0 ? long.MinValue : _lastLookNs;
        }
    }
}
