using DuckDB.NET.Native;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Query;

/// <summary>faultrec_trace(filename): index of the trace.</summary>
internal sealed class TraceIndexFunction(IReadOnlyDictionary<string, int> indexByPath) : ScalarFunction
{
    protected override string Name => "faultrec_trace";

    protected override IReadOnlyList<DuckDBType> Parameters => [DuckDBType.Varchar];

    protected override DuckDBType Result => DuckDBType.Integer;

    // SAFETY: DuckDB made the output as long as the arguments.
    protected override unsafe void Call(Vectors arguments, nint output)
        => arguments.CopyIndices(0, indexByPath, new Span<int>(NativeMethods.Vectors.DuckDBVectorGetData(output), arguments.Count));
}

/// <summary>
/// faultrec_kind and faultrec_severity (trace index, columns…): the Analyzer's verdict on each fault, as a number. SQL calls the same
/// rules that every report uses, so that the two cannot differ.
/// </summary>
/// <param name="ofKind">Else the severity.</param>
internal sealed class VerdictFunction(IReadOnlyList<TraceMetadata> traces, bool ofKind) : ScalarFunction, IDisposable
{
    private readonly ThreadLocal<Worker> _workers = new(() => new Worker(traces));
    private readonly FaultInput[] _inputs = FaultInputs.For(traces.Aggregate(FaultColumns.None, (sum, trace)
        => sum | (ofKind ? new FaultClassifier(trace).Columns : new SeverityRule(trace).Columns)));

    protected override string Name => ofKind ? "faultrec_kind" : "faultrec_severity";

    protected override IReadOnlyList<DuckDBType> Parameters => [DuckDBType.Integer, .. _inputs.Select(input => input.Type)];

    protected override DuckDBType Result => DuckDBType.UnsignedTinyInt;

    /// <summary>A call of it in SQL.</summary>
    /// <param name="column">SQL of a column of faults.</param>
    public string Sql(string trace, Func<string, string> column) => $"{Name}({string.Join(", ", _inputs.Select(input => column(input.Name)).Prepend(trace))})";

    public void Dispose() => _workers.Dispose();

    // SAFETY: DuckDB made the output as long as the arguments.
    protected override unsafe void Call(Vectors arguments, nint output)
    {
        var count = arguments.Count;
        var numbers = new Span<byte>(NativeMethods.Vectors.DuckDBVectorGetData(output), count);
        var worker = _workers.Value!;
        worker.Batch.Count = count;
        arguments.Copy(0, worker.Traces, 0);
        for (var i = 0; i < _inputs.Length; i++)
            _inputs[i].Copy(arguments, i + 1, worker.Batch);
        // Rows of one trace come together; where files meet there are two or three.
        for (var start = 0; start < count;)
        {
            var trace = worker.Traces[start];
            var end = start + 1;
            while (end < count && worker.Traces[end] == trace)
                end++;
            worker.Judge(trace, ofKind, numbers, start, end);
            start = end;
        }
    }

    private sealed class Worker(IReadOnlyList<TraceMetadata> traces)
    {
        private readonly FaultClassifier?[] _classifiers = new FaultClassifier?[traces.Count];
        private readonly SeverityRule?[] _severityRules = new SeverityRule?[traces.Count];
        private readonly Severity[] _severities = new Severity[(int)NativeMethods.Helpers.DuckDBVectorSize()];

        public FaultBatch Batch { get; } = new((int)NativeMethods.Helpers.DuckDBVectorSize());

        public int[] Traces { get; } = new int[(int)NativeMethods.Helpers.DuckDBVectorSize()];

        public void Judge(int trace, bool ofKind, Span<byte> numbers, int start, int end)
        {
            if (ofKind)
            {
                var classifier = _classifiers[trace] ??= new FaultClassifier(traces[trace]);
                classifier.Classify(Batch);
                for (var row = start; row < end; row++)
                    numbers[row] = (byte)classifier.Verdicts.Kinds[row];
                return;
            }

            (_severityRules[trace] ??= new SeverityRule(traces[trace])).Classify(Batch, _severities);
            for (var row = start; row < end; row++)
                numbers[row] = (byte)_severities[row];
        }
    }
}

/// <summary>faultrec_stack(trace index, stack_id): the stack, folded, the outermost frame first.</summary>
internal sealed class StackFunction(IReadOnlyList<TraceMetadata> traces) : ScalarFunction
{
    private readonly Lazy<Names>[] _names = [.. traces.Select(trace => new Lazy<Names>(() => new Names(trace.Stacks!)))];

    protected override string Name => "faultrec_stack";

    protected override IReadOnlyList<DuckDBType> Parameters => [DuckDBType.Integer, DuckDBType.BigInt];

    protected override DuckDBType Result => DuckDBType.Varchar;

    protected override void Call(Vectors arguments, nint output)
    {
        var (indices, stacks) = (new int[arguments.Count], new long[arguments.Count]);
        arguments.Copy(0, indices, 0);
        arguments.Copy(1, stacks, 0);
        for (var row = 0; row < stacks.Length; row++)
            NativeMethods.Vectors.DuckDBVectorAssignStringElement(output, (ulong)row, _names[indices[row]].Value.Folded((int)stacks[row]));
    }

    private sealed class Names
    {
        private readonly FrameNames _frames;
        private readonly string[] _names;

        public Names(StackTable table)
        {
            _frames = new FrameNames(table);
            _names = [.. Enumerable.Range(0, table.Frames.Count).Select(frame => Escape.Frame(_frames.Short(frame)))];
        }

        public string Folded(int stack) => string.Join(';', _frames.FramesOf(stack).Reverse().Select(frame => _names[frame]));
    }
}
