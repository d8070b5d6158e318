using System.Runtime.Versioning;
using System.Text.Json.Nodes;

namespace Faultrec.Live.Tests;

/// <summary>
/// Programs that run with other rights than who executes them, or that he may not read: the kernel takes the perf events of a task
/// away when it executes one.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class RightsTests : LiveTest
{
    private const string Nobody = "65534";

    [Theory]
    [InlineData("seq_touch", "16")]
    [InlineData("threads", "4", "500")]
    [InlineData("exec_chain", "3", "100")]
    [InlineData("kernel_touch", "100")]
    public void ASetUidCommandIsRecorded(params string[] fixture)
        => AssertRecorded([SetUid(fixture[0]), .. fixture[1..]], fixture[0]);

    [Theory]
    [InlineData("sh", "-c", "PROGRAM 16; true")]
    [InlineData("sh", "-c", "PROGRAM 16 & wait")]
    [InlineData("sh", "-c", "exec PROGRAM 16")]
    [InlineData("setpriv", "--reuid", Nobody, "--regid", Nobody, "--clear-groups", "sh", "-c", "PROGRAM 16; true")]
    public void ASetUidChildIsRecorded(params string[] command)
    {
        var program = SetUid("seq_touch");
        AssertRecorded([.. command.Select(word => word.Replace("PROGRAM", program, StringComparison.Ordinal))], "seq_touch");
    }

    /// <summary>What has no events creates what has none: each gets its own.</summary>
    [Fact]
    public void ChildrenOfASetUidProgramAreRecorded()
    {
        var (said, rows) = AssertRecorded([SetUid("fork_cow"), "400", "200"], "fork_cow");

        Assert.InRange((long)rows.OfPid((int)Number(said, "child")).Count, Number(said, "cow_minflt"), Number(said, "children_minflt"));
    }

    [Fact]
    public void AProgramWithCapabilitiesOfItsFileIsRecorded()
    {
        var program = Copy("seq_touch");
        Assert.SkipWhen(Running.ToEnd("setcap", "cap_net_raw+ep", program).Status != 0, "this file system has no capabilities of files");
        AssertRecorded(["setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", program, "16"], "seq_touch");
    }

    [Fact]
    public void AProgramThatMayOnlyBeExecutedIsRecorded()
    {
        var program = Copy("seq_touch");
        File.SetUnixFileMode(program, UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        AssertRecorded(["setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", program, "16"], "seq_touch");
    }

    /// <summary>Counters on the CPUs stay; the end that the kernel tells of the process, because of those on it, is none.</summary>
    [Fact]
    public void AnAttachedProcessThatExecutesASetUidProgramIsFollowed()
    {
        var program = SetUid("seq_touch");
        using var shell = Running.Start("sh", "-c", $"read line; exec {program} 16");
        using var recorder = StartRecording("--pid", $"{shell.Pid}");
        shell.WriteByte();
        var said = Said(shell.Wait().Output);
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath);
        Assert.Equal(Number(said, "touch_minflt"), Touched(rows, said).Count);
        Assert.Equal(0, rows.Receipt.WithoutRegion);
        Assert.Single(rows.Metadata.Processes);
    }

    private (JsonObject Said, Rows Rows) AssertRecorded(string[] command, string fixture)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "--backend", "tracepoint", "-o", TracePath, "--", .. command]);
        Assert.True(result.Status == 0, result.Error);
        var said = Said(result.Output);
        Assert.Equal(fixture, said["fixture"]!.GetValue<string>());
        var rows = Rows.Read(TracePath);
        // What comes before a task has its new events is told by its own counters, once.
        Assert.True(rows.Receipt is { Complete: true, Lost: 0, LostSideband: 0, Missed: 0 }, result.Error);
        Assert.Equal(rows.Receipt.KernelMinor + rows.Receipt.KernelMajor - rows.Receipt.KernelExec - rows.Receipt.InCalls, rows.Receipt.Events);
        Assert.Equal(0, rows.Receipt.WithoutEntry);
        if (fixture == "seq_touch")
            Assert.Equal(Number(said, "touch_minflt"), Touched(rows, said).Count);
        return (said, rows);
    }

    private static List<Row> Touched(Rows rows, JsonObject said)
        => [.. rows.All.Where(row => row.Comm == "seq_touch" && row.Region is { Name: "[anon]" } region
            && region.Size() == (ulong)Number(said, "touch_minflt") << 12)];

    private string SetUid(string fixture)
    {
        var program = Copy(fixture);
        Assert.Equal(0, Running.ToEnd("chown", Nobody, program).Status);
        Assert.Equal(0, Running.ToEnd("chmod", "u+s", program).Status);
        return program;
    }

    private string Copy(string fixture)
    {
        File.SetUnixFileMode(Folder.Path, File.GetUnixFileMode(Folder.Path) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        File.Copy(Checkout.Fixture(fixture), Folder[fixture]);
        return Folder[fixture];
    }
}
