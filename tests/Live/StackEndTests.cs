using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>How many stacks are walked to their end, of programs that are short, many, or bound lazily.</summary>
public sealed class StackEndTests : LiveTest
{
    /// <summary>Where a program, a thread or the kernel's part of an execve begins.</summary>
    private static readonly string[] Roots = ["_start", "_dl_start_user", "__clone3", "clone3", "entry_SYSCALL_64_after_hwframe"];

    [Fact]
    public void LazyBindingIsWalkedThrough()
    {
        var rows = Record(Checkout.Fixture("lazy_binding"));

        var binding = rows.All.Where(row => Functions(rows, row).Any(name => name.StartsWith("_dl_runtime_resolve", StringComparison.Ordinal))).ToList();
        Assert.NotEmpty(binding);
        Assert.All(binding, row => Assert.Equal("_start", Functions(rows, row)[^1]));
    }

    /// <summary>The kernel makes the new program's stack while its registers are still those of who called execve.</summary>
    [Fact]
    public void FaultsOfAnExecveHaveNoFramesOfTheProgramBefore()
    {
        var rows = Record("sh", "-c", "/bin/true; /bin/true; exec /bin/true");

        var executing = rows.All.Where(row => Functions(rows, row).Contains("load_elf_binary")).ToList();
        Assert.NotEmpty(executing);
        Assert.All(executing, row => Assert.All(Frames(rows, row), frame => Assert.Equal("kernel", frame.Kind)));
    }

    /// <summary>Whose memory is gone before anybody could look at it: the next runs of the same program have a table all the same.</summary>
    [Fact]
    public void AShortFirstRunIsNoReasonToCutTheNext()
    {
        File.Copy(Checkout.Fixture("callchain"), Folder["short"]);
        // Nothing names the program in one word.
        var rows = Record("sh", "-c", "p=./sho; ${p}rt 1; sleep 2; i=0; while [ $i -lt 30 ]; do i=$((i+1)); ${p}rt 1; done");

        var runs = rows.All.Where(row => row.Comm == "short").GroupBy(row => row.Pid).OrderBy(run => run.First().TimeNs).Skip(1).SelectMany(run => run)
            .ToList();
        Assert.InRange(runs.Count, 30 * 20, int.MaxValue);
        AssertMost(runs.Count(row => Roots.Contains(Functions(rows, row)[^1])), runs.Count);
    }

    [Fact]
    public void AScriptsInterpreterHasItsTableFromTheStart()
    {
        File.WriteAllText(Folder["script"], "#!/usr/bin/env perl\nmy @numbers = (1 .. 100000);\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Folder["script"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        AssertComplete(Record(Folder["script"]));
    }

    [Fact]
    public void AStormOfShortProgramsIsComplete()
        => AssertComplete(Record("sh", "-c", "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo $i | sed s/1/2/ | cut -c1; uname -s; done"));

    [Fact]
    public void MoreMappingsOfCodeThanThereIsRoomForAreSaid()
    {
        var rows = Record(Checkout.Fixture("many_mappings"), "700");
        Assert.Contains(rows.Metadata.StackRecording!.Warnings, warning => warning.Contains("mappings of code beyond the first 511", StringComparison.Ordinal));
    }

    private Rows Record(string program, params string[] arguments)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "--stacks", "-o", TracePath, "--", program, .. arguments]);
        Assert.Equal(0, result.Status);
        return Rows.Read(TracePath);
    }

    private static void AssertComplete(Rows rows)
    {
        var recording = rows.Metadata.StackRecording!;
        AssertMost(recording.Complete, recording.Complete + recording.Truncated);
    }

    // What runs before a table can be made is cut short.
    private static void AssertMost(long complete, long all) => Assert.True(complete >= 0.95 * all, $"{complete} of {all} stacks are complete");

    private static List<StackFrame> Frames(Rows rows, Row row) => row.StackId is { } id ? [.. rows.Metadata.Stacks!.FramesOf(id)] : [];

    private static List<string> Functions(Rows rows, Row row) => [.. Frames(rows, row).Select(frame => frame.Function ?? "?").DefaultIfEmpty("(no stack)")];
}
