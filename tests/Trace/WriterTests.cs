using CsCheck;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Trace.Tests;

public sealed class WriterTests
{
    [Fact]
    public void NoTraceBeforeComplete()
    {
        using var output = new MemoryStream();
        using (var writer = new TraceWriter(output))
            writer.WriteRowGroup(SampleTrace.RandomBatch(new Random(1), 5000));
        using var file = new TempFile(output.ToArray());

        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open(file.Path));

        Assert.Equal(ExitCode.BadInput, error.ExitCode);
    }

    [Fact]
    public void OutputStaysOpenAndNeedNotSeek()
    {
        var batches = SampleTrace.RandomBatches(1, 100, 3);
        using var output = new ForwardOnly(long.MaxValue);
        using (var writer = new TraceWriter(output))
        {
            batches.ForEach(writer.WriteRowGroup);
            writer.Complete(SampleTrace.Metadata(103));
        }

        Assert.True(output.CanWrite);
        Assert.Equal(SampleTrace.Write(batches), output.Written);
    }

    [Fact]
    public void FullDiskPassesThroughAndLeavesNoTrace()
    {
        using var output = new ForwardOnly(1000);
        using var writer = new TraceWriter(output);
        var batch = SampleTrace.RandomBatch(new Random(1), 50_000);

        Assert.Throws<IOException>(() => writer.WriteRowGroup(batch));
        Assert.Throws<InvalidOperationException>(() => writer.WriteRowGroup(batch));
        Assert.Throws<InvalidOperationException>(() => writer.Complete(SampleTrace.Metadata()));
    }

    [Fact]
    public void AnyPatternOfNullsSurvives()
    {
        Gen.Int[-1, 3].Array[1, 300].Sample(
            values =>
            {
                var batch = SampleTrace.RandomBatch(new Random(1), values.Length);
                for (var i = 0; i < values.Length; i++)
                {
                    batch.Signal[i] = values[i];
                    batch.Pfn[i] = values[i];
                    batch.PtLevel[i] = (sbyte)values[i];
                    batch.Stack[i] = values[i] < 0 ? null : $"frame{values[i]}";
                }

                using var file = new TempFile(SampleTrace.Write([batch]));
                using var reader = TraceReader.Open(file.Path);
                var read = new FaultBatch(values.Length);
                reader.ReadRowGroup(0, FaultColumns.Signal | FaultColumns.Pfn | FaultColumns.PtLevel | FaultColumns.Stack, read);
                Assert.Equal(values, read.Signal);
                Assert.Equal(values, read.Pfn.Select(value => (int)value));
                Assert.Equal(values, read.PtLevel.Select(value => (int)value));
                Assert.Equal(batch.Stack.Take(values.Length), read.Stack);
            },
            seed: "0000KOIPe036",
            iter: 200,
            threads: 1);
    }

    /// <summary>A pipe, or a disk that fills after some bytes.</summary>
    private sealed class ForwardOnly(long capacity) : Stream
    {
        private readonly MemoryStream _bytes = new();

        public byte[] Written => _bytes.ToArray();

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            if (_bytes.Length + count > capacity)
                throw new IOException("No space left on device");
            _bytes.Write(buffer, offset, count);
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
