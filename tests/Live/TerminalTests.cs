namespace Faultrec.Live.Tests;

/// <summary>Terminals that close, and streams that are closed or full, while something is recorded.</summary>
public sealed class TerminalTests : LiveTest
{
    /// <summary>
    /// Runs its arguments as the leader of a session on a terminal of their own, closes that terminal when "ready" was printed on it,
    /// and tells how they ended.
    /// </summary>
    private const string HangsUp = """
        import os, pty, sys
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvp(sys.argv[1], sys.argv[1:])
        seen = b''
        while b'ready' not in seen:
            seen += os.read(terminal, 4096)
        os.close(terminal)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(status if status >= 0 else 128 - status)
        """;

    /// <summary>Says so and waits for a line, or for the end of its terminal.</summary>
    private const string Ready = "echo ready; read line; exit 3";

    [Fact]
    public void AClosedTerminalEndsTheRecordingAndTheCommand()
    {
        var result = HangUp(Checkout.Faultrec, "record", "-o", TracePath, "--", "sh", "-c", "echo ready; while :; do sleep 0.1; done");

        Assert.Equal($"{128 + Running.Sighup}\n", result.Output);
        AssertTrace("interrupted");
    }

    [Fact]
    public void AShellOnTheTerminalTakesTheRecordingWithIt()
    {
        HangUp("sh", "-c", $"{Checkout.Faultrec} record -o {TracePath} -- sh -c 'echo ready; while :; do sleep 0.1; done'; exit 1");

        Running.Until(() => File.Exists(TracePath), "the recording ends though nobody waits for it");
        // The kernel hangs up on the whole foreground group: the command may be gone before the recorder has looked.
        AssertTrace("interrupted", "exited");
    }

    [Fact]
    public void WithoutATerminalTheRecordingGoesOnUnderNohup()
    {
        var result = HangUp("sh", "-c", $"trap '' HUP; exec {Checkout.Faultrec} record -o {TracePath} -- sh -c '{Ready}'");

        Assert.Equal("3\n", result.Output);
        AssertTrace("exited");
    }

    [Theory]
    [InlineData("2>&-")]
    [InlineData(">&-")]
    [InlineData(">&- 2>&-")]
    [InlineData("<&- >&- 2>&-")]
    [InlineData(">/dev/full 2>/dev/full")]
    [InlineData("2> >(true)")]
    [InlineData("> >(true) 2>&1")]
    public void ARecordingIsWholeWhereNothingCanBeSaid(string streams)
    {
        var result = Running.ToEnd(InFolder, "bash", "-c", $"{Checkout.Faultrec} record -o {TracePath} -- sh -c 'sleep 0.3; exit 7' {streams}");

        Assert.Equal((7, ""), (result.Status, result.Output));
        AssertTrace("exited");
    }

    [Theory]
    [InlineData("report", 4)]
    [InlineData("dump", 4)]
    [InlineData("info", 4)]
    public void AReportOnAClosedTerminalIsAnErrorWithoutAStackTrace(string verb, int status)
    {
        Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "true").Status);

        var result = HangUp("sh", "-c", $"trap '' HUP; echo ready; read line; exec {Checkout.Faultrec} {verb} {TracePath} 2>{Folder["said"]}");

        Assert.Equal($"{status}\n", result.Output);
        Assert.StartsWith("faultrec: stdout", Assert.Single(File.ReadAllLines(Folder["said"])));
    }

    private Finished HangUp(params string[] command) => Running.ToEnd(InFolder, "/usr/bin/python3", ["-c", HangsUp, .. command]);

    private void AssertTrace(params string[] endReasons)
    {
        var rows = Rows.Read(TracePath);
        AssertWhole(rows);
        Assert.Contains(rows.Receipt.EndReason, endReasons);
        Running.Until(() => Folder.Names.Count == 1, "only the trace is left");
        Assert.Equal(["trace.parquet"], Folder.Names);
    }
}
