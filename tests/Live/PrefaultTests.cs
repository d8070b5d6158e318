using System.Text.Json;

namespace Faultrec.Live.Tests;

/// <summary>From a recording to a start that finds its pages.</summary>
public sealed class PrefaultTests : LiveTest
{
    private const int PageSize = 4096;
    private const string Program = "import mmap; f = open('data'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); m.madvise(mmap.MADV_RANDOM); "
        + "[m[page * 4096] for page in (5, 100, 700)]; raise SystemExit(7)";

    [Fact]
    public void TheNextStartFindsWhatTheFirstOneFaultedIn()
    {
        File.WriteAllBytes(Folder["data"], new byte[1024 * PageSize]);
        // What was just written is cached in huge pages, which one fault maps whole.
        Shell("sync data; dd if=data iflag=nocache count=0 status=none");
        Assert.Equal(7, Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", "/usr/bin/python3", "-c", Program).Status);
        Assert.Equal(0,
            Running.ToEnd(InFolder, Checkout.Faultrec, "export", TracePath, "--to", "prefault-plan", "--region", Folder["data"], "-o", "plan").Status);
        Shell("sync data; dd if=data iflag=nocache count=0 status=none");
        Assert.Equal(0, CachedPages());

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "prefault", "plan", "--", "sh", "-c", "exit 7");

        Assert.Equal((7, ""), (result.Status, result.Error));
        var ranges = Ranges();
        Assert.All((long[])[5, 100, 700],
            page => Assert.Contains(ranges, range => range.Offset <= page * PageSize && page * PageSize < range.Offset + range.Length));
        Running.Until(() => CachedPages() == ranges.Sum(range => range.Length) / PageSize, "the kernel has read what the plan names, and no more");
    }

    private List<(long Offset, long Length)> Ranges()
    {
        List<(long, long)> ranges = [];
        foreach (var line in File.ReadLines(Folder["plan"]))
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.TryGetProperty("offset", out var offset))
                ranges.Add((offset.GetInt64(), json.RootElement.GetProperty("length").GetInt64()));
        }

        return ranges;
    }

    private long CachedPages() => long.Parse(Shell("fincore -nbo pages data").Trim(), System.Globalization.CultureInfo.InvariantCulture);

    private string Shell(string line)
    {
        var result = Running.ToEnd(InFolder, "sh", "-c", line);
        Assert.Equal((0, ""), (result.Status, result.Error));
        return result.Output;
    }
}
