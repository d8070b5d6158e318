using System.Text.Json;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class EscapeTests
{
    [Theory]
    [InlineData("plain /lib/x.so [heap] ünï 長", "plain /lib/x.so [heap] ünï 長")]
    [InlineData("\x1b]0;title\a", @"\x1b]0;title\x07")]
    [InlineData("a\r\nb\tc", @"a\x0d\x0ab\x09c")]
    [InlineData("\u009b31m\x7f", @"\x9b31m\x7f")]
    [InlineData("a\u202egnp.exe", @"a\u202egnp.exe")]
    [InlineData("zero\u200bwidth\U000e0041", @"zero\u200bwidth\U000e0041")]
    [InlineData(@"back\slash", @"back\\slash")]
    public void ATerminalSeesEscapesAsText(string hostile, string visible) => Assert.Equal(visible, Escape.Visible(hostile));

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("+1", "'+1")]
    [InlineData("-1", "'-1")]
    [InlineData("@SUM(A1)", "'@SUM(A1)")]
    [InlineData("\t=1", @"\x09=1")]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("say \"hi\"", "\"say \"\"hi\"\"\"")]
    [InlineData("a\nb", @"a\x0ab")]
    [InlineData("=\"x\"", "\"'=\"\"x\"\"\"")]
    public void ASpreadsheetSeesNoFormulaAndOneField(string hostile, string field) => Assert.Equal(field, Escape.Csv(hostile));

    [Theory]
    [InlineData("plain-1.2", "plain-1.2")]
    [InlineData("a|b", "a&#124;b")]
    [InlineData("`rm`", "&#96;rm&#96;")]
    [InlineData("<script>&", "&lt;script&gt;&amp;")]
    [InlineData("[x](y)", @"\[x\](y)")]
    [InlineData("![i](u) **b** _i_ ~s~ # h", @"!\[i\](u) \*\*b\*\* \_i\_ \~s\~ \# h")]
    [InlineData("@everyone http://x", "&#64;everyone http&#58;//x")]
    [InlineData("a\nb\x1b", @"a\\x0ab\\x1b")]
    public void MarkdownSeesNoMarkup(string hostile, string cell) => Assert.Equal(cell, Escape.Markdown(hostile));

    [Fact]
    public void ATraceFullOfHostileNamesIsInertInEveryFormat()
    {
        const string evil = "=evil|`<b>\x1b[2J\r\n\u202e,\"x\"";
        Region[] regions = [new() { Id = 1, Pid = 10, Start = 0x1000, End = 0x2000, Prot = "rw-p", Name = evil, Path = evil }];
        var metadata = Story.Metadata(regions) with
        {
            Command = [evil],
            Host = evil,
            Kernel = evil,
            Backend = Backend.Named(evil),
            Processes = [new ProcessEntry { Pid = 10, Comm = evil }],
            Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = evil }],
            PageTable = new PageTableRecording(false, evil, 0, null, null),
            StackRecording = new StackRecording(null, 1, 0, 0, [evil]),
            Stacks = new StackTable(
                [new StackModule(evil, evil)],
                [
                    new StackFrame { Kind = evil, Function = evil, File = evil, Line = 1, Module = 0 }, new StackFrame { Kind = evil, Module = 0, Address = 1 },
                    new StackFrame { Kind = "python", Function = evil, File = evil },
                ],
                [-1, 0, 1],
                [0, 1, 2]),
            TlbFlushes = [new TlbFlushes(10, evil, 1, 1, 1)],
            LockWaits = [new LockWait(10, 10, 10, 10, 1, 1, 1)],
            Causes = [new CauseProbe("reclaim", evil)],
            Slab = new SlabRecording([new CauseProbe("fast", evil)], [new SlabCount(10, evil, "fast", 1)], []),
        };
        metadata = metadata with { Receipt = metadata.Receipt with { EndReason = evil } };
        Fault[] faults = [new(0x1000) { Comm = evil, Stack = 2 }, new(0x1000) { Comm = evil, Tid = 11, Stack = 1 },
            new(0x1000) { Comm = evil, TimeNs = 20_000_000 }];
        var storm = Enumerable.Range(0, 100).Select(i => new Fault(0x1000) { Comm = evil, TimeNs = 40_000_000 + i });
        var report = Story.Report(metadata, [.. faults, .. storm], groupSize: 50) with { Path = evil };
        Assert.Single(report.Storms);

        var markdown = new StringWriter();
        MarkdownReport.Write(markdown, report, null, 0);
        var tables = ReportTables.All.Select(table => TextReportTests.Text(report, table.Name));
        foreach (var text in tables.Append(TextReportTests.Text(report)).Append(markdown.ToString()).Append(FormatTests.Json(report)))
            Assert.DoesNotContain(text, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
        Assert.DoesNotContain("<b>", markdown.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("evil|", markdown.ToString(), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(evil, json.RootElement.GetProperty("comms")[0].GetProperty("comm").GetString());
        foreach (var table in ReportTables.All)
        {
            // One line a row: nothing in a name ends one, and none begins a formula.
            var lines = FormatTests.Csv(report, table.Name).Split("\r\n");
            Assert.All(lines, line => Assert.DoesNotContain(line, char.IsControl));
            Assert.All(lines, line => Assert.False(line.StartsWith('=') || line.Contains(",=", StringComparison.Ordinal)));
        }
    }
}
