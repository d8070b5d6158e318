using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>Marks, set from everywhere while a recording runs, and what the phases between them hold.</summary>
public sealed class MarkTests : LiveTest
{
    private const string Nobody = "65534";

    /// <summary>
    /// Touches pages between marks, and says of each phase how many faults getrusage counted in it, the last part of which the marks themselves may be.
    /// With a time of its own a mark stands where the program is, however late it is read.
    /// </summary>
    private const string MarksItself = """
        import mmap, os, resource, time
        memory = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        marks = os.open(os.environ["FAULTREC_MARKS"], os.O_WRONLY)
        def faults():
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        def touch(first, end):
            for page in range(first, end):
                memory[page * 4096] = 1
        for name, first, end in [("load", 0, 1), ("load", 0, 0), ("load", 1, 1000), ("work", 1000, 6000), ("rest", 0, 6000)]:
            os.write(marks, b"@%d %s\n" % (time.clock_gettime_ns(time.CLOCK_MONOTONIC), name.encode()))
            before = faults()
            touch(first, end)
            print(name, faults() - before, flush=True)
        """;

    [Fact]
    public void PhasesHoldTheFaultsThatTheProgramCounted()
    {
        var result = Record("--", "python3", "-c", MarksItself);

        AssertPhases(result);
        Assert.Equal((0, 0), (Rows.Read(TracePath).Receipt.MarksDropped, Rows.Read(TracePath).Receipt.MarksMoved));
    }

    [Fact]
    public void AnOrdinaryUserSetsMarksInARecordingOfTheirOwn()
    {
        Assert.Equal(0, Running.ToEnd("chown", $"{Nobody}:{Nobody}", Folder.Path).Status);

        var result = AsNobody(Checkout.Faultrec, "record", "--backend", "perf", "--force", "-o", TracePath, "--", "python3", "-c", MarksItself);

        AssertPhases(result);
        Assert.Equal("perf", Rows.Read(TracePath).Metadata.Backend.Name);
        Assert.DoesNotContain(Folder.Names, name => name.StartsWith("faultrec.", StringComparison.Ordinal));
    }

    /// <summary>The shell does nothing between the mark and its next program, so that a mark that is read late is still before that.</summary>
    [Fact]
    public void AShellWritesMarksAndTheVerbDoes()
    {
        var touch = $"{Checkout.Fixture("seq_touch")} 16 > /dev/null";

        var result = Record("--", "sh", "-ec",
            $"echo one > \"$FAULTREC_MARKS\"; sleep 1; {touch}; {Checkout.Faultrec} mark two; {touch}; {touch}; {Checkout.Faultrec} mark 'three times'");

        Assert.Equal(0, result.Status);
        Assert.Equal(["one", "two", "three times"], Marks());
        var counts = Phases().ToDictionary(phase => phase.Name, phase => phase.Faults);
        var rows = Rows.Read(TracePath).All.Where(row => row.Comm == "seq_touch").ToList();
        Assert.Equal(0, InPhase(rows, "start"));
        Assert.InRange(InPhase(rows, "two"), 1.8 * InPhase(rows, "one"), 2.2 * InPhase(rows, "one"));
        Assert.True(counts["one"] > 4000, "16 MiB are 4,096 pages");
    }

    /// <summary>From outside: a process that does not know of the recording, two recorders at once, and none.</summary>
    [Fact]
    public void AnotherTerminalSetsMarks()
    {
        using var program = Running.Start(Checkout.Fixture("keep_touching"));
        using var recorder = StartRecording("--pid", $"{program.Pid}");
        Assert.Equal(0, Mark("first").Status);

        using (var second = Running.Start(InFolder, Checkout.Faultrec, "record", "-o", Folder["second.parquet"], "--pid", $"{program.Pid}"))
        {
            Running.Until(() => new FileInfo(Folder["second.parquet.spool"]) is { Exists: true, Length: > 0 }, "the second recording has begun");

            var unclear = Mark("unclear");
            Assert.Equal(2, unclear.Status);
            Assert.Contains($"{second.Pid} (", Assert.Single(unclear.ErrorLines), StringComparison.Ordinal);
            Assert.Contains($"{recorder.Pid} (", unclear.Error, StringComparison.Ordinal);
            Assert.Equal(0, Mark("second", "--pid", $"{recorder.Pid}").Status);
            second.Signal(Running.Sigint);
            Assert.Equal(0, second.Wait().Status);
        }

        Assert.Equal(0, Mark("third").Status);
        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);
        program.Signal(Running.Sigterm);

