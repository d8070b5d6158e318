using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Live;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Live;

/// <summary>The view's thread: a view that blocks, leaves or fails.</summary>
public sealed class LiveReaderTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    [Fact]
    public void EverythingIsShownInOrderAndThenTheEnd()
    {
        var queue = new BatchQueue(8, 4);
        var view = new View();
        var reader = new LiveReader(queue, view, () => view.Log.Add("gone"));
        Give(queue, 3, default);
        Give(queue, 2, new MissedFaults(5, 6));
        queue.Advance(700);
        queue.Complete();
        using var signals = new EndSignals();
        Assert.True(reader.Join(signals));
        reader.ThrowIfFailed();
        Assert.Equal(["3 faults", "2 faults after 5 and 6", "end 700"], view.Log.Where(word => !word.StartsWith("advance", StringComparison.Ordinal)));
        Assert.Equal(5, reader.Shown);
    }

    [Fact]
    public void AnIdleViewIsToldTheTime()
    {
        var queue = new BatchQueue(8, 4);
        var view = new View();
        var reader = new LiveReader(queue, view, () => { });
        queue.Advance(42);
        Assert.True(SpinWait.SpinUntil(() => view.HasReached(42), Limit));
        queue.Complete();
        using var signals = new EndSignals();
        Assert.True(reader.Join(signals));
    }

    [Fact]
    public void AViewThatLeavesIsToldOfAndAskedNoMore()
    {
        var queue = new BatchQueue(8, 4);
        using var gone = new ManualResetEventSlim();
        var view = new View { Answer = false };
        var reader = new LiveReader(queue, view, gone.Set);
        Give(queue, 1, default);
        Assert.True(gone.Wait(Limit, TestContext.Current.CancellationToken));
        Give(queue, 1, default);
        queue.Complete();
        using var signals = new EndSignals();
        Assert.True(reader.Join(signals));
        reader.ThrowIfFailed();
        Assert.Equal(["1 faults"], view.Log.Where(word => !word.StartsWith("advance", StringComparison.Ordinal)));
        Assert.Equal(0, reader.Shown);
    }

    [Fact]
    public void WhatAViewThrowsIsThrownToTheCaller()
    {
        var queue = new BatchQueue(8, 4);
        using var gone = new ManualResetEventSlim();
        var reader = new LiveReader(queue, new View { Failure = new IOException("full") }, gone.Set);
        Give(queue, 1, default);
        Assert.True(gone.Wait(Limit, TestContext.Current.CancellationToken));
        using var signals = new EndSignals();
        Assert.True(reader.Join(signals));
        Assert.Equal("full", Assert.Throws<IOException>(reader.ThrowIfFailed).Message);
    }

    [Fact]
    public void OneBatchIsHandedOutAgainAfterItWasShown()
    {
        var queue = new BatchQueue(1, 4);
        var batch = queue.TryRent()!;
        Assert.Null(queue.TryRent());
        batch.Count = 2;
        queue.Return(batch);
        Assert.Same(batch, queue.TryRent());
        Assert.Equal(0, batch.Count);
    }

    private static void Give(BatchQueue queue, int faults, MissedFaults before)
    {
        var batch = queue.TryRent()!;
        batch.Count = faults;
        queue.Add(new Delivery(batch, before));
    }

    private sealed class View : ILiveView
    {
        private long _reachedNs;

        public List<string> Log { get; } = [];

        public bool Answer { get; init; } = true;

        public Exception? Failure { get; init; }

        public bool HasReached(long timeNs) => Interlocked.Read(ref _reachedNs) >= timeNs;

        public void Start(TraceMetadata metadata) => Log.Add("start");

        public bool Show(FaultBatch faults, MissedFaults before)
        {
            Log.Add($"{faults.Count} faults{(before.IsEmpty ? "" : $" after {before.NotShown} and {before.Lost}")}");
            return Failure is null ? Answer : throw Failure;
        }

        public bool Advance(long reachedNs)
        {
            Interlocked.Exchange(ref _reachedNs, reachedNs);
            return true;
        }

        public void End(long endNs) => Log.Add($"end {endNs}");
    }
}
