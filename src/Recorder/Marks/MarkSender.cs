using System.Globalization;
using System.Text;
using Faultrec.Recorder.Native;
using Faultrec.Traces;
using Faultrec.Traces.Native;
using Faultrec.Traces.Output;

namespace Faultrec.Recorder.Marks;

/// <summary>Sets a mark in a recording that runs: `faultrec mark`.</summary>
public static class MarkSender
{
    /// <summary>A recorder reads every 20 ms, and at once when it has nothing else to do.</summary>
    private const int PatienceMs = 5000;

    private const int MostCommandCharacters = 60;

    /// <param name="recorder">Process id of the recorder; null: FAULTREC_MARKS names the pipe, or there is only one recording.</param>
    /// <exception cref="FaultrecException">The name is none, or no recording takes the mark.</exception>
    public static void Send(string name, int? recorder)
    {
        var timeNs = Libc.MonotonicNs();
        if (name.Length == 0 || MarkLines.Clean(name) != name)
        {
            throw new FaultrecException(ExitCode.Usage,
                $"mark '{name}': expected a name of 1 to {MarkLines.MostNameBytes} bytes, without control characters and with single spaces");
        }

        Write(PathOf(recorder), string.Create(CultureInfo.InvariantCulture, $"@{timeNs} {name}\n"));
    }

    private static string PathOf(int? recorder)
    {
        if (recorder is null && Environment.GetEnvironmentVariable(MarkPlaces.Variable) is { Length: > 0 } path)
            return path;
        var running = MarkPlaces.Running();
        if (recorder is { } pid)
        {
            return running.Where(place => place.Recorder == pid).Select(place => place.Path).FirstOrDefault()
                ?? throw NoRecording($"--pid {pid}: is no recorder that takes marks from you");
        }

        return running switch
        {
            [var only] => only.Path,
            [] => throw NoRecording("no recording is running that takes marks from you"),
            _ => throw new FaultrecException(ExitCode.Usage,
                $"{running.Count} recordings are running: {string.Join("; ", running.Select(Describe))}; expected one of them; name it with --pid"),
        };
    }

    // SAFETY: write reads the bytes of the pinned array, and poll the one record of this frame.
    private static unsafe void Write(string path, string line)
    {
        using var pipe = new FdHandle(FileCalls.Open(path, FileCalls.WriteOnly | FileCalls.NonBlocking | FileCalls.NoTerminal | FileCalls.CloseOnExec, 0));
        if (pipe.IsInvalid)
            throw NoRecording($"{path}: {FileCalls.Failure().Message}, so no recording reads it");
        if (FoundFile.Read($"/proc/self/fd/{pipe.Fd}") is not { Kind: FileKind.Pipe })
            throw NoRecording($"{path}: is no named pipe, so no recording reads it");
        var bytes = Encoding.UTF8.GetBytes(line);
        var ready = new Libc.PollFd { Fd = pipe.Fd, Events = Libc.PollOut };
        // A line of this length goes in whole or not at all.
        fixed (byte* start = bytes)
        {
            if (Libc.Poll(&ready, 1, PatienceMs) != 1 || Libc.Write(pipe.Fd, start, (nuint)bytes.Length) != bytes.Length)
                throw NoRecording($"{path}: its recorder does not read");
        }
    }

    private static string Describe(MarkPlace place)
    {
        var words = KernelText($"/proc/{place.Recorder}/cmdline").TrimEnd('\0').Replace('\0', ' ');
        return string.Create(CultureInfo.InvariantCulture,
            $"{place.Recorder} ({(words.Length > MostCommandCharacters ? words[..(MostCommandCharacters - 1)] + "…" : words)})");
    }

    private static string KernelText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "ended";
        }
    }

    private static FaultrecException NoRecording(string found)
        => new(ExitCode.NotPermitted, $"{found}; expected a recording that runs; start it with `faultrec record`, or see `faultrec help mark`");
}