        Assert.Equal(["first", "second", "third"], Marks());
        Assert.Empty(Rows.Read(Folder["second.parquet"]).Metadata.Marks);
        Assert.Equal(0, Rows.Read(TracePath).Receipt.MarksMoved);
        Assert.Equal(4, Mark("late").Status);
    }

    /// <summary>Root records a program of somebody else, who may set marks, and others may not.</summary>
    [Fact]
    public void ThePipeIsTheRecordedUsers()
    {
        using var program = Running.Start("setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", Checkout.Fixture("keep_touching"));
        using var recorder = StartRecording("--pid", $"{program.Pid}");

        Assert.Equal(0, AsNobody(Checkout.Faultrec, "mark", "theirs").Status);
        Assert.Equal(0, Mark("roots").Status);
        Assert.Equal(4, As("65533", Checkout.Faultrec, "mark", "somebody's").Status);
        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);
        program.Signal(Running.Sigterm);

        Assert.Equal(["theirs", "roots"], Marks());
    }

    [Fact]
    public void HostileLinesAreNamesAtMost()
    {
        const string writes = """
            import os
            with open(os.environ["FAULTREC_MARKS"], "wb", buffering=0) as marks:
                for line in [b"\x1b[31mred\x07\n", b"\n", b"\xff\xfe\n", b"x" * 3000 + b"\n", b"@9223372036854775807 future\n", b"@1 past\n", b"no end"]:
                    marks.write(line)
            """;

        var result = Record("--", "python3", "-c", writes);

        Assert.Equal(0, result.Status);
        Assert.Equal(["past", "[31mred", "mark", "\ufffd\ufffd", new string('x', 64), "future", "no end"], Marks());
        Assert.Equal(2, Rows.Read(TracePath).Receipt.MarksMoved);
        foreach (var verb in (string[][])[["info"], ["report", "--by", "phase"]])
            Assert.DoesNotContain(Running.ToEnd(Checkout.Faultrec, [.. verb, TracePath]).Output, c => char.IsControl(c) && c != '\n');
    }

    [Fact]
    public void TenThousandMarksAreKeptAndTheRestIsCounted()
    {
        var result = Record("--", "sh", "-c", "i=0; while [ $i -lt 10001 ]; do echo m$i; i=$((i+1)); done > \"$FAULTREC_MARKS\"");

        Assert.Equal(0, result.Status);
        Assert.Contains("1 mark not kept, because there were too many", result.Error, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(0, 10_000).Select(i => $"m{i}"), Marks());
        Assert.Equal(1, Rows.Read(TracePath).Receipt.MarksDropped);
    }

    /// <summary>Whoever writes marks must not suffer from the end of the recording: no SIGPIPE, no full pipe, no missing file.</summary>
    [Fact]
    public void MarksAfterTheRecordingHarmNobody()
    {
        const string goesOn = """
            import os, signal, subprocess, sys, time
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            marks = os.open(os.environ["FAULTREC_MARKS"], os.O_WRONLY)
            os.write(marks, b"in time\n")
            print("ready", flush=True)
            while not os.path.exists(sys.argv[1]):
                time.sleep(0.01)
            for _ in range(20000):
                os.write(marks, b"too late\n")
            subprocess.run(["sh", "-ec", 'echo late > "$FAULTREC_MARKS"; "$0" mark late', sys.argv[2]], check=True)
            print("went on", flush=True)
            """;

        using var recorder = Running.Start(
            InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", "python3", "-c", goesOn, TracePath, Checkout.Faultrec);
        Assert.Equal("ready", recorder.ReadLine());
        recorder.Signal(Running.Sigint);

        Assert.Equal("went on", recorder.ReadLine());
        Assert.Equal(0, recorder.Wait().Status);
        Assert.Equal(["in time"], Marks());
    }

    /// <summary>What a killed recorder leaves: marks in its spool, and a folder that the next one removes.</summary>
    [Fact]
    public void AKilledRecorderLosesNoMark()
    {
        using var program = Running.Start(Checkout.Fixture("keep_touching"));
        using var recorder = StartRecording("--pid", $"{program.Pid}");
        Assert.Equal(0, Mark("kept").Status);
        Running.Until(() => File.ReadAllBytes(TracePath + ".spool").AsSpan().IndexOf("\"kept\""u8) >= 0, "the mark is in the spool");
        recorder.Signal(Running.Sigkill);
        recorder.Wait();
        program.Signal(Running.Sigterm);
        Assert.Single(Folders(recorder.Pid));
        Assert.Equal(4, Mark("nobody reads").Status);

        Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "recover", TracePath + ".spool").Status);
        Assert.Equal(["kept"], Marks());

        File.Delete(TracePath + ".spool");
        Assert.Equal(0, Record("--", "true").Status);
        Assert.Empty(Folders(recorder.Pid));
    }

    [Fact]
    public void AnExecveOfTheCommandDividesIt()
    {
        var result = Record("--", "sh", "-c", $"/bin/true; exec {Checkout.Fixture("seq_touch")} 4");

        Assert.Equal(0, result.Status);
        Assert.Equal(["exec seq_touch"], Marks(MarkSource.Exec));
        Assert.Equal(["start", "exec seq_touch"], Phases().Select(phase => phase.Name));
        Assert.InRange(Phases()[1].Faults, 1024, Rows.Read(TracePath).All.Count - 1);
    }

    /// <summary>No mark of a listen that failed, nor of the second.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AProgramThatListensBeginsAPhase(bool withStacks)
    {
        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec,
            ["record", withStacks ? "--stacks" : "--no-stacks", "-o", TracePath, "--", "sh", "-c", $"{Checkout.Fixture("listening")} 50; true"]);

        Assert.Equal(0, result.Status);
        var (said, rows) = (Said(result.Output), Rows.Read(TracePath));
        var mark = Assert.Single(rows.Metadata.Marks);
        Assert.Equal(("listen", MarkSource.Listen), (mark.Name, mark.Source));
        Assert.Equal("listening", rows.Metadata.Processes.Single(process => process.Pid == mark.Pid).Comm);
        Assert.Equal(50, rows.In(Address(said, "before_start"), 50).Count(row => row.TimeNs < mark.TimeNs));
        Assert.Equal(100, rows.In(Address(said, "after_start"), 100).Count(row => row.TimeNs > mark.TimeNs));
        Assert.Equal(["start", "listen"], Phases().Select(phase => phase.Name));
        AssertWhole(rows);
    }

    protected override void Cleanup() => Assert.Empty(Directory.GetDirectories("/run", "faultrec.*"));

    private static string[] Folders(int recorder) => Directory.GetDirectories("/run", $"faultrec.{recorder}.*");

    private static Finished Mark(params string[] arguments) => Running.ToEnd(Checkout.Faultrec, ["mark", .. arguments]);

    private Finished Record(params string[] arguments)
        => Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "--no-stacks", "--force", "-o", TracePath, .. arguments]);

    private Finished AsNobody(params string[] command) => As(Nobody, command);

    // The temporary folder of this test, and no runtime folder: whose pipes are there is known.
    private Finished As(string user, params string[] command)
        => Running.ToEnd(
            InFolder with { Environment = new Dictionary<string, string?> { ["TMPDIR"] = Folder.Path, ["XDG_RUNTIME_DIR"] = null } },
            "setpriv", [$"--reuid={user}", $"--regid={user}", "--clear-groups", .. command]);

    // python3 may be a script that executes the interpreter: that is a mark, too.
    private IEnumerable<string> Marks(string source = MarkSource.Mark)
        => Rows.Read(TracePath).Metadata.Marks.Where(mark => mark.Source == source).Select(mark => mark.Name);

    private List<(string Name, int Faults)> Phases()
    {
        var table = Running.ToEnd(Checkout.Faultrec, "report", "--by", "phase", "--format", "csv", TracePath);
        Assert.Equal(0, table.Status);
        return [.. table.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Skip(1).Select(line => line.Split(','))
            .Select(fields => (fields[0], int.Parse(fields[5], CultureInfo.InvariantCulture)))];
    }

    private int InPhase(List<Row> rows, string name)
    {
        var report = Running.ToEnd(Checkout.Faultrec, "dump", "--phase", name, "--comm", "seq_touch", TracePath);
        Assert.Equal(0, report.Status);
        var faults = report.Output.Count(c => c == '\n') - 1;
        Assert.InRange(faults, 0, rows.Count);
        return faults;
    }

    // The interpreter's own faults come to few; a mark that stood elsewhere would move hundreds.
    private void AssertPhases(Finished recorded)
    {
        Assert.Equal(0, recorded.Status);
        var said = recorded.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).ToList();
        var phases = Phases();

        Assert.Equal(["start", "load", "load 2", "load 3", "work", "rest"], phases.Select(phase => phase.Name));
        for (var i = 0; i < 4; i++)
            Assert.InRange(phases[i + 1].Faults, int.Parse(said[i][1], CultureInfo.InvariantCulture), int.Parse(said[i][1], CultureInfo.InvariantCulture) + 20);
        Assert.InRange(phases[3].Faults, 999, 1019);
        Assert.InRange(phases[4].Faults, 5000, 5020);
        Assert.Equal(Rows.Read(TracePath).All.Count, phases.Sum(phase => phase.Faults));
    }
}
