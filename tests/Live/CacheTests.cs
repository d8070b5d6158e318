namespace Faultrec.Live.Tests;

/// <summary>What one recording keeps for the next: tests/Recorder/Symbols/CodeCacheTests.cs and ElfReaderTests.cs have the details.</summary>
public sealed class CacheTests : LiveTest
{
    private const string Folder700 = "/var/cache/faultrec 700 root\n";
    private const string Entries = "stat -c '%n %a %U' /var/cache/faultrec; find /var/cache/faultrec -type f ! -perm 600 -o -type f ! -user root; ";

    /// <summary>Under sudo, too, nothing goes where another user can write.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody XDG_CACHE_HOME=$PWD HOME=$PWD")]
    public void TheSecondRecordingHasTheStacksOfTheFirst(string environment)
    {
        var result = InPrivateCache(
            $"for trace in one two; do env {environment} \"$FAULTREC\" record --as-root -o $trace.parquet -- {Checkout.Fixture("callchain")} >&2 "
            + "|| exit; done; "
            + Entries + "ls /var/cache/faultrec | grep -c . >count; ls -A");

        Assert.True(result.Status == 0, result.Error);
        Assert.Equal(Folder700 + "count\none.parquet\ntwo.parquet\n", result.Output);
        Assert.InRange(int.Parse(File.ReadAllText(Folder["count"]), System.Globalization.CultureInfo.InvariantCulture), 4, 100);
        var (first, second) = (OwnFrames("one.parquet"), OwnFrames("two.parquet"));
        Assert.Equal(first, second);
        Assert.Contains(first, frame => frame.StartsWith("touch_by_store ", StringComparison.Ordinal));
    }

    [Fact]
    public void WithNoCacheNothingIsKept()
    {
        var result = InPrivateCache($"\"$FAULTREC\" record --no-cache -o one.parquet -- {Checkout.Fixture("callchain")} >&2; ls -A /var/cache");

        Assert.Equal((0, ""), (result.Status, result.Output));
        Assert.NotEmpty(OwnFrames("one.parquet"));
    }

    [Theory]
    [InlineData("mkdir -m 770 /var/cache/faultrec", "is open to other users")]
    [InlineData("mkdir -m 700 /var/cache/faultrec; chown 65534 /var/cache/faultrec", "belongs to user 65534")]
    [InlineData("mkdir -m 700 /var/cache/other; ln -s other /var/cache/faultrec", "is a symbolic link")]
    public void AFolderThatAnotherUserMayHavePreparedIsNotUsed(string prepare, string reason)
    {
        var result = InPrivateCache($"{prepare}; \"$FAULTREC\" record -o one.parquet -- {Checkout.Fixture("callchain")} >&2; ls -A /var/cache/faultrec/");

        Assert.Equal((0, ""), (result.Status, result.Output));
        Assert.Contains(
            $"faultrec: /var/cache/faultrec: {reason}, so no names are kept for the next recording; remove it, or give --no-cache", result.ErrorLines);
        Assert.NotEmpty(OwnFrames("one.parquet"));
    }

    private Finished InPrivateCache(string script)
        => Running.ToEnd(
            InFolder with { Environment = new Dictionary<string, string?> { ["FAULTREC"] = Checkout.Faultrec } },
            "unshare", ["--mount", "--propagation", "private", "sh", "-c", "mount -t tmpfs none /var/cache; " + script]);

    // Those that fault in every recording; where else the program faults depends on the page cache.
    private List<string> OwnFrames(string trace)
    {
        var stacks = Rows.Read(Folder[trace]).Metadata.Stacks!;
        return [.. stacks.Frames.Where(frame => frame.Function is "touch_by_store" or "inner" or "outer" or "main")
            .Select(frame => $"{frame.Function} {frame.File}:{frame.Line}").Distinct().Order(StringComparer.Ordinal)];
    }
}
