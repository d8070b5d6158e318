using Faultrec.Recorder.Kernel;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;

namespace Faultrec.Recorder.Finalize;

/// <summary>
/// Row groups on their way into the file: one is encoded, compressed and written by another thread while the next is filled. With little memory
/// there is only one, which is written before it is filled again.
/// </summary>
/// <param name="writer">Used by nobody else until <see cref="Finish"/> has returned.</param>
/// <param name="rows">In each.</param>
internal sealed class RowGroups(TraceWriter writer, int rows) : IDisposable
{
    private FaultBatch _spare = new(rows);
    private Task _writing = Task.CompletedTask;

    /// <summary>The one that is filled.</summary>
    public FaultBatch Batch { get; private set; } = new(rows);

    /// <summary>Hands <see cref="Batch"/> over to be written.</summary>
    /// <exception cref="IOException">Writing this or an earlier one failed; other exceptions of the writer come the same way.</exception>
    public void Write()
    {
        Wait();
        if (MemoryBudget.IsShort)
        {
            writer.WriteRowGroup(Batch);
            MemoryBudget.GiveBack();
        }
        else
        {
            var full = Batch;
            _writing = Task.Run(() => writer.WriteRowGroup(full));
            (Batch, _spare) = (_spare, full);
        }

        Batch.Count = 0;
    }

    /// <summary>Writes what is left.</summary>
    /// <exception cref="IOException">See <see cref="Write"/>.</exception>
    public void Finish()
    {
        Write();
        Wait();
    }

    /// <summary>After a failure the writer's stream is about to be closed.</summary>
    public void Dispose() => ((IAsyncResult)_writing).AsyncWaitHandle.WaitOne();

    private void Wait() => _writing.GetAwaiter().GetResult();
}
