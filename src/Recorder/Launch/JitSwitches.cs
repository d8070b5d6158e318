using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Launch;

/// <summary>
/// Environment variables by which runtimes write down what code they make, /tmp/perf-PID.map: without them its frames have no
/// names. They are the recorded command's, and its children have them from it; a value that the user has set stays.
/// </summary>
internal static class JitSwitches
{
    private const string NodeOptions = "NODE_OPTIONS";

    // --perf-basic-prof would also leave isolate-…-v8.log in the directory of each process. Without the second, functions that are
    // not compiled yet are all called InterpreterEntryTrampoline.
    private const string NodeSwitches = "--perf-basic-prof-only-functions --interpreted-frames-native-stack";

    // CPython's PYTHONPERFSUPPORT is not among them: it calls each Python function through a piece of code that has no frame
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
    /// Deletes the maps that <see cref="AddTo"/> made processes of the recording write, when they have ended: of .NET and Node, for
    /// other runtimes write some, too. Where the user's own variables ask for them they stay.
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
            // Somebody else's after all.
        }
    }
}
