using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Symbols;

/// <summary>This executable, started again for work that must not be done with the recorder's rights, and a socket to it.</summary>
internal sealed class ServiceProcess
{
    /// <summary>Variables by which libdw would ask servers on its own (debuginfod-client-config(7)).</summary>
    private const string DebuginfodPrefix = "DEBUGINFOD_";

    private const int Sigkill = 9;
    private const int Sigxcpu = 24;

    private readonly FdHandle _socket;

    private ServiceProcess(int pid, FdHandle socket) => (Pid, _socket) = (pid, socket);

    /// <summary>How the executable is started; in tests this is not the running one.</summary>
    public static IReadOnlyList<string> Command { get => field ??= Launcher.SelfCommand(); set; }

    public int Pid { get; }

    /// <param name="verb">First argument, which tells the executable its task.</param>
    /// <param name="asCaller">Under sudo, whether the process becomes the user who called it.</param>
    /// <param name="asksServers">Whether this service may ask debuginfod servers.</param>
    // SAFETY: the pointer is null: there are no file actions.
    public static unsafe ServiceProcess Start(string verb, bool asksServers, bool asCaller = true)
    {
        var (ours, theirs) = Socket.Pair();
        using (theirs)
        {
            _ = Libc.Fcntl(theirs.Fd, Libc.FSetfd, 0);
            var variables = NativeArguments.Environment();
            if (!asksServers)
                variables.Keys.Where(name => name.StartsWith(DebuginfodPrefix, StringComparison.Ordinal)).ToList().ForEach(name => variables.Remove(name));
            string[] rights = [];
            if (Confinement.HasCapabilities)
            {
                var user = asCaller ? InvokingUser.FromSudo(Libc.Geteuid() == 0) : null;
                rights = [user?.Name ?? "", Text(user?.Uid ?? 0), Text(user?.Gid ?? 0), user?.Home ?? ""];
            }

            var result = Launcher.TrySpawn([.. Command, verb, Text(theirs.Fd), .. rights], null, out var pid, variables, isHelper: true);
            return result == 0 ? new ServiceProcess(pid, ours) : throw Errno.Failure(result, "starting a process to read files in");
        }
    }

    public bool Write(ReadOnlySpan<byte> message, SafeFileHandle? file = null) => ElfWire.Write(_socket.Fd, message, file);

    public byte[]? Read(int timeoutMs, out SafeFileHandle? file) => ElfWire.Read(_socket.Fd, timeoutMs, out file);

    /// <summary>The process ends by itself when it has read what was sent to it.</summary>
    public void Close() => End(patience: -1);

    /// <summary>Kills the process, after a moment in which it may end by itself.</summary>
    /// <returns>How it ended, as the predicate of a sentence.</returns>
    public string Kill() => End(patience: 10);

    // SAFETY: wait4 writes an int and one struct rusage, both locals.
    private unsafe string End(int patience)
    {
        _socket.Dispose();
        var status = 0;
        Libc.Rusage usage;
        // Its end of the socket closes a moment before it can be waited for.
        for (var tries = patience; tries > 0; tries--)
        {
            if (Libc.Wait4(Pid, &status, Libc.Wnohang, &usage) == Pid)
                return Describe(status);
            Thread.Sleep(10);
        }

        if (patience >= 0)
            _ = Libc.Kill(Pid, Sigkill);
        while (Libc.Wait4(Pid, &status, 0, &usage) < 0 && Marshal.GetLastPInvokeError() == Errno.Eintr)
        {
        }

        return "takes too long";
    }

    // wait(2): the low 7 bits are the signal. A runtime that finds no more memory exits or aborts.
    private static string Describe(int status) => (status & 0x7f) switch
    {
        0 => "gives up",
        Sigxcpu or Sigkill => "takes too long",
        var signal => string.Create(CultureInfo.InvariantCulture, $"crashes (signal {signal})"),
    };

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
