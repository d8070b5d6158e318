using Faultrec.Traces;

namespace Faultrec.Query.Tests;

/// <summary>Which traces a folder, a pattern or a path stands for, and what their paths say of them.</summary>
public sealed class TraceFilesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public TraceFilesTests()
    {
        foreach (var name in (string[])["host=a/date=2026-01-02/x.parquet", "host=a/date=2026-01-03/y.parquet", "host=b%2Fc/date=2026-01-02/x.parquet",
            "flat.parquet", "b[1].parquet", "b1.parquet", "it's \"a\"\n.parquet"])
        {
            Write(name);
        }

        File.WriteAllText(_folder["notes.txt"], "");
        File.WriteAllText(_folder[".half.parquet"], "half a copy");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AFolderIsEveryTraceBelowIt()
        => Assert.Equal(
            "b1.parquet, b[1].parquet, flat.parquet, host=a/date=2026-01-02/x.parquet, host=a/date=2026-01-03/y.parquet, "
            + "host=b%2Fc/date=2026-01-02/x.parquet, it's \"a\"\n.parquet",
            Names(_folder.Path));

    [Theory]
    [InlineData("host=*/date=2026-01-02/*.parquet", "host=a/date=2026-01-02/x.parquet, host=b%2Fc/date=2026-01-02/x.parquet")]
    [InlineData("**/x.parquet", "host=a/date=2026-01-02/x.parquet, host=b%2Fc/date=2026-01-02/x.parquet")]
    [InlineData("host=a/**", "host=a/date=2026-01-02/x.parquet, host=a/date=2026-01-03/y.parquet")]
    [InlineData("?lat.parquet", "flat.parquet")]
    [InlineData("b[1].parquet", "b[1].parquet")]
    public void APatternIsWhatItMatches(string pattern, string names) => Assert.Equal(names, Names(_folder[pattern]));

    [Fact]
    public void HostAndDateComeFromThePathElseFromTheTrace()
        => Assert.Equal(
            "a 2026-01-02 1\na 2026-01-03 1\nb/c 2026-01-02 1\nbox 2026-01-02 4",
            Asked.Text("SELECT host, date, count(*) FROM faults GROUP BY ALL ORDER BY ALL", _folder.Path));

    [Fact]
    public void NamesThatSqlOrAPatternCouldMisread()
    {
        Assert.Equal("1", Asked.Text("SELECT count(*) FROM faults", _folder["b[1].parquet"]));
        Assert.Equal(_folder["it's \"a\"\n.parquet"] + " 1", Asked.Text("SELECT trace, count(*) FROM faults GROUP BY ALL", _folder["it's \"a\"\n.parquet"]));
        Write("star*.parquet");
        Write("starry?.parquet");
        Write("star[*]/a[b]c?.parquet");
        Assert.Equal("star*.parquet", Ask("star*.parquet"));
        Assert.Equal("starry?.parquet", Ask("starry?.parquet"));
        Assert.Equal("star[*]/a[b]c?.parquet", Ask("star[*]"));
        Assert.Equal("star*.parquet starry?.parquet", Ask("star*.parquet", "starry?.parquet"));

        string Ask(params string[] names)
            => string.Join(' ', Asked.Rows("SELECT trace, count(*) FROM faults GROUP BY ALL ORDER BY ALL", [.. names.Select(name => _folder[name])])
                .Select(row => Path.GetRelativePath(_folder.Path, row[0]!)));
    }

    [Fact]
    public void NothingIsCountedTwice()
    {
        Refused("is the same file as", _folder["flat.parquet"], _folder.Path);
        File.CreateSymbolicLink(_folder["link.parquet"], _folder["flat.parquet"]);
        Refused("is the same file as", _folder.Path);
    }

    [Fact]
    public void NoTraceIsAnError()
    {
        Refused("no file matches", _folder["none*.parquet"]);
        Directory.CreateDirectory(_folder["empty"]);
        Refused("without a *.parquet file", _folder["empty"]);
    }

    private void Write(string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
        using var file = new TemporaryTrace(Story.Metadata(Story.TwoRegions), [new Fault(0x10000)], 1);
        File.Copy(file.Path, _folder[name]);
    }

    private string Names(params string[] arguments)
        => string.Join(", ", TraceFiles.Find(arguments).Select(file => Path.GetRelativePath(_folder.Path, file.Name)));

    private static void Refused(string because, params string[] arguments)
    {
        var refusal = Assert.Throws<FaultrecException>(() => TraceFiles.Find(arguments));
        Assert.Equal(ExitCode.Usage, refusal.ExitCode);
        Assert.Contains(because, refusal.Message, StringComparison.Ordinal);
    }
}
