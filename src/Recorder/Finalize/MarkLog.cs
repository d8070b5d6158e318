using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>The marks of a recording: those that were set by hand, and those that its own events set.</summary>
internal sealed class MarkLog
{
    /// <summary>Of one source, so that a program that does nothing else fills no trace.</summary>
    private const int MostOfASource = 1000;

    private readonly List<Mark> _marks = [];
    private readonly HashSet<ProcessState> _listening = [];
    private int _execs;

    /// <summary>For which there was no room.</summary>
    public long Dropped { get; private set; }

    /// <summary>Whose time is another than they said.</summary>
    public long Moved { get; private set; }

    public void Add(SpooledMarks marks)
    {
        Dropped += marks.Dropped;
        foreach (var mark in marks.Marks)
        {
            if (mark.TimeNs > marks.ReadNs)
                Moved++;
            _marks.Add(new Mark(Math.Min(mark.TimeNs, marks.ReadNs), mark.Name, MarkSource.Mark, null));
        }
    }

    /// <summary>An execve of the recorded process: other processes begin with theirs.</summary>
    /// <param name="isFirst">The command's own, with which the recording begins.</param>
    public void AddExec(CommEvent exec, bool isFirst)
    {
        if (isFirst)
            return;
        Add(new Mark(exec.TimeNs, $"exec {exec.Comm}", MarkSource.Exec, exec.Pid), ++_execs);
    }

    /// <summary>The first time is the moment at which a server is ready.</summary>
    public void AddListen(ProcessState process, long timeNs)
    {
        if (_listening.Add(process))
            Add(new Mark(timeNs, MarkSource.Listen, MarkSource.Listen, process.Pid), _listening.Count);
    }

    private void Add(Mark mark, int number)
    {
        if (number <= MostOfASource)
            _marks.Add(mark);
        else
            Dropped++;
    }

    /// <summary>In the order of time, which is that of the trace.</summary>
    public IReadOnlyList<Mark> Build(Func<long, long> toTraceTime, long durationNs)
    {
        var marks = _marks.Select(mark => mark with { TimeNs = toTraceTime(mark.TimeNs) }).ToList();
        Moved += marks.Count(mark => mark.TimeNs < 0);
        return [.. marks.Select(mark => mark with { TimeNs = Math.Clamp(mark.TimeNs, 0, durationNs) }).OrderBy(mark => mark.TimeNs)];
    }
}
