using System.Globalization;
using Faultrec.Traces.Files;

namespace Faultrec.Live.Tests;

/// <summary>
/// What stands where an output goes, in a folder that others can write to: as root, in a mount namespace of the test's own when
/// devices are needed. Nothing that faultrec did not make is followed, written to, renamed or removed.
/// </summary>
public sealed class OutputTests : LiveTest
{
    private const string Nobody = "65534";

    private static readonly Dictionary<string, string?> ThroughSudo = new()
    {
        ["SUDO_UID"] = Nobody,
        ["SUDO_GID"] = Nobody,
        ["SUDO_USER"] = "nobody",
    };

    // The commands of a row write to "out" and read trace.parquet, t.spool and faults.txt.
    private const string TraceVerbs = """
        record -o out -- touch ran
        recover t.spool -o out
        symbolize trace.parquet -o out
        import faults.txt -o out
        """;

    private const string TextVerbs = """
        dump trace.parquet -o out
        report trace.parquet -o out
        report trace.parquet --format json -o out
        diff trace.parquet trace.parquet -o out
        assert trace.parquet --max-failed 9 -o out
        export trace.parquet --to folded -o out
        query trace.parquet 'SELECT 1 AS one' -o out
        simulate trace.parquet -o out
        replay trace.parquet -o out
        trace -o out -- touch ran
        """;

    /// <summary>Each verb with an output against everything that can stand there: only what is a file changes.</summary>
    [Theory]
    [InlineData("mknod out b 7 77", "2", "2")]
    [InlineData("mknod out c 1 3", "2", "0")]
    [InlineData("mkfifo out", "2", "4")]
    [InlineData("mkfifo out; chown 65534 out", "2", "2")]
    [InlineData("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"out\")'", "2", "2")]
    [InlineData("mkdir out; echo precious > out/file", "2", "2")]
    [InlineData("ln -s victim out", "2", "2")]
    [InlineData("ln -s missing out", "2", "2")]
    [InlineData("ln -s /dev/null out", "2", "2")]
    public void WhatIsNoFileStays(string make, string traces, string texts)
    {
        WriteInputs();
        var lines = RunInNamespace($$"""
            state() { stat -c '%n %F %t:%T %a %u:%g %h' out victim; cat victim; ls -dA out* .??* 2> /dev/null; }
            try() {
                rm -rf out; {{make}}
                before=$(state)
                eval "timeout 60 $F $1" > said 2> error < /dev/null; status=$?
                [ "$(state)" = "$before" ] && kept=kept || kept="CHANGED $(state)"
                echo "$1|$status|$kept|$(grep -c . error)|$(tail -n 1 error)"
            }
            echo precious > victim; chmod 640 victim; chown 12:34 victim; touch said error
            cat > verbs <<'END'
            {{TraceVerbs}}
            {{TextVerbs}}
            END
            while read -r verb; do try "$verb"; done < verbs
            """);

        Assert.Equal(14, lines.Length);
        for (var i = 0; i < lines.Length; i++)
        {
            var expected = i < 4 ? traces : texts;
            Assert.True(lines[i].Split('|') is [_, var status, "kept", var said, var error] && status == expected
                && (expected == "0" || (said == "1" && error.Contains("out: is a", StringComparison.Ordinal))), lines[i]);
        }
    }

    [Fact]
    public void APipeThatIsReadIsWrittenTo()
    {
        WriteInputs();
        var lines = RunInNamespace("""
            $F dump trace.parquet > expected
            mkfifo out; (sleep 0.3; cat out > got) & $F dump trace.parquet -o out; echo $?; wait
            cmp expected got && stat -c %F out
            $F dump trace.parquet -o /dev/stdout | cmp - expected && echo stdout
            { echo first; $F dump trace.parquet -o /dev/fd/7; echo last; } > got 7>&1; head -n 1 got; tail -n 1 got; wc -l < expected; wc -l < got
            { $F dump trace.parquet -o /dev/fd/7; echo last >&7; } 7> got; head -n -1 got | cmp - expected && tail -n 1 got
            $F dump trace.parquet -o /dev/fd/99; echo $?
            $F dump trace.parquet -o /dev/full; echo $?
            """);

        Assert.Equal("0", lines[0]);
        Assert.Equal(["fifo", "stdout", "first", "last"], lines[1..5]);
        Assert.Equal(["last", "4", "4"], lines[^3..]);
    }

