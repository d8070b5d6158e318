using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Export;

/// <param name="TimeNs">Since the recording began.</param>
/// <param name="Stack">As in the trace; negative: none.</param>
internal readonly record struct TimelineSample(long TimeNs, int Stack, long Weight);

/// <summary>
/// The faults of each thread as samples of a profile, in bounded memory: each fault is a sample until there are more than a viewer
/// accepts; then samples of one thread and stack within a step of time are joined and their weights added, and the step is doubled as
/// often as necessary. Sums stay exact.
/// </summary>
/// <param name="endNs">No step is longer than the recording, which leaves one sample per thread and stack.</param>
internal sealed class Timeline(int stacks, long endNs, int mostSamples)
{
    private const long FirstStepNs = 1000;

    private readonly Dictionary<(int Pid, int Tid), List<TimelineSample>> _threads = [];
    private readonly Dictionary<(int Pid, int Tid), string> _names = [];
    private long _samples;
    private long _limit = mostSamples;

    /// <summary>0: every fault is a sample of its own.</summary>
    public long StepNs { get; private set; }

    public long Faults { get; private set; }

    public long Samples => _samples;

    public IReadOnlyDictionary<(int Pid, int Tid), List<TimelineSample>> Threads => _threads;

    /// <summary>The name under which a thread was seen first.</summary>
    public string NameOf((int Pid, int Tid) thread) => _names[thread];

    public void Add(FaultBatch batch, int row, long weight)
    {
        var thread = (batch.Pid[row], batch.Tid[row]);
        if (!_threads.TryGetValue(thread, out var samples))
        {
            _threads.Add(thread, samples = []);
            _names.Add(thread, batch.Comm[row]);
        }

        var stack = (uint)batch.StackId[row] < (uint)stacks ? batch.StackId[row] : FaultBatch.Null;
        samples.Add(new TimelineSample(batch.TimeNs[row], stack, weight));
        Faults++;
        _samples++;
        if (_samples > _limit)
            Join();
    }

    /// <summary>Sorts each thread's samples by time.</summary>
    public void Complete()
    {
        foreach (var samples in _threads.Values)
            samples.Sort(ByTime);
    }

    // Reduced to half, so that the next reduction is as many faults away.
    private void Join()
    {
        do
        {
            if (StepNs <= endNs)
                StepNs = StepNs == 0 ? FirstStepNs : StepNs * 2;
            _samples = 0;
            foreach (var samples in _threads.Values)
            {
                JoinThread(samples);
                _samples += samples.Count;
            }
        }
        while (_samples > _limit / 2 && StepNs <= endNs);

        // One sample per thread and stack is the minimum.
        _limit = Math.Max(_limit, _samples * 2);
    }

    private void JoinThread(List<TimelineSample> samples)
    {
        for (var i = 0; i < samples.Count; i++)
            samples[i] = samples[i] with { TimeNs = samples[i].TimeNs / StepNs * StepNs };
        samples.Sort(ByTime);
        var kept = 0;
        for (var i = 1; i < samples.Count; i++)
        {
            if (samples[i].TimeNs == samples[kept].TimeNs && samples[i].Stack == samples[kept].Stack)
                samples[kept] = samples[kept] with { Weight = samples[kept].Weight + samples[i].Weight };
            else
                samples[++kept] = samples[i];
        }

        if (samples.Count > 0)
            samples.RemoveRange(kept + 1, samples.Count - kept - 1);
    }

    private static int ByTime(TimelineSample a, TimelineSample b) => a.TimeNs != b.TimeNs ? a.TimeNs.CompareTo(b.TimeNs) : a.Stack.CompareTo(b.Stack);
}
