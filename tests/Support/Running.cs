using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Faultrec.Testing;

/// <param name="Status">Exit code, or 128 + signal.</param>
internal sealed record Finished(int Status, string Output, string Error)
{
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>How to start a program, besides its name and arguments.</summary>
internal sealed record Circumstances
{
    public string? Folder { get; init; }

    /// <summary>Added to the environment; null removes.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();
}

/// <summary>A program under way. Whatever happens to the test, it ends with it.</summary>
internal sealed partial class Running : IDisposable
{
    public const int Sighup = 1;
    public const int Sigint = 2;
    public const int Sigquit = 3;
    public const int Sigkill = 9;
    public const int Sigusr1 = 10;
    public const int Sigusr2 = 12;
    public const int Sigalrm = 14;
    public const int Sigcont = 18;
    public const int Sigstop = 19;
    public const int Sigterm = 15;
    public const int Sigxcpu = 24;

    // A hang, not a measure: machines differ by a factor of fifty in what a fault costs.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private readonly Process _process;
    private readonly Capture _output;
    private readonly Capture _error;

    private Running(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _output = new Capture(_process.StandardOutput);
        _error = new Capture(_process.StandardError);
    }

    public int Pid => _process.Id;

    public string ErrorSoFar => _error.Text;

    public static Running Start(Circumstances circumstances, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = circumstances.Folder ?? Path.GetTempPath(),
        };
        // The tests may themselves run under sudo; what that means is tested where it is set.
        foreach (var name in (string[])["SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND"])
            start.Environment.Remove(name);
        foreach (var (name, value) in circumstances.Environment)
            start.Environment[name] = value;
        return new Running(start);
    }

    public static Running Start(string program, params string[] arguments) => Start(new Circumstances(), program, arguments);

    public static Finished ToEnd(Circumstances circumstances, string program, params string[] arguments)
    {
        using var running = Start(circumstances, program, arguments);
        running._process.StandardInput.Close();
        return running.Wait();
    }

    public static Finished ToEnd(string program, params string[] arguments) => ToEnd(new Circumstances(), program, arguments);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int pid, int signal);

    /// <summary>Sends a signal to this process only, or with a minus to its process group.</summary>
    public void Signal(int signal, bool toGroup = false) => Assert.Equal(0, Kill(toGroup ? -Pid : Pid, signal));

    /// <summary>The next line of its output.</summary>
    public string ReadLine() => _output.ReadLine(Limit) ?? throw new TimeoutException($"no further line of output; stderr: {_error.Text}");

    public void WriteByte()
    {
        _process.StandardInput.Write('\n');
        _process.StandardInput.Flush();
    }

    public void CloseInput() => _process.StandardInput.Close();

    public Finished Wait()
    {
        if (!_process.WaitForExit(Limit))
            throw new TimeoutException($"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} did not end; stderr: {_error.Text}");
        return new Finished(_process.ExitCode, _output.Finish(), _error.Finish());
    }

    /// <summary>Looks until it is so.</summary>
    public static void Until(Func<bool> isSo, string what)
    {
        var time = Stopwatch.StartNew();
        while (!isSo())
        {
            if (time.Elapsed > Limit)
                throw new TimeoutException($"waited in vain: {what}");
            Thread.Sleep(5);
        }
    }

    /// <summary>One number of /proc/PID/status, such as VmHWM; null when the process or the line is gone.</summary>
    public static long? StatusNumber(int pid, string key)
    {
        try
        {
            var line = File.ReadLines($"/proc/{pid}/status").FirstOrDefault(text => text.StartsWith(key + ":", StringComparison.Ordinal));
            return line is null ? null : long.Parse(line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>Reads a stream to its end on a thread of its own, so that no pipe ever fills.</summary>
    private sealed class Capture
    {
        private readonly BlockingCollection<string> _lines = [];
        private readonly System.Text.StringBuilder _text = new();
        private readonly Thread _thread;

        public Capture(StreamReader reader)
        {
            _thread = new Thread(() => Read(reader)) { IsBackground = true };
            _thread.Start();
        }

        public string Text
        {
            get
            {
                lock (_text)
                    return _text.ToString();
            }
        }

        public string? ReadLine(TimeSpan limit) => _lines.TryTake(out var line, limit) ? line : null;

        /// <summary>All of it. A descendant that outlives the program can hold the pipe open: that is not waited for long.</summary>
        public string Finish()
        {
            _thread.Join(TimeSpan.FromSeconds(10));
            return Text;
        }

        private void Read(StreamReader reader)
        {
            while (reader.ReadLine() is { } line)
            {
                lock (_text)
                    _text.Append(line).Append('\n');
                _lines.Add(line);
            }

            _lines.CompleteAdding();
        }
    }
}
