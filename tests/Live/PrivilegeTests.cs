namespace Faultrec.Live.Tests;

/// <summary>As whom the recorded command runs, whose the trace is, and what those hear who may not trace.</summary>
public sealed class PrivilegeTests : LiveTest
{
    private const string Nobody = "65534";

    private static readonly Dictionary<string, string?> ThroughSudo = new()
    {
        ["SUDO_UID"] = Nobody,
        ["SUDO_GID"] = Nobody,
        ["SUDO_USER"] = "nobody",
        ["SUDO_COMMAND"] = "faultrec",
    };

    private string TheirFolder
    {
        get
        {
            var folder = Directory.CreateDirectory(Folder["theirs"]).FullName;
            Assert.Equal(0, Running.ToEnd("chown", $"{Nobody}:{Nobody}", folder).Status);
            return folder;
        }
    }

    [Fact]
    public void UnderSudoTheCommandRunsAsTheCallerWhoseTheTraceIs()
    {
        var trace = Path.Combine(TheirFolder, "trace.parquet");

        var result = Running.ToEnd(
            InFolder with { Environment = ThroughSudo }, Checkout.Faultrec, "record", "-o", trace, "--",
            "sh", "-c", "id -u; id -ru; id -g; id -G; echo $HOME $USER; grep Cap[EP] /proc/self/status");

        Assert.Equal(0, result.Status);
        var expected = Running.ToEnd("setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--init-groups", "id", "-G").Output.Trim();
        var home = Running.ToEnd("getent", "passwd", Nobody).Output.Split(':')[5];
        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([Nobody, Nobody, Nobody, expected, $"{home} nobody"], lines[..5]);
        Assert.All(lines[5..], line => Assert.EndsWith("\t0000000000000000", line));
        Assert.Equal($"{Nobody}:{Nobody}", Running.ToEnd("stat", "-c", "%u:%g", trace).Output.Trim());
        Assert.True(Rows.Read(trace).Receipt.Complete);
        Assert.Equal(0, Running.ToEnd("setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", Checkout.Faultrec, "info", trace).Status);
    }

    [Fact]
    public void AsRootOptsOut()
    {
        var trace = Path.Combine(TheirFolder, "trace.parquet");

        var result = Running.ToEnd(
            InFolder with { Environment = ThroughSudo }, Checkout.Faultrec, "record", "--as-root", "-o", trace, "--", "id", "-u");

        Assert.Equal((0, "0\n"), (result.Status, result.Output));
        Assert.Equal($"{Nobody}:{Nobody}", Running.ToEnd("stat", "-c", "%u:%g", trace).Output.Trim());
    }

    [Fact]
    public void WithoutSudoRootStaysRoot()
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "id", "-u");

        Assert.Equal((0, "0\n"), (result.Status, result.Output));
        Assert.Equal("0:0", Running.ToEnd("stat", "-c", "%u:%g", TracePath).Output.Trim());
    }

    [Fact]
    public void TheRecorderNeverWritesWhereTheCallerMayNot()
    {
        // A link that the caller planted where the recorder, as root, will write.
        var theirs = TheirFolder;
        File.WriteAllText(Folder["precious"], "precious");
        var trace = Path.Combine(theirs, "trace.parquet");
        File.CreateSymbolicLink(trace + ".spool", Folder["precious"]);
        File.CreateSymbolicLink(trace + ".partial", Folder["precious"]);

        _ = Running.ToEnd(InFolder with { Environment = ThroughSudo }, Checkout.Faultrec, "record", "-o", trace, "--", "true");

        Assert.Equal("precious", File.ReadAllText(Folder["precious"]));
        Assert.Equal("0:0", Running.ToEnd("stat", "-c", "%u:%g", Folder["precious"]).Output.Trim());
    }

    [Fact]
    public void WithoutPermissionOneLineSaysTheWayOut()
    {
        var theirs = TheirFolder;

        var result = Running.ToEnd(
            new Circumstances { Folder = theirs }, "setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups",
            Checkout.Faultrec, "record", "--backend", "tracepoint", "--", "touch", Path.Combine(theirs, "ran"));

        Assert.Equal(4, result.Status);
        Assert.Contains("sudo", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(theirs));
    }

    [Fact]
    public void TheDoctorTellsWhatTheyGetAndWhatRootWould()
    {
        var result = Running.ToEnd("setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", Checkout.Faultrec, "doctor");

        var verdict = result.Output.Split('\n')[0];
        Assert.Equal(0, result.Status);
        Assert.Contains("perf backend", verdict, StringComparison.Ordinal);
        Assert.Contains("sudo", verdict, StringComparison.Ordinal);
        Assert.Empty(result.Error);
        var asRoot = Running.ToEnd(Checkout.Faultrec, "doctor");
        Assert.Equal(0, asRoot.Status);
        Assert.StartsWith("As root, faultrec record works here", asRoot.Output);
    }
}
