namespace Faultrec.Live.Tests;

/// <summary>A command that is recorded finds what it would find without: signals, descriptors, limits, environment.</summary>
public sealed class CommandLifeTests : LiveTest
{
    /// <summary>Sets up its own process as the arguments say, then becomes the command after them.</summary>
    private const string Prepares = """
        import os, resource, signal, sys
        ignored, blocked, closed = (list(map(int, filter(None, text.split(',')))) for text in sys.argv[1:4])
        for number in range(1, 65):
            if number not in (9, 19, 32, 33):
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for fd in closed:
            os.close(fd)
        os.dup2(os.open('/dev/null', os.O_RDONLY), 7)
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, 4000))
        os.execvp(sys.argv[4], sys.argv[4:])
        """;

    /// <summary>What a process is given, into a file.</summary>
    private const string Tells = """
        import os, sys
        def link(fd):
            try:
                return os.readlink('/proc/self/fd/' + fd)
            except OSError:
                return None
        fds = {fd: link(fd) for fd in os.listdir('/proc/self/fd')}
        lines = [line for line in open('/proc/self/status') if line.startswith(('SigBlk', 'SigIgn', 'SigCgt', 'SigPnd', 'NoNewPrivs', 'CapEff', 'Umask'))]
        lines += [fd + ' ' + name + '\n' for fd, name in sorted(fds.items()) if name is not None and not name.startswith('/proc/')]
        lines += open('/proc/self/limits').readlines()
        lines += [f'{name}={os.environ[name]}\n' for name in sorted(os.environ) if not name.startswith(('DOTNET_', 'NODE_', 'FAULTREC_MARKS'))]
        lines += [open('/proc/self/oom_score_adj').read(), str(os.getpriority(os.PRIO_PROCESS, 0)), os.getcwd()]
        open(sys.argv[1], 'w').writelines(lines)
        """;

    [Theory]
    [InlineData("", "", "")]
    [InlineData("1", "", "")] // nohup
    [InlineData("2,3", "", "")] // a script's job in the background
    [InlineData("13,17,12,25", "", "")] // Python's SIGPIPE, SIGCHLD, and what the recorder sets for itself
    [InlineData("", "2,10,15,40", "")]
    [InlineData("34,64", "", "")]
    [InlineData("", "", "0")]
    [InlineData("", "", "1,2")]
    [InlineData("", "", "0,1,2")]
    public void NothingIsOtherwise(string ignored, string blocked, string closed)
    {
        string[] tells = ["/usr/bin/python3", "-I", "-c", Tells];
        string[] prepares = ["-I", "-c", Prepares, ignored, blocked, closed];

        var alone = Running.ToEnd(InFolder, "/usr/bin/python3", [.. prepares, .. tells, Folder["alone"]]);
        var recorded = Running.ToEnd(InFolder, "/usr/bin/python3",
            [.. prepares, Checkout.Faultrec, "record", "-o", TracePath, "--", .. tells, Folder["recorded"]]);

        Assert.Equal((0, 0), (alone.Status, recorded.Status));
        // Pipes of the test are others each time.
        Assert.Equal(WithoutPipes(Folder["alone"]), WithoutPipes(Folder["recorded"]));
        AssertWhole(Rows.Read(TracePath));
    }

    [Fact]
    public void HowItEndedIsKnownThoughTheCallerForgetsItsChildren()
    {
        var result = Running.ToEnd(
            InFolder, "/usr/bin/python3", "-I", "-c", Prepares, "17", "", "", Checkout.Faultrec, "record", "-o", TracePath, "--", "sh", "-c", "exit 7");

        Assert.Equal(7, result.Status);
    }

    private static string[] WithoutPipes(string path)
        => [.. File.ReadAllLines(path).Select(line => line.Contains(" pipe:", StringComparison.Ordinal) ? line.Split(':')[0] : line)];
}