    /// <summary>Links and hard links to somebody's file at every name that a recording uses, under sudo and as root.</summary>
    [Theory]
    [InlineData("ln -s")]
    [InlineData("ln")]
    public void NothingIsWrittenThroughALink(string link)
    {
        foreach (var environment in (Dictionary<string, string?>[])[[], ThroughSudo])
        {
            foreach (var suffix in (string[])["", ".partial", ".spool", ".old"])
            {
                var folder = Directory.CreateDirectory(Folder[$"{link.Replace(' ', '-')}{suffix}{environment.Count}"]).FullName;
                var script = $"""
                    chmod 777 .; echo precious > victim; chmod 604 victim; chown 12:34 victim
                    {(suffix == ".old" ? "echo first > out" : "")}
                    {link} victim out{suffix}
                    $F record --no-stacks -o out -- touch ran 2> error; echo $?
                    cat victim; stat -c '%a %u:%g' victim; grep -c . error; test -e out.spool || echo whole
                    """;

                var lines = Bash(folder, environment, script);

                // A name that is not used is no obstacle, nor is a file that keeps its other name.
                var isRefused = link == "ln -s" ? suffix != ".partial" : suffix == ".spool";
                Assert.Equal([isRefused ? "2" : "0", "precious", "604 12:34"], lines[..3]);
                Assert.Equal(!isRefused, File.Exists(Path.Combine(folder, "ran")));
                Assert.Equal(isRefused ? "1" : "2", lines[3]);
            }
        }
    }

    [Theory]
    [InlineData("mkfifo out.partial", "0")]
    [InlineData("mkdir out.partial", "0")]
    [InlineData("mkfifo out.spool", "2")]
    [InlineData("mkdir out.spool", "2")]
    [InlineData("echo first > out; mkfifo out.old", "2")]
    [InlineData("echo first > out; mkdir out.old", "2")]
    public void WhatIsInTheWayIsToldAtOnce(string make, string status)
    {
        var before = Bash(Folder.Path, [], $"{make}; stat -c '%n %F' *");

        var lines = Bash(Folder.Path, [], """
            timeout 60 $F record --no-stacks -o out -- touch ran 2> error; echo $?; grep -c . error; grep -o 'out[.a-z]*: is a[a-z ]*' error; rm error
            """);

        Assert.Equal(status, lines[0]);
        if (status == "0")
            return;
        Assert.Equal("1", lines[1]);
        Assert.Matches("^out[.](spool|old): is a (named pipe|directory)", lines[2]);
        Assert.Equal(before, Bash(Folder.Path, [], "stat -c '%n %F' *"));
    }

    [Fact]
    public void ARenamedFolderHasTheTrace()
    {
        var lines = Bash(Folder.Path, [], """
            mkdir before; $F record -o before/t.parquet -- sh -c 'mv before after; mkdir before; exit 7'; echo $?; ls -A before after; $F info after/t.parquet | head -n 1
            """);

        Assert.Equal(["7", "after:", "t.parquet", "before:"], lines[..4]);
    }

    [Fact]
    public void ARemovedFolderLosesNothing()
    {
        var lines = Bash(Folder.Path, new() { ["TMPDIR"] = Directory.CreateDirectory(Folder["temporary"]).FullName }, """
            mkdir gone; $F record -o gone/t.parquet -- sh -c 'rm -r gone; exit 7' 2> error; echo $?; grep -c 'gone/t.parquet: its directory was removed' error
            ls temporary/*.parquet | wc -l; stat -c %a temporary/*.parquet; $F info temporary/*.parquet > /dev/null && echo readable; ls
            """);

        Assert.Equal(["7", "1", "1", "600", "readable", "error", "temporary"], lines);
    }

