using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Launch;

/// <summary>
/// Environment variables that make runtimes list the code they generate in /tmp/perf-PID.map: without them its frames have no
/// names. They are set for the recorded command, whose children inherit them; a value that the user has set is kept.
/// </summary>
internal static class JitSwitches
{
    private const string NodeOptions = "NODE_OPTIONS";

    // --perf-basic-prof would also leave isolate-…-v8.log in the directory of each process. Without the second, functions that are
    // not compiled yet are all called InterpreterEntryTrampoline.
    private const string NodeSwitches = "--perf-basic-prof-only-functions --interpreted-frames-native-stack";

    // CPython's PYTHONPERFSUPPORT is not set: it makes CPython call each Python function through a piece of code that has no frame
    // pointer and no unwind table, at which most walks end (docs/symbols.md).
    private const string DotnetMaps = "DOTNET_PerfMapEnabled";

    // The map alone: 1 also writes perfinfo-PID.map, 2 a jitdump (src/coreclr/inc/clrconfignames.h).
    private const string DotnetMapOnly = "3";

    public static void AddTo(Dictionary<string, string> variables)
    {
        variables.TryAdd(DotnetMaps, DotnetMapOnly);
        var options = variables.GetValueOrDefault(NodeOptions, "");
        if (!AsksForMap(options))
            variables[NodeOptions] = $"{options} {NodeSwitches}".TrimStart();
    }

    /// <summary>
    /// Deletes the maps that processes of the recording wrote because of <see cref="AddTo"/>, after they have ended: only those of .NET and Node,
    /// because other runtimes write maps, too. Maps that the user's own variables ask for are kept.
    /// </summary>
    public static void DeleteMaps(TraceMetadata recording)
    {
        if (Environment.GetEnvironmentVariable(DotnetMaps) is not null || AsksForMap(Environment.GetEnvironmentVariable(NodeOptions) ?? ""))
            return;
        using var root = RootFolder.TryOpen("/");
        if (root is null)
            return;
        foreach (var pid in recording.Regions.Where(region => IsRuntime(region.Path)).Select(region => region.Pid).Distinct())
        {
            var name = $"/tmp/perf-{pid}.map";
            using var file = root.TryOpenFile(name, out var status);
            if (file is not null && status.ModifiedAt >= recording.StartedAt && !Directory.Exists($"/proc/{pid}"))
                TryDelete(name);
        }
    }

    private static bool AsksForMap(string nodeOptions) => nodeOptions.Contains("--perf-", StringComparison.Ordinal);

    private static bool IsRuntime(string? path)
        => Path.GetFileName(path) is "libcoreclr.so" or "node" or "nodejs" || path?.Contains("/libnode.so", StringComparison.Ordinal) == true;

    private static void TryDelete(string name)
    {
        try
        {
            File.Delete(name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It belongs to somebody else after all.
        }
    }
}
