using System.Diagnostics;
using System.Text;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Debug files from the servers that DEBUGINFOD_URLS names, by elfutils' client (<see cref="DebuginfodService"/>). Used only with
/// `--debuginfod`, because build ids reveal what runs here.
/// </summary>
internal sealed class Debuginfod : IDisposable
{
    public const string Urls = "DEBUGINFOD_URLS";

    /// <summary>Time limits: without receiving a byte, and in total.</summary>
    private const int MaxSilenceMs = 4500;

    private const int MaxDownloadMs = 120_000;

    private readonly Dictionary<string, bool> _known = [];
    private ServiceProcess? _process;

    /// <summary>Null: nothing went wrong. Otherwise servers are no longer asked.</summary>
    public string? Warning { get; private set; }

    /// <returns>Null: no server has it.</returns>
    public RegularFile? Find(string buildId)
    {
        if (Warning is not null || !_known.GetValueOrDefault(buildId, true))
            return null;
        var begin = Stopwatch.GetTimestamp();
        _process ??= ServiceProcess.Start(DebuginfodService.Verb, asksServers: true);
        if (!_process.Write(Encoding.ASCII.GetBytes(buildId)))
            return Fail("the client ended");
        while (_process.Read(MaxSilenceMs, out var file) is { Length: > 0 } reply)
        {
            switch ((ElfReply)reply[0])
            {
                case ElfReply.Progress when Stopwatch.GetElapsedTime(begin).TotalMilliseconds > MaxDownloadMs:
                    return Fail($"a download took longer than {MaxDownloadMs / 1000} s");
                case ElfReply.Progress:
                    continue;
                case ElfReply.Answer:
                    _known[buildId] = file is not null;
                    return file is null ? null : RegularFile.TryOpen($"/proc/self/fd/{file.DangerousGetHandle()}", out _);
                default:
                    return Fail(Encoding.UTF8.GetString(reply.AsSpan(1)));
            }
        }

        return Fail($"no server answered within {MaxSilenceMs / 1000.0:0.0} s");
    }

    public void Dispose()
    {
        _process?.Kill();
        _process = null;
    }

    private RegularFile? Fail(string why)
    {
        Warning = $"--debuginfod: {why}: no further debug file was asked for";
        Dispose();
        return null;
    }
}