    /// <summary>Another user opens whatever name there is in the folder, as fast as it can: it gets what all may read, and nothing else.</summary>
    [Fact]
    public void NobodyElseGetsADescriptor()
    {
        WriteInputs();
        File.WriteAllText(Folder["race.pl"], """
            use Fcntl;
            my ($tries, %got) = (0);
            chdir shift;
            $| = 1;
            print "ready\n";
            until (-e "stop") {
                opendir(my $folder, ".");
                for my $name (readdir($folder), "out", "out.spool", "out.partial", "out.old") {
                    $got{$name} = 1 if $name !~ /^\.\.?$|^stop$/ && sysopen(my $file, $name, O_RDONLY | O_NONBLOCK);
                }
                $tries++;
            }
            print join(" ", $tries, sort keys %got), "\n";
            """);
        var shared = Directory.CreateDirectory(Folder["shared"]).FullName;
        Assert.Equal(0, Running.ToEnd("chmod", "1777", shared).Status);
        using var race = Running.Start(InFolder, "setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "perl", Folder["race.pl"], shared);
        Assert.Equal("ready", race.ReadLine());

        var lines = Bash(Folder.Path, [], """
            for i in 1 2; do $F record -o shared/out -- true; done
            $F recover t.spool -o shared/out; $F dump shared/out -o shared/rows; $F query shared/out 'SELECT pfn FROM faults' -o shared/answer; $F export shared/out --to folded -o shared/folded
            $F symbolize shared/out; $F trace --format json -o shared/lines -- true
            stat -c '%n %a' shared/*; touch shared/stop
            """);

        var said = race.ReadLine().Split(' ');
        Assert.True(int.Parse(said[0], CultureInfo.InvariantCulture) > 100, "it tried often");
        Assert.Single(said);
        Assert.Equal(["shared/answer 600", "shared/folded 600", "shared/lines 600", "shared/out 600", "shared/out.old 600", "shared/rows 600"], lines);
    }

    /// <summary>Without frames there is still where the kernel's text lies, which is for those whom kallsyms shows it.</summary>
    [Fact]
    public void KernelAddressesAreForThoseWhoMaySeeThem()
    {
        var lines = Bash(Folder.Path, [], """
            chmod 777 .
            $F record --no-frames -o frameless -- true
            setpriv --reuid=65534 --regid=65534 --clear-groups $F record -o theirs -- true
            $F trace -o text -- true; $F trace --no-frames --format json -o json -- true
            $F report frameless -o report
            stat -c '%n %a' frameless theirs text json report
            setpriv --reuid=65534 --regid=65534 --clear-groups grep -c ' _text$' /proc/kallsyms
            setpriv --reuid=65534 --regid=65534 --clear-groups grep ' _text$' /proc/kallsyms
            """);

        var isHidden = lines[^1].StartsWith("0000000000000000", StringComparison.Ordinal);
        using var reader = TraceReader.Open(Folder["theirs"]);
        Assert.Equal($"frameless {(isHidden ? "600" : "644")}", lines[0]);
        Assert.Equal($"theirs {(isHidden && !reader.Metadata.ExcludeKernel ? "600" : "644")}", lines[1]);
        Assert.Equal(["text 644", $"json {(isHidden ? "600" : "644")}", "report 644"], lines[2..5]);
    }

    /// <summary>Killed while it writes, a verb leaves nothing: without /proc, and so with a name meanwhile, too.</summary>
    [Theory]
    [InlineData("TERM", "")]
    [InlineData("KILL", "")]
    [InlineData("TERM", "mount -t tmpfs tmpfs /proc; ")]
    [InlineData("HUP", "mount -t tmpfs tmpfs /proc; ")]
    public void AnEndedVerbLeavesNothing(string signal, string first)
    {
        WriteInputs();
        var lines = RunInNamespace($"""
            mkdir here; echo first > here/out; mkfifo input
            {first}sh -c 'exec $F import - --force -o here/out < input' 2> error & verb=$!
            exec 8> input; cat faults.txt >&8
            sleep 3; kill -{signal} $verb; wait $verb; status=$?
            [ $status -gt 128 ] && echo ended; ls -A here; cat here/out
            """);

        Assert.Equal(["ended", "out", "first"], lines);
    }

    /// <summary>A recorder that was killed before it began: the next one is not held up.</summary>
    [Fact]
    public void ASpoolOfNothingIsNoObstacle()
    {
        File.WriteAllBytes(TracePath + ".spool", []);

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "true");

        Assert.Equal(0, result.Status);
        Assert.Equal(["trace.parquet"], Folder.Names);
    }

    /// <summary>A recording with frames and stacks, the spool of another, and what perf would say of a fault.</summary>
    private void WriteInputs()
    {
        Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", Checkout.Fixture("seq_touch"), "4").Status);
        using (var killed = Running.Start(InFolder, Checkout.Faultrec, "record", "-o", Folder["t"], "--", "sleep", "60"))
        {
            Running.Until(() => new FileInfo(Folder["t.spool"]) is { Exists: true, Length: > 0 }, "the recording has begun");
            killed.Signal(Running.Sigkill);
            _ = killed.Wait();
        }

        File.WriteAllText(Folder["faults.txt"], "sleep  1234/1234  [001]   100.000000001:          1 minor-faults:u:     7f0000001000     55d000001000\n");
    }

    private string[] RunInNamespace(string script)
    {
        // The folder's files, on a disk on which devices may be made, seen by nobody else.
        var lines = $"""
            mkdir -p disk; mount -t tmpfs tmpfs disk; cp trace.parquet t.spool faults.txt disk/; cd disk
            {script}
            """;
        var result = Running.ToEnd(InFolder with { Environment = WithFaultrec([]) }, "unshare", "-m", "--propagation", "private", "bash", "-c", lines);
        return Lines(result);
    }

    private static string[] Bash(string folder, Dictionary<string, string?> environment, string script)
        => Lines(Running.ToEnd(new Circumstances { Folder = folder, Environment = WithFaultrec(environment) }, "bash", "-c", script));

    private static Dictionary<string, string?> WithFaultrec(Dictionary<string, string?> environment) => new(environment) { ["F"] = Checkout.Faultrec };

    private static string[] Lines(Finished finished) => finished.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
