#:package Faultrec.Analyzer@0.1.0

// Which regions of a recording cost the most, and what their worst thousandth looks like.
//   usage: dotnet run hot_regions.cs -- TRACE
using Faultrec.Analyzer.Library;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

using var trace = Trace.Open(args[0]);
Console.WriteLine($"{string.Join(' ', trace.Metadata.Command)}: {trace.RowCount:N0} faults, {trace.Receipt.Lost:N0} lost");

// A table of the report: the columns are those of `faultrec report --by region --format csv`.
var regions = trace.Table("region", top: 5);
for (var row = 0; row < regions.Rows.Count; row++)
    Console.WriteLine($"{regions["name"][row],-40} {regions["faults"][row],10:N0} faults {regions["latency_sum_ns"][row],14:N0} ns");

// The faults of the first of them, in a data frame of two columns.
var id = $"{regions["id"][0]}";
var faults = trace.Faults(new FaultFilter { Regions = [id] }).ToDataFrame(["duration_ns", "kind"]);
var slow = faults.OrderByDescending("duration_ns").Head(Math.Max(1, (int)(faults.Rows.Count / 1000)));
Console.WriteLine($"its slowest {slow.Rows.Count:N0}: {slow["duration_ns"].Min():N0} ns and more");

// What does not fit into memory is streamed.
var writes = 0L;
trace.Faults().ForEach(FaultColumns.Access, (batch, in _) => writes += batch.Access.AsSpan(0, batch.Count).Count(FaultAccess.Write));
Console.WriteLine($"{writes:N0} faults were writes");
