using System.Globalization;
using Faultrec.MakeTrace;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;

// MakeTrace OUT [FAULTS [SEED]]: a synthetic trace for benchmarks, the same bytes for the same arguments.
if (args.Length is < 1 or > 3)
{
    Console.Error.WriteLine("usage: MakeTrace OUT [FAULTS=10000000 [SEED=1]]");
    return 2;
}

var faults = args.Length > 1 ? long.Parse(args[1], CultureInfo.InvariantCulture) : 10_000_000;
var seed = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 1;
// Of 100 million faults, 10 million pages.
var machine = new SyntheticMachine(seed, arenaPages: (ulong)Math.Max(1 << 20, faults / 40));
var batch = new FaultBatch(TraceSchema.RowGroupSize);
using var output = new FileStream(args[0], FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
using var writer = new TraceWriter(output);
for (long written = 0; written < faults; written += batch.Count)
{
    machine.Fill(batch, (int)Math.Min(batch.Capacity, faults - written));
    writer.WriteRowGroup(batch);
}

writer.Complete(machine.Metadata(faults));
return 0;
