using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Faultrec.Recorder.Tests.Unwinder;

/// <summary>
/// A program that can be traced: its parent is a shell, not this process, whose runtime takes the stops of children of its own for their
/// ends. Its input is open for as long as this object lives.
/// </summary>
internal sealed class Descendant : IDisposable
{
    private const string ReadsInput = "0 0x0 "; // proc_pid_syscall(5): read, of standard input
    private const string Scope = "/proc/sys/kernel/yama/ptrace_scope";

    private readonly Process _shell;

    public Descendant(string program, params string[] arguments)
    {
        Assert.SkipWhen(IsForbidden, $"{Scope} lets nobody trace programs but root");
        var start = new ProcessStartInfo("sh", ["-c", "exec 3<&0; \"$0\" \"$@\" <&3 & exec 3<&-; wait", program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        _shell = Process.Start(start)!;
        Said = [.. Lines()];
        var id = int.Parse(Said[0], CultureInfo.InvariantCulture);
        while (!File.ReadAllText($"/proc/{id}/syscall").StartsWith(ReadsInput, StringComparison.Ordinal))
            System.Threading.Thread.Sleep(1);
        Thread = TracedThread.Stop(id);
    }

    /// <summary>The lines before the first empty one; the first is the id of the thread that reads its input then.</summary>
    public IReadOnlyList<string> Said { get; }

    /// <summary>It has said all and is stopped.</summary>
    public TracedThread Thread { get; }

    public void Write(char character)
    {
        _shell.StandardInput.Write(character);
        _shell.StandardInput.Flush();
    }

    public void Dispose()
    {
        Thread.Dispose();
        _shell.WaitForExit();
        _shell.Dispose();
    }

    // Documentation/admin-guide/LSM/Yama.rst: 1 is for descendants only.
    private static bool IsForbidden => !Environment.IsPrivilegedProcess && File.Exists(Scope) && File.ReadAllText(Scope)[0] > '1';

    private IEnumerable<string> Lines()
    {
        while (_shell.StandardOutput.ReadLine() is { Length: > 0 } line)
            yield return line;
    }
}
