using System.Text;
using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Dump;
using Faultrec.Analyzer.Live;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class LiveLinesTests
{
    [Fact]
    public void ALineAFaultUnderOneHeader()
    {
        var batch = Batch(
            (new(0x10008) { TimeNs = 1_234_567_890, Tid = 11 }, "[anon]"),
            (new(0xffff_ffff_ff60_0000, DurationNs: 12_345_678, Major: true)
            {
                TimeNs = 99_999_000_000_000,
                Pid = 4194303,
                Tid = 4194303,
                Comm = "fifteen-letters"
            }, "/lib/a b.so"),
            (new(0x20010, 0, null, Signal: 11) { TimeNs = -2_500 }, ""),
            (new(0x20010, DurationNs: null, Signal: 7), "/mapped"));
        batch.Access[1] = FaultAccess.Exec;
        batch.Access[2] = FaultAccess.Read;
        batch.Access[3] = FaultAccess.Unknown;

        Assert.Equal(
            """
                  time s     pid     tid cpu comm                       address access kind           µs region
                1.234567      10      11   0 app                        0x10008 write  minor       1.000 [anon]
            99999.000000 4194303 4194303   0 fifteen-letters 0xffffffffff600000 exec   major   12345.678 /lib/a b.so
               -0.000002      10      10   0 app                        0x20010 read   SIGSEGV         - [no mapping]
                0.000000      10      10   0 app                        0x20010 -      SIGBUS          - /mapped

            """.ReplaceLineEndings("\n"),
            Written(batch));
    }

    [Fact]
    public void FlagsByTheKernelsNamesAndWhatElseIsSpecial()
    {
        var metadata = Story.Metadata() with
        {
            Backend = Backend.Fexit,
            FaultFlagNames = new Dictionary<string, long> { ["FAULT_FLAG_USER"] = 64, ["FAULT_FLAG_WRITE"] = 1, ["FAULT_FLAG_KILLABLE"] = 16 },
        };
        var batch = Batch((new(0x10000), "[heap]"), (new(0x11000), "[heap]"), (new(0x12000), "[heap]"));
        (batch.FaultFlags[0], batch.FaultFlags[1], batch.FaultFlags[2]) = (65, 0x2000 | 16, 0);
        (batch.Gup[1], batch.Handler[1], batch.Weight[2]) = (true, "do_anonymous_page", 100);

        var lines = Written(batch, metadata).Split('\n');

        Assert.EndsWith(" region  flags", lines[0]);
        Assert.EndsWith(" [heap]  WRITE|USER", lines[1]);
        Assert.EndsWith(" [heap]  KILLABLE|0x2000  gup  do_anonymous_page", lines[2]);
        Assert.EndsWith(" [heap]  ×100", lines[3]);
    }

    [Fact]
    public void HostileNamesAreMadeVisible()
    {
        var batch = Batch((new(0x10000) { Comm = "\e[2J\nx" }, "/tmp/\u202Eevil\r"));

        var line = Written(batch).Split('\n')[1];

        Assert.Contains(@" \x1b[2J\x0ax ", line, StringComparison.Ordinal);
        Assert.EndsWith(@" /tmp/\u202eevil\x0d", line);
    }

    [Fact]
    public void WideNamesKeepTheColumns()
    {
        var lines = Written(Batch((new(0x10000) { Comm = "日本" }, "a"), (new(0x10000) { Comm = "ab" }, "a"))).Split('\n');

        // Two signs of two columns each.
        Assert.Equal(lines[2].IndexOf("0x10000", StringComparison.Ordinal) - 2, lines[1].IndexOf("0x10000", StringComparison.Ordinal));
    }

    [Fact]
    public void WhatIsMissedIsALineOfItsOwn()
    {
        var (text, json) = (new MemoryStream(), new MemoryStream());
        foreach (var (asJson, output) in ((bool, Stream)[])[(false, text), (true, json)])
        {
            var lines = new LiveLines(FaultFilter.None, Story.Metadata(), asJson, output, default);
            lines.Missed(1234, 1);
            lines.End(0);
        }

        Assert.Equal(["… 1,234 faults not shown: the reader is slow", "… 1 fault lost: the probes' ring was full", ""], Text(text).Split('\n')[1..]);
        Assert.Equal("{\"lost_lines\":1234}\n{\"lost_faults\":1}\n", Text(json));
    }

    [Fact]
    public void JsonIsWhatDumpSaysButForTheKind()
    {
        Fault[] faults = [new(0x10008) { TimeNs = 5, Comm = "\e\"" }, new(0x20000, 2, null, true, 7) { TimeNs = 6, FaultResult = 4 }];
        using var file = new TemporaryTrace(Story.Metadata(Story.TwoRegions), faults, 10);
        using var reader = TraceReader.Open(file.Path);
        using var dump = new MemoryStream();
        TraceDump.Write(reader, FaultFilter.None, asJson: true, dump);

        var live = Written(Story.Batch(faults), asJson: true);

        // A kind needs the ledger, which is whole only at the end.
        Assert.Equal(Text(dump).Replace("\"kind\":\"unknown\"", "\"kind\":null", StringComparison.Ordinal)
            .Replace("\"kind\":\"bus_error\"", "\"kind\":null", StringComparison.Ordinal), live);
        Assert.All(live.TrimEnd().Split('\n'), line => JsonDocument.Parse(line).Dispose());
    }

    [Theory]
    [InlineData("a.so", null, null, "2,3")]
    [InlineData("2", null, null, "2,3")]
    [InlineData("no mapping", null, null, "4")]
    [InlineData(null, Severity.Major, null, "2")]
    [InlineData("a.so", Severity.Minor, null, "3")]
    [InlineData(null, null, 2L, "2,3,4")]
    public void FiltersWorkWithoutALedger(string? region, Severity? kind, long? fromNs, string expected)
    {
        var filter = new FaultFilter { Regions = region is null ? [] : [region], Severities = kind is { } known ? [known] : [], FromNs = fromNs };
        var batch = Batch(
            (new(0x10000) { TimeNs = 1 }, "[anon]"), (new(0x20000, 2, Major: true) { TimeNs = 2 }, "/lib/a.so"),
            (new(0x21000, 2) { TimeNs = 3 }, "/lib/a.so"), (new(0x90000, 0) { TimeNs = 4 }, ""));
        using var output = new MemoryStream();
        var lines = new LiveLines(filter, Story.Metadata(), true, output, default);

        lines.Write(batch);

        var times = Text(output).TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement.GetProperty("time_ns").GetInt64());
        Assert.Equal(expected, string.Join(',', times));
        Assert.Equal(expected.Split(',').Length, lines.Matched);
    }

    [Fact]
    public void ColourMarksMajorAndFailedFaultsAndMovesNoColumn()
    {
        var batch = Batch((new(0x10000), "a"), (new(0x20000, Major: true), "a"), (new(0x30000, 0, Signal: 11), ""));
        var (plain, coloured) = (Written(batch), Written(batch, style: new TextStyle(true)));

        Assert.Equal(plain, coloured.Replace("\e[1;33m", "", StringComparison.Ordinal).Replace("\e[1;31m", "", StringComparison.Ordinal)
            .Replace("\e[0m", "", StringComparison.Ordinal));
        Assert.Contains("\e[1;33mmajor\e[0m ", coloured, StringComparison.Ordinal);
        Assert.Contains("\e[1;31mSIGSEGV\e[0m ", coloured, StringComparison.Ordinal);
    }

    private static string Written(FaultBatch batch, TraceMetadata? metadata = null, bool asJson = false, TextStyle style = default)
    {
        using var output = new MemoryStream();
        var lines = new LiveLines(FaultFilter.None, metadata ?? Story.Metadata(), asJson, output, style);
        lines.Write(batch);
        lines.End(0);
        return Text(output);
    }

    private static string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.ToArray());

    private static FaultBatch Batch(params (Fault Fault, string Region)[] faults)
    {
        var batch = Story.Batch(Array.ConvertAll(faults, pair => pair.Fault));
        for (var i = 0; i < faults.Length; i++)
            batch.Region[i] = faults[i].Region;
        return batch;
    }
}
